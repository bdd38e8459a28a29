/* What callers get wrong: NULL for every pointer of every function, options of a newer header, reserved fields, numbers that
 * are none, enums out of range, views of impossible rows. Always a status and a sentence, never a crash or a silence. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/tiny_rd.h"

typedef struct world {
    char *weights, *rd_weights, *file;
    ad_context *context;
    ad_backbone *net, *rd_net;
    ad_student *stfpm;
    ad_dataset *good;
    ad_fitter *fitter;
    ad_scorer *scorer;
    tiny_frame frame, own;
} world;

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    *state = w;
    w->weights = tiny_fast_path("weights");
    w->rd_weights = tiny_fast_path("rd");
    w->file = tiny_fast_path("file");
    return tiny_weights(w->weights, "") || tiny_rd_weights(w->rd_weights)
           || ad_context_create(NULL, &w->context) || tiny_open(w->context, w->weights, &w->net)
           || tiny_rd_open(w->context, w->rd_weights, &w->rd_net)
           || tiny_student(w->net, "stfpm", &w->stfpm)
           || ad_dataset_from_callback(w->context, tiny_rgbd_callback, &w->frame, 6, &w->good)
           || ad_fitter_create(w->net, "gaussian", NULL, &w->fitter)
           || ad_fit(w->fitter, w->good, NULL, &w->scorer)
           || ad_scorer_save(w->scorer, w->file, NULL);
}

static int tear_down(void **state)
{
    world *w = *state;
    ad_scorer_destroy(w->scorer);
    ad_fitter_destroy(w->fitter);
    ad_dataset_destroy(w->good);
    ad_student_destroy(w->stfpm);
    ad_backbone_destroy(w->net);
    ad_backbone_destroy(w->rd_net);
    ad_context_destroy(w->context);
    unlink(w->weights);
    unlink(w->rd_weights);
    unlink(w->file);
    free(w->weights);
    free(w->rd_weights);
    free(w->file);
    free(w);
    return 0;
}

/* ---- NULL ---- */

static void refuse(ad_status status, const char *call)
{
    if (status != AD_ERR_INVALID_ARGUMENT || !ad_last_error_message()[0])
        fail_msg("%s is %s, '%s'", call, ad_status_name(status), ad_last_error_message());
}
#define REFUSED(call) refuse((call), #call)

static int any_metadata(void *user, const char *key, const char *value)
{
    (void)user;
    (void)key;
    (void)value;
    return 0;
}

static int any_step(void *user, const ad_step_info *step)
{
    (void)user;
    (void)step;
    return 0;
}

static void null_of_contexts_and_images(void **state)
{
    world *w = *state;
    ad_context *c = w->context;
    ad_dataset *d = NULL;
    ad_image image = {0};
    const char *paths[] = {w->file}, *no_path[] = {w->file, NULL};
    ad_image frame = tiny_rgbd(&w->own, 1, 0), bare = frame;
    ad_sample sample = {.struct_size = sizeof sample};
    bare.pixels = NULL;
    REFUSED(ad_context_create(NULL, NULL));
    REFUSED(ad_image_read(NULL, w->file, NULL, &image));
    REFUSED(ad_image_read(c, NULL, NULL, &image));
    REFUSED(ad_image_read(c, w->file, NULL, NULL));
    REFUSED(ad_image_decode(NULL, "x", 1, NULL, &image));
    REFUSED(ad_image_decode(c, NULL, 1, NULL, &image));
    REFUSED(ad_image_decode(c, "x", 1, NULL, NULL));
    REFUSED(ad_image_read_depth(NULL, w->file, 0.0, &image));
    REFUSED(ad_image_read_depth(c, NULL, 0.0, &image));
    REFUSED(ad_image_read_depth(c, w->file, 0.0, NULL));
    REFUSED(ad_image_write_png(NULL, &frame, w->file));
    REFUSED(ad_image_write_png(c, NULL, w->file));
    REFUSED(ad_image_write_png(c, &frame, NULL));
    REFUSED(ad_image_write_png(c, &bare, w->file));
    REFUSED(ad_dataset_open(NULL, "/", NULL, &d));
    REFUSED(ad_dataset_open(c, NULL, NULL, &d));
    REFUSED(ad_dataset_open(c, "/", NULL, NULL));
    REFUSED(ad_dataset_open_list(NULL, paths, NULL, 1, &d));
    REFUSED(ad_dataset_open_list(c, NULL, NULL, 1, &d));
    REFUSED(ad_dataset_open_list(c, paths, NULL, 1, NULL));
    REFUSED(ad_dataset_open_list(c, no_path, NULL, 2, &d));
    REFUSED(ad_dataset_open_list(c, paths, NULL, 0, &d));
    REFUSED(ad_dataset_from_callback(NULL, tiny_callback, NULL, 1, &d));
    REFUSED(ad_dataset_from_callback(c, NULL, NULL, 1, &d));
    REFUSED(ad_dataset_from_callback(c, tiny_callback, NULL, 1, NULL));
    REFUSED(ad_dataset_get(NULL, 0, &sample));
    REFUSED(ad_dataset_get(w->good, 0, NULL));
    REFUSED(ad_dataset_read_image(NULL, 0, NULL, &image));
    REFUSED(ad_dataset_read_image(w->good, 0, NULL, NULL));
    REFUSED(ad_dataset_read_mask(NULL, 0, NULL, &image));
    REFUSED(ad_dataset_read_mask(w->good, 0, NULL, NULL));
    assert_null(d);
    assert_int_equal(ad_dataset_count(NULL), 0);
    ad_image_release(NULL);
    ad_context_destroy(NULL);
    ad_dataset_destroy(NULL);
}

