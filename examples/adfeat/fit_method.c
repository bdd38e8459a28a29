/* From settings to a fitter, a function a method. */
#include "fit_method.h"

#include <stdio.h>
#include <string.h>

/* A preset for another network shows as a layer that nobody named. */
static int made(const fit_state *s, ad_status status)
{
    if (status && s->r.preset)
        return cli_fail("%s (with preset %s)", ad_last_error_message(), s->r.preset);
    return status ? cli_fail_library() : CLI_OK;
}

static int make_gaussian(fit_state *s)
{
    ad_gaussian_options options;
    ad_gaussian_options_init(&options, sizeof options);
    for (int i = 0; i < s->r.set.count; i++)
        if (ad_gaussian_options_set(&options, s->r.set.items[i].key, s->r.set.items[i].value))
            return cli_usage("%s", ad_last_error_message());
    const int code = cli_open_backbone(s->context, &s->r.network, s->r.weights, &s->backbone);
    if (code != CLI_OK)
        return code;
    return made(s, ad_gaussian_fitter_create(s->backbone, &options, &s->fitter));
}

static int make_padim(fit_state *s)
{
    ad_padim_options options;
    ad_padim_options_init(&options, sizeof options);
    for (int i = 0; i < s->r.set.count; i++)
        if (ad_padim_options_set(&options, s->r.set.items[i].key, s->r.set.items[i].value))
            return cli_usage("%s", ad_last_error_message());
    const int code = cli_open_backbone(s->context, &s->r.network, s->r.weights, &s->backbone);
    if (code != CLI_OK)
        return code;
    return made(s, ad_padim_fitter_create(s->backbone, &options, &s->fitter));
}

static int is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return 1;
    return 0;
}

/* Which of the settings say what a student is; the others say how it is trained, and the seed does both. */
static const char *const stfpm_keys[] = {"layers", "unet_head", "unet_depth", "unet_convs", "seed", NULL};
static const char *const ast_keys[] = {"layers", "mode", "flow_blocks", "flow_hidden", "student_blocks", "student_hidden",
                                       "positions", "alpha", "leaky", "seed", "preset", NULL};
static const char *const masked_rd_keys[] = {"layers", "levels", "msff_out", "scsatt", "sru", "cru", "simam", "gate",
                                             "gn_groups", "cru_softmax", "fmm", "fmm_align", "mask_rate", "eval_mask",
                                             "seed", "preset", NULL};

static int is_of_student(const char *const *keys, const char *key)
{
    for (; *keys; keys++)
        if (strcmp(*keys, key) == 0)
            return 1;
    return 0;
}

/* Settings that would silently do nothing. */
static int is_of_unets(const char *key, const char *value)
{
    static const char *const keys[] = {"unet_head", "unet_depth", "unet_convs", "pretrain_epochs", "pretrain_lr",
                                       "unet_lr", "unet_weight_decay", "rec_weight", "sim_weight", "rec_target",
                                       "rec_stopgrad"};
    return is_one_of(key, keys, sizeof keys / sizeof *keys)
           || (strcmp(key, "preset") == 0 && strcmp(value, "stfpm_unet") == 0);
}

static int bad_setting(int of_student, const char *more)
{
    const char *const why = ad_last_error_message();
    if (strncmp(why, "no option", 9) == 0 && !of_student)
        return cli_usage("%s, %s", why, more);
    return cli_usage("%s", why);
}

static int not_of(const fit_state *s, const char *kind)
{
    return cli_fail("'%s' is a student of %s, not of %s", s->train.student, kind, s->method->name);
}

/* What a student's file says of itself. */
typedef struct described {
    char kind[32], layers[1024];
    const settings *set;         /* the user's, which come first */
    ad_student_options *options; /* that take what the user did not set */
} described;

static int is_set(const settings *set, const char *key)
{
    for (int i = 0; i < set->count; i++)
        if (strcmp(set->items[i].key, key) == 0)
            return 1;
    return 0;
}

static int take_entry(void *user, const char *key, const char *value)
{
    static const char prefix[] = "adfeat.student.";
    described *d = user;
    const char *name = key + sizeof prefix - 1;
    if (strncmp(key, prefix, sizeof prefix - 1) != 0)
        return 0;
    if (strcmp(name, "kind") == 0)
        snprintf(d->kind, sizeof d->kind, "%s", value);
    else if (strcmp(name, "layers") == 0 && !is_set(d->set, name)) {
        snprintf(d->layers, sizeof d->layers, "%s", value); /* strings are not copied by the setter */
        d->options->layers = d->layers;
    } else if (strcmp(name, "epochs") != 0 && !is_set(d->set, name) && ad_student_options_set(d->options, name, value)) {
        return 0; /* loading the file says what is wrong with it */
    }
    return 0;
}

static int make_student(fit_state *s, ad_student_options *options, int given)
{
    described d = {.set = &s->r.set, .options = options};
    const char *const file = s->train.student;
    if (!file)
        return made(s, ad_student_create_old(s->backbone, options, &s->student));
    if (ad_file_metadata(s->context, file, take_entry, &d))
        return cli_fail_library();
    if (*d.kind && strcmp(d.kind, s->method->name) != 0)
        return not_of(s, d.kind);
    /* What the user does not say is as the file says it, and only then as options say it by default. */
    if (ad_student_load_old(s->backbone, file, given ? options : NULL, &s->student))
        return cli_fail_library();
    ad_student_info info = {.struct_size = sizeof info};
    if (ad_student_get_info(s->student, &info))
        return cli_fail_library();
    if (info.kind != options->kind) /* a file that does not say it */
        return not_of(s, info.kind == AD_STUDENT_AST ? "ast" : info.kind == AD_STUDENT_MASKED_RD ? "masked_rd" : "stfpm");
    return CLI_OK;
}

