/* A golden training: the seeded networks and images of its metadata in the library's own training,
 * driven step by step, and everything that can be seen of it compared. */
#ifndef ADFEAT_TESTS_TRAINING_CASE_H
#define ADFEAT_TESTS_TRAINING_CASE_H

#include <unistd.h>

#include "golden_rows.h"
#include "harness/option_text.h"
#include "harness/seeded_training.h"
#include "api/objects.h"
#include "methods/stfpm.h"

enum { TRAINING_HELD_OUT = 3, TRAINING_STEPS = 10, TRAINING_MAX_BATCH = 8 };

typedef struct training_case {
    adi_safetensors *golden;
    const char *label;
    ad_context *context;
    ad_backbone *teacher;
    ad_student *student;
    ad_fitter *fitter;
    adi_student_fit *fit;
    adi_stfpm_config *config; /* the fit's */
    adi_workspace *workspace;
    adi_stfpm_training *training;
    adi_trainee *trainee;
    size_t cache; /* bytes of features */
    int32_t images;                        /* of a batch */
    double gradient, weight[2], statistic; /* the worst errors so far */
    double loss, parts;
} training_case;

static inline void training_ok(ad_status status)
{
    if (status != AD_OK)
        fail_msg("%s", ad_last_error_message());
}

static inline int64_t training_integer(const training_case *c, const char *key)
{
    const char *text = adi_st_meta(c->golden, key);
    assert_non_null(text);
    return strtoll(text, NULL, 10);
}

static inline void training_path(char *out, size_t size, const char *what)
{
    const char *folder = getenv("TMPDIR");
    snprintf(out, size, "%s/adfeat-%ld-%s", folder ? folder : "/tmp", (long)getpid(), what);
}

static inline void training_open_teacher(training_case *c)
{
    char path[512];
    st_memory m = {.architecture = "resnet18"};
    adi_graph *g = graph_of(&adi_default_allocator, adi_builtin_graph_text("resnet18"));
    seeded_module(&m, g, "teacher.", 0.0);
    for (int32_t i = 0; i < m.count; i++)
        memmove(m.entries[i].name, m.entries[i].name + 8, sizeof m.entries[i].name - 8);
    training_path(path, sizeof path, "teacher");
    st_memory_write(&m, path);
    training_ok(ad_backbone_open(c->context, path, NULL, &c->teacher));
    unlink(path);
    st_memory_free(&m);
    adi_graph_destroy(g);
}

/* A student with the seeded parameters, by way of a file. */
static inline void training_open_student(training_case *c, int32_t unets)
{
    static const char *const keys[] = {"unet_head", "unet_convs", "unet_depth"};
    const char *method = unets ? "stfpm_unet" : "stfpm";
    option_text all = {""};
    char path[512], prefix[16];
    st_memory m = {0};
    ad_student *empty = NULL;
    for (int i = 0; unets && i < 3; i++)
        all = options("%s%s=%s, ", all.text, keys[i], adi_st_meta(c->golden, keys[i]));
    training_ok(ad_student_create(c->teacher, method, all.text, &empty));
    for (int32_t i = 0; i < empty->module_count; i++) {
        snprintf(prefix, sizeof prefix, "%s.", empty->modules[i].name);
        seeded_module(&m, empty->modules[i].module->graph, prefix, 2.0);
    }
    training_path(path, sizeof path, "student");
    st_memory_write(&m, path);
    training_ok(ad_student_load(c->teacher, path, method, all.text, &c->student));
    unlink(path);
    st_memory_free(&m);
    ad_student_destroy(empty);
}

static inline void training_add_images(training_case *c, int32_t count)
{
    const int64_t side = c->config->settings.preprocess.crop;
    const int64_t first = training_integer(c, "first");
    uint8_t *rgb = malloc((size_t)(3 * side * side));
    assert_non_null(rgb);
    for (int32_t i = 0; i < count; i++) {
        seeded_photo(rgb, first + i, side);
        const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, rgb, side, side, side * 3);
        training_ok(ad_fitter_add(c->fitter, &image));
    }
    free(rgb);
}

/* Options by name from the metadata, as far as the method knows them. */
static inline void training_configure(training_case *c, int32_t unets, const char *const *keys)
{
    option_text all = {""};
    for (; *keys; keys++)
        if (adi_st_meta(c->golden, *keys))
            all = options("%s%s=%s, ", all.text, *keys, adi_st_meta(c->golden, *keys));
    if (unets && adi_st_meta(c->golden, "clip_norm"))
        all = options("%spretrain_epochs=0, ", all.text);
    c->images = (int32_t)training_integer(c, "images");
    all = options("%sbatch=%d, size=%d, feature_cache=%zu", all.text, c->images,
                  (int)training_integer(c, "h"), c->cache);
    training_ok(ad_fitter_create_with(c->student, all.text, &c->fitter));
    c->fit = (adi_student_fit *)c->fitter->fit;
    c->config = (adi_stfpm_config *)&c->fit->config;
}