static void null_of_backbones_and_fits(void **state)
{
    world *w = *state;
    ad_backbone *b = NULL;
    ad_fitter *f = NULL;
    ad_scorer *s = NULL;
    ad_student *student = NULL;
    const ad_image frame = tiny_rgbd(&w->own, 1, 0);
    static float data[8 * 16 * 16];
    ad_features features = {.struct_size = sizeof features, .layer = "shallow", .data = data, .capacity = 8 * 16 * 16};
    ad_features no_layer = features, no_data = features;
    ad_backbone_info info = {.struct_size = sizeof info};
    ad_layer_info layer = {.struct_size = sizeof layer};
    no_layer.layer = NULL;
    no_data.data = NULL;
    REFUSED(ad_backbone_open(NULL, w->weights, NULL, &b));
    REFUSED(ad_backbone_open(w->context, NULL, NULL, &b));
    REFUSED(ad_backbone_open(w->context, w->weights, NULL, NULL));
    REFUSED(ad_backbone_from_memory(NULL, data, 8, NULL, &b));
    REFUSED(ad_backbone_from_memory(w->context, NULL, 8, NULL, &b));
    REFUSED(ad_backbone_from_memory(w->context, data, 8, NULL, NULL));
    REFUSED(ad_backbone_get_info(NULL, &info));
    REFUSED(ad_backbone_get_info(w->net, NULL));
    REFUSED(ad_backbone_layer_info(NULL, 0, 32, 32, &layer));
    REFUSED(ad_backbone_layer_info(w->net, 0, 32, 32, NULL));
    REFUSED(ad_extract_features(NULL, &frame, NULL, &features, 1));
    REFUSED(ad_extract_features(w->net, NULL, NULL, &features, 1));
    REFUSED(ad_extract_features(w->net, &frame, NULL, NULL, 1));
    REFUSED(ad_extract_features(w->net, &frame, NULL, &no_layer, 1));
    REFUSED(ad_extract_features(w->net, &frame, NULL, &no_data, 1));
    REFUSED(ad_backbone_profile(NULL, NULL, NULL, 1, any_step, NULL));
    REFUSED(ad_backbone_profile(w->net, NULL, NULL, 1, NULL, NULL));
    REFUSED(ad_fitter_create(NULL, "gaussian", NULL, &f));
    REFUSED(ad_fitter_create(w->net, NULL, NULL, &f));
    REFUSED(ad_fitter_create(w->net, "gaussian", NULL, NULL));
    REFUSED(ad_fitter_create_with(NULL, NULL, &f));
    REFUSED(ad_fitter_create_with(w->stfpm, NULL, NULL));
    REFUSED(ad_fit(NULL, w->good, NULL, &s));
    REFUSED(ad_fit(w->fitter, w->good, NULL, NULL));
    REFUSED(ad_fitter_add(NULL, &frame));
    REFUSED(ad_fitter_add(w->fitter, NULL));
    REFUSED(ad_fitter_merge(NULL, w->fitter));
    REFUSED(ad_fitter_merge(w->fitter, NULL));
    REFUSED(ad_fitter_finish(NULL, &s));
    REFUSED(ad_fitter_finish(w->fitter, NULL));
    REFUSED(ad_student_create(NULL, "stfpm", NULL, &student));
    REFUSED(ad_student_create(w->net, NULL, NULL, &student));
    REFUSED(ad_student_create(w->net, "stfpm", NULL, NULL));
    REFUSED(ad_student_load(NULL, w->file, NULL, NULL, &student));
    REFUSED(ad_student_load(w->net, NULL, NULL, NULL, &student));
    REFUSED(ad_student_load(w->net, w->file, NULL, NULL, NULL));
    REFUSED(ad_student_save(NULL, w->file));
    REFUSED(ad_student_save(w->stfpm, NULL));
    REFUSED(ad_student_get_info(NULL, &(ad_student_info){.struct_size = sizeof(ad_student_info)}));
    REFUSED(ad_student_get_info(w->stfpm, NULL));
    assert_true(!b && !f && !s && !student);
    assert_int_equal(ad_fitter_count(NULL), 0);
    assert_int_equal(ad_fitter_memory(NULL), 0);
    assert_null(ad_fitter_student(NULL));
    assert_null(ad_fitter_student(w->fitter)); /* which trains nothing */
    assert_int_equal(ad_backbone_layer_count(NULL), 0);
    ad_backbone_destroy(NULL);
    ad_fitter_destroy(NULL);
    assert_null(ad_student_retain(NULL));
    ad_student_destroy(NULL);
    assert_null(ad_architecture_name(-1));
    assert_null(ad_architecture_name(INT32_MAX));
}

