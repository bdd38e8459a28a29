/* Fitters and students by the name of a method, their options as text. */
#include <string.h>

#include "core/options.h"
#include "methods/student.h"
#include "model/option_pairs.h"

typedef ad_status (*set_option)(void *options, const char *key, const char *value);

#define SETTER(name)                                                                               \
    static ad_status set_##name(void *options, const char *key, const char *value)                 \
    {                                                                                              \
        return ad_##name##_options_set(options, key, value);                                       \
    }
SETTER(gaussian)
SETTER(padim)
SETTER(stfpm)
SETTER(ast)
SETTER(masked_rd)

/* Options that say what a student is; the others say how it is trained, seed and preset do both. */
static const char *const stfpm_keys[] = {"layers", "seed", NULL};
static const char *const unet_keys[] = {"layers",     "seed",       "unet_head",
                                        "unet_depth", "unet_convs", NULL};
static const char *const ast_keys[] = {"layers",      "mode",           "flow_blocks",    "flow_hidden",
                                       "student_blocks", "student_hidden", "positions", "alpha",
                                       "leaky",       "seed",           "preset",         NULL};
static const char *const masked_rd_keys[] = {
    "layers",    "levels",      "msff_out", "scsatt",    "sru",       "cru",       "simam",  "gate",
    "gn_groups", "cru_softmax", "fmm",      "fmm_align", "mask_rate", "eval_mask", "seed", "preset",
    NULL};
static const char *const unet_training_keys[] = {
    "unet_head", "unet_depth",        "unet_convs", "pretrain_epochs", "pretrain_lr",
    "unet_lr",   "unet_weight_decay", "rec_weight", "sim_weight",      "rec_target",
    "rec_stopgrad", NULL};

static int is_one_of(const char *key, const char *const *keys)
{
    for (; *keys; keys++)
        if (strcmp(*keys, key) == 0)
            return 1;
    return 0;
}

static const char *const *keys_of(int32_t kind)
{
    return kind == AD_STUDENT_AST            ? ast_keys
           : kind == AD_STUDENT_MASKED_RD    ? masked_rd_keys
           : kind == AD_STUDENT_STFPM_UNET   ? unet_keys
                                             : stfpm_keys;
}

static int is_both(const char *key)
{
    return strcmp(key, "seed") == 0 || strcmp(key, "preset") == 0;
}

/* What of the options is a student's. */
static ad_status set_student(const adi_option_pairs *pairs, const char *method, int alone,
                             ad_student_options *out)
{
    ad_student_options_init(out, sizeof *out);
    ADI_TRY(ad_student_options_set(out, "kind", method));
    for (int32_t i = 0; i < pairs->count; i++) {
        const char *key = pairs->items[i].key, *value = pairs->items[i].value;
        ADI_CHECK_ARG(out->kind != AD_STUDENT_STFPM || !is_one_of(key, unet_training_keys),
                      "option %s: stfpm has no U-Nets; stfpm_unet has", key);
        if (is_one_of(key, keys_of(out->kind)))
            ADI_TRY(ad_student_options_set(out, key, value));
        else
            ADI_CHECK_ARG(!alone, "%s is no option of a student of %s", key, method);
    }
    return AD_OK;
}

static ad_status set_all(const adi_option_pairs *pairs, set_option set, void *options)
{
    for (int32_t i = 0; i < pairs->count; i++)
        ADI_TRY(set(options, pairs->items[i].key, pairs->items[i].value));
    return AD_OK;
}

/* What of the options is the training's. */
static ad_status set_training(const adi_option_pairs *pairs, int32_t kind, int alone,
                              set_option set, void *options)
{
    for (int32_t i = 0; i < pairs->count; i++) {
        const char *key = pairs->items[i].key, *value = pairs->items[i].value;
        ADI_CHECK_ARG(kind != AD_STUDENT_STFPM || !is_one_of(key, unet_training_keys),
                      "option %s: stfpm has no U-Nets; stfpm_unet has", key);
        const int mine = is_one_of(key, keys_of(kind));
        ADI_CHECK_ARG(!mine || !alone || is_both(key),
                      "option %s says what a student is: give it to ad_student_create()", key);
        if (!mine || is_both(key))
            ADI_TRY(set(options, key, value));
    }
    return AD_OK;
}

static ad_status create_with(ad_student *student, const adi_option_pairs *pairs, int alone,
                             ad_fitter **out_fitter)
{
    const int32_t kind = student->options.kind;
    if (kind == AD_STUDENT_AST) {
        ad_ast_options o;
        ad_ast_options_init(&o, sizeof o);
        ADI_TRY(set_training(pairs, kind, alone, set_ast, &o));
        return ad_ast_fitter_create(student, &o, out_fitter);
    }
    if (kind == AD_STUDENT_MASKED_RD) {
        ad_masked_rd_options o;
        ad_masked_rd_options_init(&o, sizeof o);
        ADI_TRY(set_training(pairs, kind, alone, set_masked_rd, &o));
        return ad_masked_rd_fitter_create(student, &o, out_fitter);
    }
    ad_stfpm_options o;
    ad_stfpm_options_init(&o, sizeof o);
    ADI_TRY(set_training(pairs, kind, alone, set_stfpm, &o));
    return ad_stfpm_fitter_create(student, &o, out_fitter);
}

