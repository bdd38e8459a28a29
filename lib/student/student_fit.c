/* The fit of every method that trains a student. */
#include "student/student_fit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "train/split.h"

static const adi_student_kind *kind_of(const adi_student_fit *f)
{
    return f->head.method->student;
}

static const adi_allocator *allocator_of(const adi_student_fit *f)
{
    return &f->head.backbone->context->allocator;
}

ad_status adi_training_check(ad_status status, const char *what)
{
    return status == AD_OK ? AD_OK : adi_fail(status, "%s failed in the backend", what);
}

/* ---- Options of the training that all methods have, by name ---- */

static const void *option_of(const adi_settings *s, const char *key)
{
    const adi_option_row *row = adi_option_find(s->table, key);
    return row ? (const char *)adi_settings_options(s) + row->offset : NULL;
}

static int32_t integer_of(const adi_settings *s, const char *key)
{
    const int32_t *v = option_of(s, key);
    return v ? *v : 0;
}

static double real_of(const adi_settings *s, const char *key)
{
    const double *v = option_of(s, key);
    return v ? *v : 0.0;
}

static uint64_t count_of(const adi_settings *s, const char *key)
{
    const uint64_t *v = option_of(s, key);
    return v ? *v : 0;
}

/* ---- The trainee that the loop trains ---- */

static const adi_student_kind *kind_in(const adi_training *t)
{
    return t->student->method->student;
}

static ad_status begin_phase(void *self, int32_t phase)
{
    adi_training *t = self;
    ADI_TRY(adi_workbench_begin_phase(&t->bench, phase));
    if (kind_in(t)->begin_phase)
        kind_in(t)->begin_phase(t, phase);
    return AD_OK;
}

static ad_status gradients(void *self, int32_t phase, const int32_t *images, int32_t count,
                           const adi_cancel *cancel, adi_batch_loss *out_loss)
{
    adi_training *t = self;
    return kind_in(t)->gradients(t, phase, images, count, cancel, out_loss);
}

static ad_status update(void *self, int32_t phase)
{
    adi_training *t = self;
    const adi_student_kind *kind = kind_in(t);
    return adi_workbench_update(&t->bench, phase,
                                kind->clip_norm ? kind->clip_norm(t, phase) : 0.0);
}

static ad_status validate(void *self, int32_t phase, const int32_t *images, int32_t count,
                          const adi_cancel *cancel, double *out_error)
{
    adi_training *t = self;
    return kind_in(t)->validate(t, phase, images, count, cancel, out_error);
}

static void epoch_done(void *self, int32_t phase)
{
    adi_training *t = self;
    t->student->epochs_trained += strcmp(t->bench.trainee.phases[phase].name, "student") == 0;
}

/* What a checkpoint must agree in: first what the user chose, so that a mismatch is told in the
 * user's words, then the digests that follow from it. */
static const char *describe(void *self, int32_t index, char *value, size_t size,
                            int32_t *out_may_differ)
{
    const adi_training *t = self;
    const adi_settings *s = t->fit->head.settings;
    const void *values = adi_settings_options(s);
    char text[ADI_OPTION_TEXT];
    *out_may_differ = 0;
    if (index-- == 0) {
        snprintf(value, size, "%s", t->student->method->name);
        return "kind";
    }
    for (int32_t i = 0; i < s->table->row_count; i++) {
        const adi_option_row *row = &s->table->rows[i];
        if ((row->part & ADI_OPTION_UNKEPT) || !adi_option_applies(s->table, values, row) ||
            index-- > 0)
            continue;
        adi_option_print(row, values, text);
        snprintf(value, size, "%s", text);
        *out_may_differ = (row->part & ADI_OPTION_FREE) != 0;
        return row->key;
    }
    switch (index) {
    case 0:
        snprintf(value, size, "%s", t->student->digest);
        return "teacher";
    case 1:
        snprintf(value, size, "%d", t->fit->store.count);
        return "image_count";
    case 2:
        snprintf(value, size, "%016" PRIx64, t->fit->store.digest);
        return t->fit->store.pixel_bytes ? "images" : "features";
    default:
        return NULL;
    }
}