static void null_of_scorers_and_metrics(void **state)
{
    world *w = *state;
    ad_scorer *s = NULL;
    const ad_image frame = tiny_rgbd(&w->own, 1, 0);
    static float heat[TINY_SIDE * TINY_SIDE];
    const ad_map map = AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    const ad_image mask = AD_IMAGE_INIT(AD_PIXEL_MONO8, w->own.pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE);
    const float scores[2] = {0.0f, 1.0f};
    const uint8_t labels[2] = {0, 1};
    const char *key, *value;
    float score;
    double figure;
    ad_evaluation e = {.struct_size = sizeof e};
    REFUSED(ad_score_image(NULL, &frame, &score));
    REFUSED(ad_score_image(w->scorer, NULL, &score));
    REFUSED(ad_score_image(w->scorer, &frame, NULL));
    REFUSED(ad_anomaly_map(NULL, &frame, &map, &score));
    REFUSED(ad_anomaly_map(w->scorer, NULL, &map, &score));
    REFUSED(ad_anomaly_map(w->scorer, &frame, NULL, &score));
    REFUSED(ad_score_batch(NULL, &frame, 1, NULL, &score));
    REFUSED(ad_score_batch(w->scorer, NULL, 1, NULL, &score));
    REFUSED(ad_score_batch(w->scorer, &frame, 1, NULL, NULL));
    REFUSED(ad_scorer_get_info(NULL, &(ad_scorer_info){.struct_size = sizeof(ad_scorer_info)}));
    REFUSED(ad_scorer_get_info(w->scorer, NULL));
    REFUSED(ad_scorer_get_option(NULL, 0, &key, &value));
    REFUSED(ad_scorer_get_option(w->scorer, 0, NULL, &value));
    REFUSED(ad_scorer_get_option(w->scorer, 0, &key, NULL));
    REFUSED(ad_scorer_save(NULL, w->file, NULL));
    REFUSED(ad_scorer_save(w->scorer, NULL, NULL));
    REFUSED(ad_scorer_load(NULL, w->file, w->weights, &s));
    REFUSED(ad_scorer_load(w->context, NULL, w->weights, &s));
    REFUSED(ad_scorer_load(w->context, w->file, w->weights, NULL));
    REFUSED(ad_scorer_load_onto(NULL, w->file, &s));
    REFUSED(ad_scorer_load_onto(w->net, NULL, &s));
    REFUSED(ad_scorer_load_onto(w->net, w->file, NULL));
    REFUSED(ad_file_metadata(NULL, w->file, any_metadata, NULL));
    REFUSED(ad_file_metadata(w->context, NULL, any_metadata, NULL));
    REFUSED(ad_file_metadata(w->context, w->file, NULL, NULL));
    REFUSED(ad_auroc(NULL, labels, 2, &figure));
    REFUSED(ad_auroc(scores, NULL, 2, &figure));
    REFUSED(ad_auroc(scores, labels, 2, NULL));
    REFUSED(ad_average_precision(NULL, labels, 2, &figure));
    REFUSED(ad_average_precision(scores, NULL, 2, &figure));
    REFUSED(ad_average_precision(scores, labels, 2, NULL));
    REFUSED(ad_f1_max(NULL, labels, 2, &figure, NULL));
    REFUSED(ad_f1_max(scores, NULL, 2, &figure, NULL));
    REFUSED(ad_f1_max(scores, labels, 2, NULL, NULL));
    REFUSED(ad_aupro(NULL, &mask, 1, NULL, &figure));
    REFUSED(ad_aupro(&map, NULL, 1, NULL, &figure));
    REFUSED(ad_aupro(&map, &mask, 1, NULL, NULL));
    REFUSED(ad_pixel_auroc(NULL, &mask, 1, &figure));
    REFUSED(ad_pixel_auroc(&map, NULL, 1, &figure));
    REFUSED(ad_pixel_auroc(&map, &mask, 1, NULL));
    REFUSED(ad_evaluate(NULL, w->good, NULL, &e, NULL));
    REFUSED(ad_evaluate(w->scorer, NULL, NULL, &e, NULL));
    REFUSED(ad_evaluate(w->scorer, w->good, NULL, NULL, NULL));
    assert_null(s);
    assert_null(ad_scorer_retain(NULL));
    ad_scorer_destroy(NULL);
    assert_non_null(ad_status_name((ad_status)-1));
    assert_non_null(ad_status_name((ad_status)999));
}

