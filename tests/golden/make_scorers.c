/* Scorer files, students and checkpoints of every method, written when each method had an options
 * struct of its own, and the scores that the library gave then. Built once, in a checkout of commit
 * 9d03ccd to which this file and scorer_cases.h were copied; kept to show where the files come
 * from: cc -Itests -Ilib -Ibackends -Iinclude tests/golden/make_scorers.c libadfeat.a <libraries,
 * cmocka>
 *     ./a.out scorers old_scorers.h
 * writes scorers/<case>.scorer.safetensors, of trained methods .student and .checkpoint, and the
 * header. Everything is fitted and scored by the device ref with one thread. */
#include <sys/stat.h>

#include "core/error.h"
#include "golden/scorer_cases.h"

/* ---- Options as text, by the calls of then ---- */

typedef struct text_pair {
    char *key, *value;
} text_pair;

enum { TEXT_PAIRS = 24, TEXT_TEXT = 1000 };

/* Splits `text` in place; returns how many pairs there are. */
static int text_split(char *text, text_pair *pairs)
{
    int count = 0;
    for (char *at = text, *end; at && *at; at = end) {
        char *equals = strchr(at, '='), *next = equals ? strchr(equals, '=') : NULL;
        next = next ? strchr(next + 1, '=') : NULL;
        end = next;
        while (end && *end != ',')
            end--;
        if (!equals || count == TEXT_PAIRS)
            return -1;
        *equals = '\0';
        if (end)
            *end++ = '\0';
        pairs[count++] = (text_pair){at + strspn(at, " "), equals + 1};
    }
    return count;
}

typedef ad_status (*text_setter)(void *options, const char *key, const char *value);

static ad_status text_of_student(void *o, const char *key, const char *value)
{
    return ad_student_options_set(o, key, value);
}

static ad_status text_of_stfpm(void *o, const char *key, const char *value)
{
    return ad_stfpm_options_set(o, key, value);
}

static ad_status text_of_ast(void *o, const char *key, const char *value)
{
    return ad_ast_options_set(o, key, value);
}

static ad_status text_of_masked_rd(void *o, const char *key, const char *value)
{
    return ad_masked_rd_options_set(o, key, value);
}

static ad_status text_of_gaussian(void *o, const char *key, const char *value)
{
    return ad_gaussian_options_set(o, key, value);
}

static ad_status text_of_padim(void *o, const char *key, const char *value)
{
    return ad_padim_options_set(o, key, value);
}

/* Each pair into a, or b, or both: whoever knows it. b may be NULL. */
static ad_status text_set(char *text, text_setter set_a, void *a, text_setter set_b, void *b)
{
    text_pair pairs[TEXT_PAIRS];
    const int count = text_split(text, pairs);
    if (count < 0)
        return adi_fail(AD_ERR_INVALID_ARGUMENT, "options are no list of key=value");
    for (int i = 0; i < count; i++) {
        const int taken = b && set_b(b, pairs[i].key, pairs[i].value) == AD_OK;
        const ad_status status = set_a(a, pairs[i].key, pairs[i].value);
        if (status && !taken)
            return status;
    }
    return AD_OK;
}

/* A text that may be written to; NULL is none. */
static char *text_text(char *out, const char *options)
{
    snprintf(out, TEXT_TEXT, "%s", options ? options : "");
    return out;
}

/* The options of a training, for each kind of student. */
typedef struct text_training {
    union {
        ad_stfpm_options stfpm;
        ad_ast_options ast;
        ad_masked_rd_options masked_rd;
    } o;
    text_setter set;
} text_training;

static text_training text_training_of(int32_t kind)
{
    text_training t;
    memset(&t, 0, sizeof t);
    if (kind == AD_STUDENT_AST) {
        ad_ast_options_init(&t.o.ast, sizeof t.o.ast);
        t.set = text_of_ast;
    } else if (kind == AD_STUDENT_MASKED_RD) {
        ad_masked_rd_options_init(&t.o.masked_rd, sizeof t.o.masked_rd);
        t.set = text_of_masked_rd;
    } else {
        ad_stfpm_options_init(&t.o.stfpm, sizeof t.o.stfpm);
        t.set = text_of_stfpm;
    }
    return t;
}

static ad_status text_train(ad_student *student, int32_t kind, const text_training *t,
                            ad_fitter **out)
{
    if (kind == AD_STUDENT_AST)
        return ad_ast_fitter_create(student, &t->o.ast, out);
    if (kind == AD_STUDENT_MASKED_RD)
        return ad_masked_rd_fitter_create(student, &t->o.masked_rd, out);
    return ad_stfpm_fitter_create(student, &t->o.stfpm, out);
}

/* The kind of student that a method trains; -1: none. */
static int32_t text_kind(const char *method)
{
    static const char *const names[] = {"stfpm", "stfpm_unet", "ast", "masked_rd"};
    for (int32_t i = 0; i < 4; i++)
        if (strcmp(names[i], method) == 0)
            return i;
    return -1;
}

/* Options of the training are passed over. */
static ad_status text_student(ad_backbone *net, const char *method, const char *options,
                              ad_student **out)
{
    char text[TEXT_TEXT];
    ad_student_options o;
    ad_student_options_init(&o, sizeof o);
    o.kind = text_kind(method);
    text_training t = text_training_of(o.kind);
    const ad_status status = text_set(text_text(text, options), t.set, &t.o, text_of_student, &o);
    return status ? status : ad_student_create(net, &o, out);
}