static const adi_trainee trainee = {.begin_phase = begin_phase,
                                    .gradients = gradients,
                                    .update = update,
                                    .validate = validate,
                                    .epoch_done = epoch_done,
                                    .describe = describe};

/* ---- A training ---- */

void adi_training_destroy(adi_student_fit *f)
{
    adi_fit_loop_free(&f->loop);
    if (!f->training)
        return;
    adi_workbench_free(&f->training->bench);
    adi_free(allocator_of(f), f->training);
    f->training = NULL;
}

/* Planned for batches of a size: nothing of it is allocated but the plans. */
static ad_status plan_training(const adi_student_fit *f, int32_t batch, adi_training **out)
{
    adi_training *t = adi_calloc(allocator_of(f), 1, kind_of(f)->training_size);
    if (!t)
        return adi_fail_memory();
    t->fit = f;
    t->context = f->head.backbone->context;
    t->student = f->head.student;
    t->bench.context = t->context;
    t->bench.trainee = trainee;
    t->bench.trainee.self = t;
    *out = t;
    return kind_of(f)->prepare(t, batch);
}

static ad_status find_training_bytes(adi_student_fit *f)
{
    const ad_status status =
        plan_training(f, integer_of(f->head.settings, "batch"), &f->training);
    if (status == AD_OK)
        f->training_bytes = kind_of(f)->training_size + adi_workbench_bytes(&f->training->bench);
    adi_training_destroy(f);
    return status;
}

ad_status adi_training_create(adi_student_fit *f, int32_t batch)
{
    adi_training_destroy(f);
    ADI_TRY(plan_training(f, batch, &f->training));
    ADI_TRY(adi_workbench_fill(&f->training->bench));
    adi_trainee *e = &f->training->bench.trainee;
    e->counters[e->counter_count++] =
        (adi_train_counter){"student.epochs", &f->head.student->epochs_trained};
    return AD_OK;
}

/* The plan of a batch that is never full would be memory for nothing. */
static ad_status batch_of(const adi_student_fit *f, int32_t *out_batch)
{
    const adi_settings *s = f->head.settings;
    const int32_t images = f->store.count, wanted = integer_of(s, "batch");
    const int32_t held_out = adi_held_out_count(images, real_of(s, "validation_share"));
    const int32_t left = images - held_out;
    if (left < 2)
        return adi_fail(AD_ERR_STATE,
                        "%d images leave %d to train on beside %d held out, at least 2 are needed",
                        images, left < 0 ? 0 : left, held_out);
    *out_batch = left < wanted ? left : wanted;
    return AD_OK;
}

static ad_status begin(adi_student_fit *f)
{
    const adi_settings *s = f->head.settings;
    int32_t batch = 0;
    ADI_TRY(batch_of(f, &batch));
    ad_status status = adi_training_create(f, batch);
    if (status == AD_OK)
        status = adi_fit_loop_init(&f->loop, allocator_of(f), &f->training->bench.trainee,
                                   f->store.count, real_of(s, "validation_share"),
                                   count_of(s, "split_seed"));
    if (status != AD_OK) {
        adi_training_destroy(f);
        return status;
    }
    f->loop.batch = batch;
    f->loop.patience = integer_of(s, "patience");
    f->loop.seed = count_of(s, "seed");
    f->trained_images = f->store.count;
    return AD_OK;
}

/* To its end, and what images score: those held out, or else those that were learned. */
static ad_status go_on(adi_student_fit *f, const adi_fit_control *control)
{
    const adi_fit_loop *loop = &f->loop;
    const int held_out = loop->held_out_count > 0;
    f->head.student->bench = &f->training->bench;
    const ad_status trained = adi_fit_loop_run(&f->loop, control);
    f->head.student->bench = NULL;
    const ad_status kept = adi_workbench_give_values(&f->training->bench);
    ADI_TRY(trained);
    ADI_TRY(kept);
    const ad_status status =
        kind_of(f)->scores(f->training, held_out ? loop->held_out : loop->train,
                           held_out ? loop->held_out_count : loop->train_count,
                           &f->facts.normal_score, &f->facts.normal_map);
    if (status == AD_ERR_NUMERIC)
        return adi_fail(status, "the student's distances are not finite: a lower learning rate "
                                "may help");
    return status;
}