#define NO_SETTER(type, set)                                                                       \
    do {                                                                                           \
        type o;                                                                                    \
        type##_init(&o, sizeof o);                                                                 \
        type##_init(NULL, sizeof o);                                                               \
        REFUSED(set(NULL, "size", "1"));                                                           \
        REFUSED(set(&o, NULL, "1"));                                                               \
        REFUSED(set(&o, "size", NULL));                                                            \
        REFUSED(set(&o, "no such option", "1"));                                                   \
        REFUSED(set(&o, endless, endless));                                                        \
    } while (0)

static void null_and_endless_text(void **state)
{
    world *w = *state;
    enum { LONG = 1 << 20 };
    char *endless = malloc(LONG + 1);
    memset(endless, 'x', LONG);
    endless[LONG] = 0;
    NO_SETTER(ad_backbone_options, ad_backbone_options_set);
    NO_SETTER(ad_read_options, ad_read_options_set);
    char *pair = malloc(LONG + 16);
    ad_fitter *f = NULL;
    ad_backbone *b = NULL;
    ad_backbone_options bo;
    ad_dataset *d = NULL;
    REFUSED(ad_fitter_create(w->net, endless, NULL, &f));
    REFUSED(ad_fitter_create(w->net, "gaussian", endless, &f));
    for (int k = 0; k < 4; k++) {
        static const char *const forms[] = {"layers=%s", "%s=1", "size=%s", "layers=\"%s"};
        snprintf(pair, LONG + 16, forms[k], endless);
        REFUSED(ad_fitter_create(w->net, "gaussian", pair, &f));
        REFUSED(ad_fitter_create_with(w->stfpm, pair, &f));
        assert_true(strlen(ad_last_error_message()) < 1024);
    }
    memset(pair, ',', LONG);
    pair[LONG] = 0;
    REFUSED(ad_fitter_create(w->net, "gaussian", pair, &f));
    free(pair);
    ad_backbone_options_init(&bo, sizeof bo);
    bo.prefix = endless;
    bo.architecture = "resnet18";
    assert_int_not_equal(ad_backbone_open(w->context, w->rd_weights, &bo, &b), AD_OK);
    bo.prefix = NULL;
    bo.architecture = endless;
    assert_int_not_equal(ad_backbone_open(w->context, w->weights, &bo, &b), AD_OK);
    bo.architecture = NULL;
    bo.graph = endless;
    assert_int_equal(ad_backbone_open(w->context, w->weights, &bo, &b), AD_ERR_FORMAT);
    assert_int_equal(ad_backbone_open(w->context, endless, NULL, &b), AD_ERR_IO);
    assert_int_equal(ad_dataset_open(w->context, endless, NULL, &d), AD_ERR_IO);
    assert_int_equal(ad_scorer_save(w->scorer, endless, NULL), AD_ERR_IO);
    assert_int_equal(ad_student_save(w->stfpm, endless), AD_ERR_IO);
    assert_true(strlen(ad_last_error_message()) < 1024);
    assert_true(!f && !b && !d);
    free(endless);
}

/* ---- Option structs ---- */

enum { CONTEXT, BACKBONE, DATASET, FIT, SAVE, AUPRO, READ, EVALUATE };

typedef union any_options {
    uint32_t struct_size;
    unsigned char bytes[1024];
} any_options;