/* cache: bytes of teacher features; the rest is computed again. */
static inline training_case training_open(const char *file, const char *device, int32_t unets,
                                          const char *const *keys, size_t cache)
{
    training_case c = {.label = file, .cache = cache};
    char path[512];
    ad_context_options o;
    snprintf(path, sizeof path, "%s/%s.safetensors", ADFEAT_GOLDEN_DIR, file);
    training_ok(adi_st_open(&adi_default_allocator, path, &c.golden));
    ad_context_options_init(&o, sizeof o);
    o.num_threads = 2;
    o.device = device;
    training_ok(ad_context_create(&o, &c.context));
    training_open_teacher(&c);
    training_open_student(&c, unets);
    training_configure(&c, unets, keys);
    return c;
}

static inline void training_begin(training_case *c)
{
    training_add_images(c, 2 * c->images + TRAINING_HELD_OUT);
    training_ok(adi_extractor_borrow(c->fitter->extractor, &c->workspace));
    training_ok(adi_training_create(c->fit, c->images));
    c->training = (adi_stfpm_training *)c->fit->training;
    c->training->head.extractor = c->fitter->extractor;
    c->training->head.workspace = c->workspace;
    c->trainee = &c->training->head.bench.trainee;
    training_ok(c->trainee->begin_phase(c->trainee->self, 0));
}

static inline void training_close(training_case *c)
{
    adi_extractor_give_back(c->fitter->extractor, c->workspace);
    ad_fitter_destroy(c->fitter);
    ad_student_destroy(c->student);
    ad_backbone_destroy(c->teacher);
    ad_context_destroy(c->context);
    adi_st_close(c->golden);
}

static inline const adi_module *training_module(const training_case *c, int32_t index)
{
    return index < c->student->module_count ? c->student->modules[index].module : NULL;
}

/* ---- Comparing ---- */

/* "student.layer1.0.conv1.weight" and so on to a module and its parameter. */
static inline const adi_module_param *training_find(const training_case *c, const char *name,
                                                    int32_t *out_module)
{
    char prefix[16], other[160];
    for (int32_t i = 0; training_module(c, i); i++) {
        const adi_module *m = training_module(c, i);
        snprintf(prefix, sizeof prefix, "%s.", c->student->modules[i].name);
        for (int32_t p = 0; p < m->param_count; p++) {
            const adi_node *node = &m->graph->nodes[m->params[p].node];
            snprintf(other, sizeof other, "%s%s.%s", prefix, node->name,
                     node->op->param[m->params[p].index].suffix);
            if (strcmp(name, other) == 0) {
                *out_module = i;
                return &m->params[p];
            }
        }
    }
    fail_msg("the student has no %s", name);
    return NULL;
}

/* Every tensor of a list in the metadata. gradients: those, not the values. */
static inline void training_compare(const training_case *c, const char *key, const char *list,
                                    int gradients, golden_limits limits, double *worst)
{
    const int64_t rows = golden_names(c->golden, list);
    const adi_stfpm_training *t = c->training;
    char name[160];
    assert_int_equal(rows, golden_tensor(c->golden, key, "value")->shape[0]);
    for (int64_t row = 0; row < rows; row++) {
        int32_t module = 0;
        assert_true(golden_name(c->golden, list, row, name, sizeof name));
        const adi_module_param *p = training_find(c, name, &module);
        const adi_module *m = training_module(c, module);
        const float *values =
            gradients ? t->head.bench.modules[module].run.gradients : m->values;
        float *file = malloc(p->count * sizeof *file);
        assert_non_null(file);
        adi_module_to_file(m, p, values + p->offset, file);
        golden_row(c->golden, key, row, name, file, (int64_t)p->count, limits, worst);
        free(file);
    }
}

/* Both lists together name every parameter of the modules that are trained. */
static inline void training_check_all_listed(const training_case *c, int32_t first_module)
{
    int64_t count = 0;
    for (int32_t i = first_module; training_module(c, i); i++)
        count += training_module(c, i)->param_count;
    assert_int_equal(golden_names(c->golden, "parameters") + golden_names(c->golden, "statistics"),
                     count);
}

