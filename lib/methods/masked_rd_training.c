/* What a training of masked reverse distillation works in: the plan and its memory, the optimiser, the best values so far. */
#include <stdio.h>
#include <string.h>

#include "methods/masked_rd.h"

static ad_status make_plan(adi_rd_training *t, int64_t batch)
{
    const ad_context *c = t->context;
    adi_shape deepest = t->config->shapes[ADI_RD_LEVELS - 1];
    deepest.n = batch;
    return adi_train_plan_create(t->student->net, c->backend->kernels, c->num_threads, &deepest, 0, &t->plan);
}

/* ---- Sizes ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t map_floats(const adi_rd_training *t)
{
    return (size_t)t->config->preprocess.crop * (size_t)t->config->preprocess.crop;
}

/* Of one level of a batch, or of all levels of one image. */
static size_t distance_floats(const adi_rd_training *t)
{
    size_t most = 0, all = 0;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
        const size_t n = (size_t)(t->config->shapes[level].h * t->config->shapes[level].w);
        most = larger(most, n * (size_t)t->plan->input[0].n);
        all += n;
    }
    return larger(most, all);
}

static size_t scratch_bytes(const adi_rd_training *t)
{
    const ad_context *c = t->context;
    const size_t sums = c->backend->kernels->sum_scratch((int64_t)larger(distance_floats(t), map_floats(t)), c->num_threads);
    return larger(larger(t->plan->scratch_bytes, sums), adi_rd_map_scratch(t->config, c));
}

static size_t feature_floats(const adi_rd_training *t, int32_t level)
{
    return adi_arena_floats(&t->plan->input[adi_rd_input(level)]);
}

static adi_optimiser_options optimiser_of(const adi_rd_config *config)
{
    const ad_masked_rd_options *o = &config->o;
    return (adi_optimiser_options){AD_OPTIMIZER_ADAM, 0, o->lr, 0.0, o->weight_decay, o->beta1, o->beta2};
}

/* Gradients, the optimiser's, the best, and for a moment a checkpoint with all of that; or behind the training, whose memory
 * is free again, the making of the scorer: see adi_stfpm_training_bytes(). */
static size_t count_bytes(const adi_rd_training *t)
{
    const adi_module *m = t->student->net;
    size_t floats = t->plan->block_floats + distance_floats(t) + map_floats(t);
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        floats += feature_floats(t, level);
    const size_t checkpoint = (2 * m->total + 2 * m->trainable) * sizeof(float);
    const size_t making = 3 * m->total * sizeof(float) + adi_train_plan_packed_bytes(t->plan);
    const size_t bytes = sizeof *t + scratch_bytes(t) + (floats + 3 * m->trainable + m->total) * sizeof(float)
                         + t->plan->own_bytes + t->plan->statistics_doubles * sizeof(double);
    return larger(bytes + checkpoint, making) + m->total * sizeof(float) + (size_t)m->graph->node_count * 1024;
}

ad_status adi_rd_training_bytes(ad_student *student, const adi_rd_config *config, size_t *out_bytes)
{
    adi_rd_training t = {.student = student, .config = config, .context = student->teacher->context};
    const ad_status status = make_plan(&t, config->o.batch);
    if (status == AD_OK)
        *out_bytes = count_bytes(&t);
    adi_train_plan_destroy(t.plan);
    return status;
}

/* ---- Life ---- */

static void list_state(adi_rd_training *t)
{
    const adi_module *m = t->student->net;
    adi_trainee *e = &t->trainee;
    e->arrays[e->array_count++] = (adi_train_array){.name = "student", .values = m->values, .best = t->best, .count = m->total};
    for (int j = 0; j < 2; j++) {
        adi_train_array *x = &e->arrays[e->array_count++];
        *x = (adi_train_array){.values = t->optimiser.state[j], .count = m->trainable};
        snprintf(x->name, sizeof x->name, "student.optimiser.%d", j);
    }
    e->counters[e->counter_count++] = (adi_train_counter){"student.steps", &t->optimiser.steps};
    e->counters[e->counter_count++] = (adi_train_counter){"student.epochs", &t->student->epochs_trained};
    e->phases[e->phase_count++] = (adi_phase){"student", t->config->o.epochs, 0, 1.0};
}

static ad_status fill(adi_rd_training *t, int32_t batch)
{
    const adi_allocator *a = &t->context->allocator;
    const adi_module *m = t->student->net;
    ADI_TRY(make_plan(t, batch));
    int ok = 1;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
        t->features[level] = adi_alloc(a, feature_floats(t, level) * sizeof *t->features[level]);
        t->run.input[adi_rd_input(level)] = t->features[level];
        ok &= t->features[level] != NULL;
    }
    t->distances = adi_alloc(a, distance_floats(t) * sizeof *t->distances);
    t->map = adi_alloc(a, map_floats(t) * sizeof *t->map);
    t->best = adi_alloc(a, m->total * sizeof *t->best);
    t->run.scratch = adi_alloc(a, scratch_bytes(t));
    t->run.block = adi_alloc(a, t->plan->block_floats * sizeof *t->run.block);
    t->run.statistics = adi_alloc(a, t->plan->statistics_doubles * sizeof *t->run.statistics);
    t->run.gradients = adi_calloc(a, m->trainable, sizeof *t->run.gradients);
    if (!ok || !t->distances || !t->map || !t->best || !t->run.scratch || !t->run.block || !t->run.statistics
        || !t->run.gradients)
        return adi_fail_memory();
    const adi_optimiser_options o = optimiser_of(t->config);
    ADI_TRY(adi_optimiser_init(&t->optimiser, a, &o, m->trainable));
    list_state(t);
    return AD_OK;
}

ad_status adi_rd_training_create(ad_student *student, const adi_rd_config *config, const adi_student_data *data,
                                 int32_t batch, adi_rd_training **out_training)
{
    const ad_context *context = student->teacher->context;
    *out_training = NULL;
    adi_rd_training *t = adi_calloc(&context->allocator, 1, sizeof *t);
    if (!t)
        return adi_fail_memory();
    *t = (adi_rd_training){.student = student, .config = config, .data = data, .context = context, .trainee = adi_rd_trainee};
    t->trainee.self = t;
    const ad_status status = fill(t, batch);
    if (status == AD_OK)
        *out_training = t;
    else
        adi_rd_training_destroy(t);
    return status;
}

void adi_rd_training_destroy(void *training)
{
    adi_rd_training *t = training;
    if (!t)
        return;
    const adi_allocator *a = &t->context->allocator;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        adi_free(a, t->features[level]);
    void *const all[] = {t->distances, t->map, t->best, t->run.scratch, t->run.block, t->run.statistics, t->run.gradients};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        adi_free(a, all[i]);
    adi_optimiser_free(&t->optimiser);
    adi_train_plan_destroy(t->plan);
    adi_free(a, t);
}