static void init(int kind, any_options *o, size_t *out_size)
{
    memset(o, 0, sizeof *o);
    void *at = o;
#define INIT(type) (type##_init(at, *out_size = sizeof(type)))
    switch (kind) {
    case CONTEXT: INIT(ad_context_options); break;
    case BACKBONE:
        INIT(ad_backbone_options);
        ((ad_backbone_options *)at)->graph = tiny_graph;
        break;
    case DATASET: INIT(ad_dataset_options); break;
    case FIT: INIT(ad_fit_options); break;
    case SAVE: INIT(ad_scorer_save_options); break;
    case AUPRO: INIT(ad_aupro_options); break;
    case READ: INIT(ad_read_options); break;
    default: INIT(ad_evaluate_options); break;
    }
}

static ad_status use_fit(const world *w, const void *o)
{
    ad_fitter *f = NULL;
    ad_scorer *s = NULL;
    assert_int_equal(ad_fitter_create(w->net, "gaussian", NULL, &f), AD_OK);
    const ad_status status = ad_fit(f, w->good, o, &s);
    ad_fitter_destroy(f);
    ad_scorer_destroy(s);
    return status;
}

static ad_status use_features(world *w, const char *preprocess)
{
    static float data[8 * 16 * 16];
    const ad_image frame = tiny_rgbd(&w->own, 1, 0);
    ad_features features = {.struct_size = sizeof features, .layer = "shallow", .data = data, .capacity = 8 * 16 * 16};
    return ad_extract_features(w->net, &frame, preprocess, &features, 1);
}

static ad_status use_aupro(world *w, const void *o)
{
    static float heat[TINY_SIDE * TINY_SIDE];
    static uint8_t marks[TINY_SIDE * TINY_SIDE] = {1};
    double figure;
    (void)w;
    const ad_map map = AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    const ad_image mask = AD_IMAGE_INIT(AD_PIXEL_MONO8, marks, TINY_SIDE, TINY_SIDE, TINY_SIDE);
    return ad_aupro(&map, &mask, 1, o, &figure);
}

/* The call that takes options of that kind. */
static ad_status use(world *w, int kind, const void *o)
{
    ad_context *c = NULL;
    ad_backbone *b = NULL;
    ad_dataset *d = NULL;
    ad_evaluation e = {.struct_size = sizeof e};
    ad_status status;
    switch (kind) {
    case CONTEXT: status = ad_context_create(o, &c); break;
    case BACKBONE: status = ad_backbone_open(w->context, w->weights, o, &b); break;
    case DATASET:
        status = ad_dataset_open(w->context, "/no/such/folder", o, &d);
        status = status == AD_ERR_IO ? AD_OK : status; /* past the options */
        break;
    case FIT: status = use_fit(w, o); break;
    case SAVE: status = ad_scorer_save(w->scorer, w->file, o); break;
    case AUPRO: status = use_aupro(w, o); break;
    case READ: {
        ad_image image = {0};
        status = ad_image_read(w->context, w->weights, o, &image);
        status = status == AD_ERR_FORMAT ? AD_OK : status; /* past the options */
        break;
    }
    default: status = ad_evaluate(w->scorer, w->good, o, &e, NULL); break;
    }
    ad_context_destroy(c);
    ad_backbone_destroy(b);
    ad_dataset_destroy(d);
    return status;
}

static void wants(ad_status got, ad_status want, const char *part, int kind, const char *what)
{
    if (got != want || (want != AD_OK && !strstr(ad_last_error_message(), part)))
        fail_msg("kind %d, %s: %s, '%s'", kind, what, ad_status_name(got), got ? ad_last_error_message() : "");
}

/* Of a newer header, whose struct is longer: taken where what is beyond is 0, refused where it would be ignored. */
static void newer_structs(void **state)
{
    world *w = *state;
    for (int kind = CONTEXT; kind <= EVALUATE; kind++) {
        any_options o;
        size_t size;
        init(kind, &o, &size);
        wants(use(w, kind, &o), AD_OK, "", kind, "defaults");
        o.struct_size = (uint32_t)size + 16;
        wants(use(w, kind, &o), AD_OK, "", kind, "longer by zeros");
        for (size_t at = size; at < size + 16; at += 5) {
            o.bytes[at] = 1;
            wants(use(w, kind, &o), AD_ERR_INVALID_ARGUMENT, "not zero", kind, "longer by what is unknown");
            o.bytes[at] = 0;
        }
        o.struct_size = UINT32_MAX; /* what was never initialised must not be read so far */
        wants(use(w, kind, &o), AD_ERR_INVALID_ARGUMENT, "call its init function", kind, "endless");
        o.struct_size = 4;
        wants(use(w, kind, &o), AD_ERR_INVALID_ARGUMENT, "call its init function", kind, "empty");
    }
}