/* Step `step`, from 1, on the batch that is due; phase 0. */
static inline adi_batch_loss training_gradients(const training_case *c, int step)
{
    adi_batch_loss loss = {0};
    int32_t images[TRAINING_MAX_BATCH];
    assert_true(c->images <= TRAINING_MAX_BATCH);
    for (int32_t i = 0; i < c->images; i++)
        images[i] = (step - 1) % 2 * c->images + i;
    training_ok(c->trainee->gradients(c->trainee->self, 0, images, c->images,
                                               NULL, &loss));
    return loss;
}

/* Error on the held-out images. */
static inline double training_validation(const training_case *c)
{
    double error = -1.0;
    const int32_t first = 2 * c->images, images[TRAINING_HELD_OUT] = {first, first + 1, first + 2};
    training_ok(c->trainee->validate(c->trainee->self, 0, images,
                                              TRAINING_HELD_OUT, NULL, &error));
    return error;
}

/* The error has a definition of its own, whatever the loss is weighted with. */
static inline void training_compare_validation(training_case *c, double limit)
{
    static const char *const what[] = {"validation by distance", "by product",
                                       "by product at combine_at"};
    double worst = 0.0;
    for (int k = 0; k < 3; k++) {
        c->config->o.val = k ? ADI_VALIDATION_PRODUCT : ADI_VALIDATION_DISTANCE;
        c->config->o.combine_at = k == 2 ? (int32_t)training_integer(c, "combine_at") : 0;
        worst = fmax(worst, golden_scalar(what[k], training_validation(c),
                                          golden_real(c->golden, "validation", NULL, k), limit));
    }
    printf("    validation %.1e\n", worst);
}

/* The layers' own maps of the first held-out image. */
static inline void training_compare_layers(training_case *c, golden_limits limits)
{
    double error = 0.0, worst = 0.0;
    const int32_t image = 2 * c->images;
    const float *map = c->training->distances;
    training_ok(
        c->trainee->validate(c->trainee->self, 0, &image, 1, NULL, &error));
    for (int32_t l = 0; l < c->config->settings.tap_count; l++) {
        const adi_shape *s = adi_extractor_shape(c->fitter->extractor, l);
        golden_row(c->golden, "layer_map", l, adi_extractor_layer(c->fitter->extractor, l), map,
                   s->h * s->w, limits, &worst);
        map += s->h * s->w;
    }
    printf("    layer maps %.1e\n", worst);
}

/* What a scorer made of the student sees in the held-out images. */
static inline void training_compare_maps(training_case *c, golden_limits limits, double score_limit)
{
    const adi_settings *settings = &c->config->settings;
    const int64_t side = settings->preprocess.crop;
    double worst = 0.0, score_error = 0.0;
    uint8_t *rgb = malloc((size_t)(3 * side * side));
    for (int kind = 0; kind < 3; kind++) {
        char name[20];
        adi_networks networks = {0};
        adi_model *model = NULL;
        adi_extractor *x = NULL;
        adi_workspace *w = NULL;
        assert_true(golden_name(c->golden, "maps", kind, name, sizeof name));
        c->config->o.combine = strcmp(name, "sum") == 0 ? ADI_COMBINE_SUM : ADI_COMBINE_PRODUCT;
        c->config->o.combine_at =
            strcmp(name, "product_at") == 0 ? (int32_t)training_integer(c, "combine_at") : 0;
        for (int32_t i = 0; i < c->student->module_count; i++) {
            training_ok(adi_module_freeze(training_module(c, i), &networks.items[i].net));
            networks.items[networks.count++].name = c->student->modules[i].name;
        }
        training_ok(adi_stfpm_model_create(c->context, c->teacher->network->graph, settings,
                                           &networks, &model));
        training_ok(adi_extractor_create(c->context, c->teacher->network, &settings->preprocess,
                                         settings->taps, settings->tap_count, &x));
        adi_model_reserve(model, x);
        training_ok(adi_extractor_borrow(x, &w));
        for (int32_t i = 0; i < TRAINING_HELD_OUT; i++) {
            double score = 0.0;
            seeded_photo(rgb, training_integer(c, "first") + 2 * c->images + i, side);
            const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, rgb, side, side, side * 3);
            training_ok(adi_extractor_run(x, w, &image));
            training_ok(adi_model_score(model, x, w, 1, &score));
            score_error =
                fmax(score_error, golden_scalar("score", score,
                                                golden_real(c->golden, "score", NULL, 3 * i + kind),
                                                score_limit));
            if (i == 0)
                golden_row(c->golden, "map", kind, name, w->map, side * side, limits, &worst);
        }
        adi_extractor_give_back(x, w);
        adi_extractor_destroy(x);
        model->method->destroy_model(model);
    }
    free(rgb);
    printf("    maps %.1e, scores %.1e\n", worst, score_error);
}

#endif