static int make_stfpm(fit_state *s)
{
    ad_stfpm_options options;
    ad_student_options student;
    int given = 0;
    ad_stfpm_options_init(&options, sizeof options);
    ad_student_options_init(&student, sizeof student);
    if (ad_student_options_set(&student, "kind", s->method->name))
        return cli_usage("%s", ad_last_error_message());
    for (int i = 0; i < s->r.set.count; i++) {
        const char *const key = s->r.set.items[i].key, *const value = s->r.set.items[i].value;
        const int seed = strcmp(key, "seed") == 0;
        if (student.kind == AD_STUDENT_STFPM && is_of_unets(key, value))
            return cli_usage("option %s: stfpm has no U-Nets; stfpm_unet has", key);
        const int mine = is_of_student(stfpm_keys, key);
        if ((mine && ad_student_options_set(&student, key, value))
            || ((seed || !mine) && ad_stfpm_options_set(&options, key, value)))
            return bad_setting(mine, "layers; of U-Nets unet_head, unet_depth, unet_convs");
        given |= mine && !seed; /* a student that was loaded is not made of a seed */
    }
    if (!options.epochs && !s->train.student)
        return cli_usage("option --epochs: 0 takes a student as it is, and there is no --student");
    int code = cli_open_backbone(s->context, &s->r.network, s->r.weights, &s->backbone);
    if (code == CLI_OK)
        code = make_student(s, &student, given);
    return code == CLI_OK ? made(s, ad_stfpm_fitter_create(s->student, &options, &s->fitter)) : code;
}

/* A setter of a method's own options. */
typedef ad_status (*set_option)(void *options, const char *key, const char *value);

static ad_status set_ast(void *options, const char *key, const char *value)
{
    return ad_ast_options_set(options, key, value);
}

static ad_status set_masked_rd(void *options, const char *key, const char *value)
{
    return ad_masked_rd_options_set(options, key, value);
}

/* Settings to where they belong; the seed and the preset are of both. *out_given: the user said what the student is. */
static int take_settings(const fit_state *s, ad_student_options *student, const char *const *keys, const char *more,
                         void *options, set_option set, int *out_given)
{
    *out_given = 0;
    for (int i = 0; i < s->r.set.count; i++) {
        const char *const key = s->r.set.items[i].key, *const value = s->r.set.items[i].value;
        const int both = strcmp(key, "seed") == 0 || strcmp(key, "preset") == 0, mine = is_of_student(keys, key);
        if ((mine && ad_student_options_set(student, key, value)) || ((both || !mine) && set(options, key, value)))
            return bad_setting(mine, more);
        *out_given |= mine && !both;
    }
    return CLI_OK;
}

static int make_ast(fit_state *s)
{
    ad_ast_options options;
    ad_student_options student;
    int given = 0;
    ad_ast_options_init(&options, sizeof options);
    ad_student_options_init(&student, sizeof student);
    student.kind = AD_STUDENT_AST;
    int code = take_settings(s, &student, ast_keys, "layers, mode, flow_blocks, flow_hidden, student_blocks, student_hidden, "
                             "positions, alpha, leaky", &options, set_ast, &given);
    if (code == CLI_OK && !options.teacher_epochs && !options.student_epochs && !s->train.student)
        code = cli_usage("option --epochs: 0 takes flow and student as they are, and there is no --student");
    if (code == CLI_OK)
        code = cli_open_backbone(s->context, &s->r.network, s->r.weights, &s->backbone);
    if (code == CLI_OK)
        code = make_student(s, &student, given);
    return code == CLI_OK ? made(s, ad_ast_fitter_create(s->student, &options, &s->fitter)) : code;
}

static int make_masked_rd(fit_state *s)
{
    ad_masked_rd_options options;
    ad_student_options student;
    int given = 0;
    ad_masked_rd_options_init(&options, sizeof options);
    ad_student_options_init(&student, sizeof student);
    student.kind = AD_STUDENT_MASKED_RD;
    int code = take_settings(s, &student, masked_rd_keys, "levels, msff_out, scsatt, sru, cru, simam, gate, gn_groups, "
                             "cru_softmax, fmm, fmm_align, mask_rate, eval_mask", &options, set_masked_rd, &given);
    if (code == CLI_OK && !options.epochs && !s->train.student)
        code = cli_usage("option --epochs: 0 takes a student as it is, and there is no --student");
    if (code == CLI_OK)
        code = cli_open_backbone(s->context, &s->r.network, s->r.weights, &s->backbone);
    /* A preset says what a student is, so that a checkpoint that says nothing of itself is read as one of it. */
    if (code == CLI_OK)
        code = make_student(s, &student, given || s->r.preset);
    return code == CLI_OK ? made(s, ad_masked_rd_fitter_create(s->student, &options, &s->fitter)) : code;
}

static const fit_method methods[] = {{"gaussian", make_gaussian, 0},
                                 {"padim", make_padim, 0},
                                 {"stfpm", make_stfpm, 1},
                                 {"stfpm_unet", make_stfpm, 1},
                                 {"ast", make_ast, 1},
                                 {"masked_rd", make_masked_rd, 1}};

const fit_method *fit_method_find(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

const char *fit_method_names(void)
{
    return "gaussian, padim, stfpm, stfpm_unet, ast, masked_rd";
}