typedef struct field {
    int kind;
    size_t offset, size;
    const char *name;
} field;
#define FIELD(kind, type, name) {kind, offsetof(type, name), sizeof(((type *)0)->name), #name}

static void reserved_fields(void **state)
{
    static const field fields[] = {
        FIELD(BACKBONE, ad_backbone_options, reserved)};
    world *w = *state;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        for (size_t byte = 0; byte < fields[i].size; byte += 3) {
            any_options o;
            size_t size;
            init(fields[i].kind, &o, &size);
            o.bytes[fields[i].offset + byte] = 1;
            wants(use(w, fields[i].kind, &o), AD_ERR_INVALID_ARGUMENT, "reserved", fields[i].kind, fields[i].name);
        }
}

static void numbers_that_are_none(void **state)
{
    static const field fields[] = {
        FIELD(BACKBONE, ad_backbone_options, batchnorm_eps), FIELD(DATASET, ad_dataset_options, depth_scale),
        FIELD(AUPRO, ad_aupro_options, fpr_limit)};
    static const double none[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 1e300, -1e300};
    world *w = *state;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        for (size_t k = 0; k < sizeof none / sizeof *none; k++) {
            any_options o;
            size_t size;
            init(fields[i].kind, &o, &size);
            memcpy(o.bytes + fields[i].offset, &none[k], sizeof none[k]);
            wants(use(w, fields[i].kind, &o), AD_ERR_INVALID_ARGUMENT, fields[i].name, fields[i].kind, fields[i].name);
        }
    static const char *const words[] = {"nan", "inf", "-inf", "1e300", "-1e300"};
    for (int i = 0; i < 6; i++)
        for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
            char text[128];
            const char *v[6] = {"1", "1", "1", "1", "1", "1"};
            v[i] = words[k];
            snprintf(text, sizeof text, "mean=%s,%s,%s, std=%s,%s,%s", v[0], v[1], v[2], v[3], v[4],
                     v[5]);
            refuse(use_features(w, text), "mean or std");
        }
    static const char *const preprocess[] = {"size=-1",    "size=4097",  "size=1.5",  "crop=-1",
                                             "size=8, crop=9", "resize=box", "aspect=wide", "layers=deep",
                                             "size",       "sise=8",     "size=8, size=8"};
    for (size_t i = 0; i < sizeof preprocess / sizeof *preprocess; i++)
        refuse(use_features(w, preprocess[i]), preprocess[i]);
}

static void whole_numbers_out_of_range(void **state)
{
    static const field fields[] = {FIELD(CONTEXT, ad_context_options, num_threads),
                                   FIELD(BACKBONE, ad_backbone_options, padding),
                                   FIELD(BACKBONE, ad_backbone_options, convolution),
                                   FIELD(DATASET, ad_dataset_options, split),
                                   FIELD(DATASET, ad_dataset_options, depth),
                                   FIELD(DATASET, ad_dataset_options, mask_good),
                                   FIELD(FIT, ad_fit_options, resume),
                                   FIELD(SAVE, ad_scorer_save_options, embed_backbone),
                                   FIELD(AUPRO, ad_aupro_options, connectivity),
                                   FIELD(EVALUATE, ad_evaluate_options, eval_size),
                                   FIELD(READ, ad_read_options, min_side)};
    static const int32_t values[] = {INT32_MIN, -1000, INT32_MAX};
    world *w = *state;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            any_options o;
            size_t size;
            init(fields[i].kind, &o, &size);
            memcpy(o.bytes + fields[i].offset, &values[k], sizeof values[k]);
            wants(use(w, fields[i].kind, &o), AD_ERR_INVALID_ARGUMENT, "", fields[i].kind, fields[i].name);
        }
}

/* ---- Options as text ---- */