/* A fitter that trains `student`. Options of the student are passed over. */
static ad_status text_create_with(ad_student *student, const char *options, ad_fitter **out)
{
    char text[TEXT_TEXT];
    ad_student_options unused;
    ad_student_info info = {.struct_size = sizeof info};
    ad_student_options_init(&unused, sizeof unused);
    ad_status status = ad_student_get_info(student, &info);
    if (status)
        return status;
    text_training t = text_training_of(info.kind);
    status = text_set(text_text(text, options), t.set, &t.o, text_of_student, &unused);
    return status ? status : text_train(student, info.kind, &t, out);
}

static ad_status text_create(ad_backbone *net, const char *method, const char *options,
                             ad_fitter **out)
{
    char text[TEXT_TEXT];
    ad_status status = AD_OK;
    if (strcmp(method, "gaussian") == 0) {
        ad_gaussian_options o;
        ad_gaussian_options_init(&o, sizeof o);
        status = text_set(text_text(text, options), text_of_gaussian, &o, NULL, NULL);
        return status ? status : ad_gaussian_fitter_create(net, &o, out);
    }
    if (strcmp(method, "padim") == 0) {
        ad_padim_options o;
        ad_padim_options_init(&o, sizeof o);
        status = text_set(text_text(text, options), text_of_padim, &o, NULL, NULL);
        return status ? status : ad_padim_fitter_create(net, &o, out);
    }
    ad_student *student = NULL;
    status = text_student(net, method, options, &student);
    if (status == AD_OK)
        status = text_create_with(student, options, out);
    ad_student_destroy(student);
    return status;
}

/* ---- Fits ---- */

static void must(const old_case *c, int failed)
{
    if (!failed)
        return;
    fprintf(stderr, "%s: %s\n", c->name, ad_last_error_message());
    exit(1);
}

/* Stops behind some batches; a trial counts none. */
static int stop(void *user, const ad_train_progress *p)
{
    int *batches = user;
    return !p->epoch_done && p->batch && ++*batches == OLD_BATCHES;
}

static void checkpoint(const char *folder, ad_backbone *net, const old_case *c)
{
    char from[700], to[700];
    int batches = 0;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    o.checkpoint_dir = folder;
    o.train = stop;
    o.user = &batches;
    must(c, text_create(net, c->method, old_options(c), &fitter));
    old_add(fitter, c);
    must(c, ad_fit(fitter, NULL, &o, &scorer) != AD_ERR_CANCELLED);
    snprintf(from, sizeof from, "%s/checkpoint.safetensors", folder);
    snprintf(to, sizeof to, "%s/%s.checkpoint.safetensors", folder, c->name);
    must(c, rename(from, to));
    ad_fitter_destroy(fitter);
}

static void write_case(const char *folder, FILE *out, ad_context *context, const old_case *c)
{
    char path[700];
    ad_backbone *net = old_backbone(context, c->network);
    ad_student *student = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    ad_scorer_save_options o;
    ad_scorer_save_options_init(&o, sizeof o);
    o.embed_backbone = (c->files & OLD_EMBEDS) != 0;
    if (old_trains(c)) {
        must(c, text_student(net, c->method, old_options(c), &student));
        must(c, text_create_with(student, old_options(c), &fitter));
    } else {
        must(c, text_create(net, c->method, old_options(c), &fitter));
    }
    old_add(fitter, c);
    must(c, ad_fitter_finish(fitter, &scorer));
    snprintf(path, sizeof path, "%s/%s.scorer.safetensors", folder, c->name);
    must(c, ad_scorer_save(scorer, path, &o));
    snprintf(path, sizeof path, "%s/%s.student.safetensors", folder, c->name);
    if (c->files & OLD_STUDENT)
        must(c, ad_student_save(student, path));
    if (c->files & OLD_CHECKPOINT)
        checkpoint(folder, net, c);
    fprintf(out, "    {\n");
    for (int i = 0; i < OLD_IMAGES; i++) {
        old_result r;
        must(c, old_score(scorer, i, c->has_map, &r));
        fprintf(out, "        {%.8ef, 0x%08x, %.8ef,\n         {", (double)r.score, r.map_crc,
                (double)r.highest);
        for (int k = 0; k < OLD_SAMPLES; k++)
            fprintf(out, "%.8ef%s", (double)r.samples[k], k + 1 < OLD_SAMPLES ? ", " : "");
        fprintf(out, "}},\n");
    }
    fprintf(out, "    },\n");
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_student_destroy(student);
    ad_backbone_destroy(net);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    ad_context *context = NULL;
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.device = "ref";
    o.num_threads = 1;
    FILE *out = fopen(argv[2], "w");
    must(old_cases, !out || ad_context_create(&o, &context));
    fprintf(out, "/* make_scorers.c: for each case and image the score, and the map's CRC-32, "
                 "highest value\n"
                 " * and four samples. */\n"
                 "static const old_result old_results[OLD_CASES][OLD_IMAGES] = {\n");
    for (int i = 0; i < OLD_CASES; i++)
        write_case(argv[1], out, context, &old_cases[i]);
    fprintf(out, "};\n");
    ad_context_destroy(context);
    return fclose(out) != 0;
}