static ad_status create(ad_backbone *backbone, const char *method, const adi_option_pairs *pairs,
                        ad_fitter **out_fitter)
{
    if (strcmp(method, "gaussian") == 0) {
        ad_gaussian_options o;
        ad_gaussian_options_init(&o, sizeof o);
        ADI_TRY(set_all(pairs, set_gaussian, &o));
        return ad_gaussian_fitter_create(backbone, &o, out_fitter);
    }
    if (strcmp(method, "padim") == 0) {
        ad_padim_options o;
        ad_padim_options_init(&o, sizeof o);
        ADI_TRY(set_all(pairs, set_padim, &o));
        return ad_padim_fitter_create(backbone, &o, out_fitter);
    }
    ADI_CHECK_ARG(adi_method_find(method),
                  "no method '%.40s': there are gaussian, padim, stfpm, stfpm_unet, ast, masked_rd",
                  method);
    ad_student_options o;
    ad_student *student = NULL;
    ADI_TRY(set_student(pairs, method, 0, &o));
    ADI_TRY(ad_student_create_old(backbone, &o, &student));
    const ad_status status = create_with(student, pairs, 0, out_fitter);
    ad_student_destroy(student);
    return status;
}

ad_status ad_fitter_create(ad_backbone *backbone, const char *method, const char *options,
                           ad_fitter **out_fitter)
{
    ADI_CHECK_ARG(backbone && method && out_fitter, "ad_fitter_create: an argument is NULL");
    *out_fitter = NULL;
    adi_option_pairs pairs;
    ADI_TRY(adi_option_pairs_read(&backbone->context->allocator, options, &pairs));
    const ad_status status = create(backbone, method, &pairs, out_fitter);
    adi_option_pairs_free(&pairs);
    return status;
}

ad_status ad_fitter_create_with(ad_student *student, const char *options, ad_fitter **out_fitter)
{
    ADI_CHECK_ARG(student && out_fitter, "ad_fitter_create_with: an argument is NULL");
    *out_fitter = NULL;
    adi_option_pairs pairs;
    ADI_TRY(adi_option_pairs_read(&student->teacher->context->allocator, options, &pairs));
    const ad_status status = create_with(student, &pairs, 1, out_fitter);
    adi_option_pairs_free(&pairs);
    return status;
}

ad_student *ad_fitter_student(const ad_fitter *fitter)
{
    return fitter && fitter->method->student ? fitter->method->student(fitter->state) : NULL;
}

ad_status ad_student_create(ad_backbone *teacher, const char *method, const char *options,
                            ad_student **out_student)
{
    ADI_CHECK_ARG(teacher && method && out_student, "ad_student_create: an argument is NULL");
    *out_student = NULL;
    adi_option_pairs pairs;
    ad_student_options o;
    ADI_TRY(adi_option_pairs_read(&teacher->context->allocator, options, &pairs));
    ad_status status = set_student(&pairs, method, 1, &o);
    if (status == AD_OK)
        status = ad_student_create_old(teacher, &o, out_student);
    adi_option_pairs_free(&pairs);
    return status;
}

static ad_status load(ad_backbone *teacher, const char *path, const char *method,
                      const adi_option_pairs *pairs, ad_student **out_student)
{
    adi_safetensors *file = NULL;
    ADI_TRY(adi_st_open(&teacher->context->allocator, path, &file));
    const char *kind = adi_st_meta(file, "adfeat.student.kind");
    ad_student_options o;
    ad_status status = AD_OK;
    if (!method)
        method = kind ? kind : "stfpm";
    if (kind && strcmp(kind, method) != 0)
        status = adi_fail(AD_ERR_MISMATCH, "the student is of method %.40s, not of %s", kind, method);
    if (status == AD_OK && (!kind || pairs->count)) /* else the file alone says what it is */
        status = set_student(pairs, method, 1, &o);
    int given = method != kind && !kind;
    for (int32_t i = 0; i < pairs->count; i++)
        given |= strcmp(pairs->items[i].key, "seed") != 0;
    if (status == AD_OK && given && kind) { /* what the options leave open is as the file says */
        ad_student_options said;
        status = adi_student_options_of(file, &said);
        for (int32_t i = 0; status == AD_OK && i < pairs->count; i++)
            status = adi_student_set(&said, pairs->items[i].key, pairs->items[i].value);
        o = said;
    }
    if (status == AD_OK)
        status = adi_student_read(teacher, file, given ? &o : NULL, out_student);
    adi_st_close(file);
    return status;
}

ad_status ad_student_load(ad_backbone *teacher, const char *path, const char *method,
                          const char *options, ad_student **out_student)
{
    ADI_CHECK_ARG(teacher && path && out_student, "ad_student_load: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_student = NULL;
    adi_option_pairs pairs;
    ADI_TRY(adi_option_pairs_read(&teacher->context->allocator, options, &pairs));
    const ad_status status = load(teacher, path, method, &pairs, out_student);
    adi_option_pairs_free(&pairs);
    return adi_fail_in_file(status, "student", path);
}