/* Every value for every key, each alone: refused, with the key in the sentence. */
static void refused_each(const world *w, const char *method, const char *keys,
                         const char *const *values, size_t count)
{
    char text[200], key[64];
    ad_fitter *f = NULL;
    for (int used = 0; sscanf(keys, "%63s%n", key, &used) == 1; keys += used)
        for (size_t i = 0; i < count; i++) {
            snprintf(text, sizeof text, "%s=%s", key, values[i]);
            const int rd = strcmp(method, "masked_rd") == 0;
            const ad_status got = rd ? ad_fitter_create(w->rd_net, method, text, &f)
                                     : tiny_fitter(w->net, method, text, &f);
            if (got != AD_ERR_INVALID_ARGUMENT || !strstr(ad_last_error_message(), key))
                fail_msg("%s, %s: %s, '%s'", method, text, ad_status_name(got),
                         got ? ad_last_error_message() : "");
            assert_null(f);
        }
}

static void texts_that_are_no_numbers(void **state)
{
    static const char *const none[] = {"nan", "inf", "-inf", "1e300", "-1e300",
                                       "",    "one", "0.5x", "0,5"};
    static const char *const reals[][2] = {
        {"gaussian", "blur_sigma"},
        {"padim", "ridge blur_sigma"},
        {"stfpm_unet", "lr momentum weight_decay validation_share clip_norm pretrain_lr unet_lr "
                       "unet_weight_decay rec_weight "
                       "sim_weight"},
        {"ast", "lr weight_decay clip_norm validation_share depth_threshold alpha leaky"},
        {"masked_rd", "lr beta1 beta2 weight_decay validation_share blur_sigma mask_rate"}};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        refused_each(*state, reals[i][0], reals[i][1], none, sizeof none / sizeof *none);
}

/* Whole numbers out of range, and numbers where a word is expected. */
static void texts_out_of_range(void **state)
{
    static const char *const values[] = {
        "-2147483648", "-1000", "2147483647", "99999999999999999999", "1.5", "none such", ""};
    static const char *const wholes[][2] = {
        {"gaussian", "size crop resize aspect reduce pixel ddof squared samples"},
        {"padim", "size crop dimensions covariance"},
        {"stfpm_unet", "epochs batch optimizer loss_half loss_batch val patience combine "
                       "combine_at pretrain_epochs rec_target "
                       "rec_stopgrad unet_head unet_depth unet_convs"},
        {"ast", "epochs teacher_epochs student_epochs batch mask mask_norm score aggregate "
                "max_after_upsample mask_twice "
                "depth_fill depth_fill_border depth_corners depth_dilation mode flow_blocks "
                "flow_hidden student_blocks "
                "student_hidden positions"},
        {"masked_rd", "epochs batch loss patience combine msff_out sru cru simam gate gn_groups "
                      "cru_softmax fmm fmm_align "
                      "levels eval_mask"}};
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        refused_each(*state, wholes[i][0], wholes[i][1], values, sizeof values / sizeof *values);
}

/* ---- Views ---- */

typedef struct bad_map {
    const char *what;
    ad_map map;
    ad_status status;
} bad_map;

static void maps_of_impossible_rows(void **state)
{
    world *w = *state;
    static float heat[TINY_SIDE * TINY_SIDE + 1];
    const int64_t row = TINY_SIDE * sizeof(float);
    const bad_map maps[] = {
        {"no data", AD_MAP_INIT(NULL, TINY_SIDE, TINY_SIDE, row), AD_ERR_INVALID_ARGUMENT},
        {"odd address", AD_MAP_INIT((float *)(void *)((char *)heat + 2), TINY_SIDE, TINY_SIDE, row), AD_ERR_INVALID_ARGUMENT},
        {"short rows", AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, row - 4), AD_ERR_INVALID_ARGUMENT},
        {"odd rows", AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, row + 2), AD_ERR_INVALID_ARGUMENT},
        {"no rows", AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, 0), AD_ERR_INVALID_ARGUMENT},
        {"endless rows", AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, INT64_MAX - 3), AD_ERR_INVALID_ARGUMENT},
        {"half as endless", AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, INT64_MAX / 16 / 4 * 4), AD_ERR_INVALID_ARGUMENT},
        {"endless upwards", AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, INT64_MIN), AD_ERR_INVALID_ARGUMENT},
        {"nearly so", AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, INT64_MIN + 4), AD_ERR_INVALID_ARGUMENT},
        {"no width", AD_MAP_INIT(heat, 0, TINY_SIDE, row), AD_ERR_SHAPE},
        {"negative height", AD_MAP_INIT(heat, TINY_SIDE, -1, row), AD_ERR_SHAPE},
        {"endless height", AD_MAP_INIT(heat, TINY_SIDE, INT64_MAX, row), AD_ERR_SHAPE},
        {"endless width", AD_MAP_INIT(heat, INT64_MAX, 1, INT64_MAX - 3), AD_ERR_SHAPE},
        {"reserved", {sizeof(ad_map), 1, heat, TINY_SIDE, TINY_SIDE, row}, AD_ERR_INVALID_ARGUMENT},
        {"unset struct_size", {0, 0, heat, TINY_SIDE, TINY_SIDE, row}, AD_ERR_INVALID_ARGUMENT}};
    const ad_image frame = tiny_rgbd(&w->own, 1, 0);
    static uint8_t marks[TINY_SIDE * TINY_SIDE] = {1};
    const ad_image mask = AD_IMAGE_INIT(AD_PIXEL_MONO8, marks, TINY_SIDE, TINY_SIDE, TINY_SIDE);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        float score;
        double figure;
        const ad_status got[] = {ad_anomaly_map(w->scorer, &frame, &maps[i].map, &score),
                                 ad_score_batch(w->scorer, &frame, 1, &maps[i].map, &score),
                                 ad_aupro(&maps[i].map, &mask, 1, NULL, &figure),
                                 ad_pixel_auroc(&maps[i].map, &mask, 1, &figure)};
        for (int k = 0; k < 4; k++)
            if (got[k] != maps[i].status)
                fail_msg("call %d, %s: %s", k, maps[i].what, ad_status_name(got[k]));
    }
}