static ad_status check_student(const adi_student_fit *f)
{
    if (f->training_number != f->head.student->trainings)
        return adi_fail(AD_ERR_STATE, "another fitter has trained the student since this one did: "
                                      "add images here to train it "
                                      "as it is now, or make a new fitter");
    return AD_OK;
}

/* No epochs: it is used as it is. */
static int changes_student(const adi_fit_loop *loop)
{
    int32_t epochs = 0;
    for (int32_t i = 0; i < loop->trainee->phase_count; i++)
        epochs += loop->trainee->phases[i].epochs > 0;
    return epochs > 0;
}

/* Begin, go on, or do nothing where all images were trained on. When it is done its memory is free
 * for the scorer. */
static ad_status train(adi_student_fit *f, adi_extractor *x, const adi_fit_control *control)
{
    ad_student *student = f->head.student;
    const int same_images = f->trained_images == f->store.count;
    adi_workspace *w = NULL;
    if (same_images && (f->done || f->training))
        ADI_TRY(check_student(f));
    if (f->done && same_images)
        return AD_OK;
    f->done = 0;
    if (!f->training || !same_images)
        ADI_TRY(begin(f));
    student->trainings += changes_student(&f->loop);
    f->training_number = student->trainings;
    if (f->store.pixel_bytes)
        ADI_TRY(adi_extractor_borrow(x, &w));
    f->training->extractor = x;
    f->training->workspace = w;
    const ad_status status = go_on(f, control);
    if (w)
        adi_extractor_give_back(x, w);
    f->loop.finished = 0;
    if (status != AD_OK)
        return status;
    adi_training_destroy(f);
    f->done = 1;
    return AD_OK;
}

/* ---- The fit ---- */

ad_status adi_student_store_pixels(adi_student_fit *f)
{
    const adi_settings *s = f->head.settings;
    const adi_graph *g = f->head.backbone->network->graph;
    const int64_t side = s->preprocess.crop;
    size_t floats = 0;
    for (int32_t i = 0; i < s->tap_count; i++) {
        adi_shape shape;
        ADI_TRY(adi_plan_tap_shape(allocator_of(f), g, s->taps[i], side, side, &shape));
        floats += (size_t)(shape.h * shape.w * shape.c);
    }
    return adi_feature_store_init(&f->store, f->head.backbone->context, floats,
                                  3 * (size_t)(side * side), NULL);
}

ad_status adi_student_add_pixels(adi_student_fit *fit, const adi_extractor *x, adi_workspace *w)
{
    return adi_feature_store_take(&fit->store, x, w);
}

static ad_status check_memory(const adi_student_fit *f)
{
    const adi_settings *s = f->head.settings;
    const uint64_t limit = count_of(s, "memory_limit");
    const int32_t side = s->preprocess.crop;
    if (f->training_bytes > limit)
        return adi_fail(AD_ERR_OUT_OF_MEMORY,
                        "training batches of %d images of %dx%d takes %zu bytes, memory_limit is "
                        "%" PRIu64 ": raise it or lower batch or size",
                        integer_of(s, "batch"), side, side, f->training_bytes, limit);
    return AD_OK;
}

static ad_status fill(adi_student_fit *f)
{
    const adi_settings *s = f->head.settings;
    ADI_TRY(find_training_bytes(f));
    ADI_TRY(check_memory(f));
    ADI_TRY(kind_of(f)->store(f));
    f->store.cache_limit = count_of(s, "feature_cache");
    f->store.file_limit = count_of(s, "cache_file");
    f->store.memory_limit = (size_t)count_of(s, "memory_limit");
    f->store.others = f->training_bytes + (f->record ? f->store.floats * sizeof *f->record : 0);
    return AD_OK;
}

ad_status adi_student_fit_create(const adi_settings *settings, ad_backbone *backbone,
                                 ad_student *student, adi_fit **out_fit)
{
    adi_student_fit *f = adi_calloc(&backbone->context->allocator, 1, sizeof *f);
    if (!f)
        return adi_fail_memory();
    memcpy(&f->config, settings, student->method->config_size);
    f->store.fd = -1;
    f->head = (adi_fit){.method = student->method, .backbone = backbone,
                        .student = adi_student_retain(student),
                        .settings = &f->config.settings};
    const ad_status status = fill(f);
    if (status == AD_OK)
        *out_fit = &f->head;
    else
        adi_student_fit_destroy(&f->head);
    return status;
}

void adi_student_fit_destroy(adi_fit *fit)
{
    adi_student_fit *f = (adi_student_fit *)fit;
    if (!f)
        return;
    const adi_allocator *a = allocator_of(f);
    ad_student *student = f->head.student;
    adi_training_destroy(f);
    adi_feature_store_free(&f->store);
    adi_free(a, f->record);
    ad_context *context = f->head.backbone->context;
    adi_free(&context->allocator, f);
    adi_student_release(student);
}

ad_status adi_student_fit_add(adi_fit *fit, const adi_extractor *x, adi_workspace *w)
{
    adi_student_fit *f = (adi_student_fit *)fit;
    ADI_TRY(kind_of(f)->add(f, x, w));
    f->head.count = f->store.count;
    return AD_OK;
}

size_t adi_student_fit_memory(const adi_fit *fit)
{
    const adi_student_fit *f = (const adi_student_fit *)fit;
    return sizeof *f + f->store.others + adi_feature_store_bytes(&f->store);
}

/* ---- The model ---- */

static ad_status freeze(const adi_student_fit *f, adi_networks *networks)
{
    const ad_student *s = f->head.student;
    for (int32_t i = 0; i < s->module_count; i++) {
        ADI_TRY(adi_module_freeze(s->modules[i].module, &networks->items[i].net));
        networks->items[i].name = s->modules[i].name;
        networks->count++;
    }
    return AD_OK;
}

ad_status adi_student_fit_finish(adi_fit *fit, adi_extractor *x,
                                 const struct adi_fit_control *control, adi_model **out_model,
                                 adi_facts *out_facts)
{
    adi_student_fit *f = (adi_student_fit *)fit;
    adi_networks networks = {0};
    ADI_TRY(train(f, x, control));
    const ad_status status = freeze(f, &networks);
    if (status != AD_OK) {
        adi_networks_destroy(&networks);
        return status;
    }
    ADI_TRY(kind_of(f)->model(f->head.backbone->context, f->head.backbone->network->graph,
                              f->head.settings, &networks, out_model));
    *out_facts = f->facts;
    out_facts->images = f->store.count;
    return AD_OK;
}

ad_status adi_student_model_load(ad_context *context, const adi_graph *graph,
                                 const adi_settings *settings, const adi_safetensors *file,
                                 adi_model **out_model)
{
    const adi_method *method = settings->method;
    const adi_student_kind *kind = method->student;
    const int32_t count = adi_student_network_count(kind, settings);
    adi_networks networks = {0};
    ad_status status = AD_OK;
    for (int32_t i = 0; i < count && status == AD_OK; i++)
        status = adi_networks_load(&networks, kind->names[i], i > 0 || kind->own_graph,
                                   &context->allocator, graph, file);
    if (status != AD_OK) {
        adi_networks_destroy(&networks);
        return status;
    }
    return kind->model(context, graph, settings, &networks, out_model);
}

void adi_student_keep_rgb(const adi_settings *settings, adi_extractor *x)
{
    (void)settings;
    adi_extractor_keep_rgb(x);
}