static void masks_of_impossible_rows(void **state)
{
    (void)state;
    static float heat[TINY_SIDE * TINY_SIDE];
    static uint8_t marks[TINY_SIDE * TINY_SIDE] = {1};
    static const int64_t rows[] = {INT64_MAX, INT64_MIN, INT64_MIN + 1, INT64_MAX / 8, TINY_SIDE - 1, 0};
    const ad_map map = AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double figure;
        const ad_image mask = AD_IMAGE_INIT(AD_PIXEL_MONO8, marks, TINY_SIDE, TINY_SIDE, rows[i]);
        REFUSED(ad_aupro(&map, &mask, 1, NULL, &figure));
        REFUSED(ad_pixel_auroc(&map, &mask, 1, &figure));
    }
}

/* Callers compiled with other headers: shorter images, longer ones, in arrays too. */
static void views_of_other_sizes(void **state)
{
    world *w = *state;
    struct longer {
        ad_image known;
        int64_t appended;
    } longer[2];
    unsigned char shorter[2 * offsetof(ad_image, depth)];
    ad_image plain[2];
    float want[2], got[2];
    memset(longer, 0, sizeof longer);
    for (int i = 0; i < 2; i++) {
        plain[i] = tiny_rgbd(i ? &w->own : &w->frame, 5 + i, 0);
        plain[i].depth = NULL;
        longer[i].known = plain[i];
        longer[i].known.struct_size = sizeof longer[i];
        memcpy(shorter + (size_t)i * offsetof(ad_image, depth), &plain[i], offsetof(ad_image, depth));
        *(uint32_t *)(void *)(shorter + (size_t)i * offsetof(ad_image, depth)) = offsetof(ad_image, depth);
    }
    assert_int_equal(ad_score_batch(w->scorer, plain, 2, NULL, want), AD_OK);
    assert_int_equal(ad_score_batch(w->scorer, &longer[0].known, 2, NULL, got), AD_OK);
    assert_memory_equal(got, want, sizeof got);
    assert_int_equal(ad_score_batch(w->scorer, (const ad_image *)(const void *)shorter, 2, NULL, got), AD_OK);
    assert_memory_equal(got, want, sizeof got);
    longer[1].appended = 1;
    REFUSED(ad_score_batch(w->scorer, &longer[0].known, 2, NULL, got));
    REFUSED(ad_score_image(w->scorer, &longer[1].known, got));
    longer[1].appended = 0;
    longer[1].known.struct_size = sizeof(ad_image);
    REFUSED(ad_score_batch(w->scorer, &longer[0].known, 2, NULL, got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_of_contexts_and_images),  cmocka_unit_test(null_of_backbones_and_fits),
        cmocka_unit_test(null_of_scorers_and_metrics),  cmocka_unit_test(null_and_endless_text),
        cmocka_unit_test(newer_structs),                cmocka_unit_test(reserved_fields),
        cmocka_unit_test(numbers_that_are_none),        cmocka_unit_test(whole_numbers_out_of_range),
        cmocka_unit_test(texts_that_are_no_numbers),    cmocka_unit_test(texts_out_of_range),
        cmocka_unit_test(maps_of_impossible_rows),      cmocka_unit_test(masks_of_impossible_rows),
        cmocka_unit_test(views_of_other_sizes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
