/* What a training works in: plans, their memory, optimisers, and the best values so far. */
#include <stdio.h>
#include <string.h>

#include "methods/stfpm.h"

static ad_status make_plans(adi_stfpm_training *t, int64_t batch)
{
    const ad_context *c = t->context;
    const int64_t side = t->config->preprocess.crop;
    const adi_shape input = {batch, side, side, 3};
    ADI_TRY(adi_train_plan_create(t->student->net, c->backend->kernels, c->num_threads, &input, 0, &t->plan));
    for (int32_t l = 0; t->config->unets && l < t->config->tap_count; l++) {
        const adi_shape *features = adi_train_tap_shape(t->plan, l);
        const adi_unet_options o = adi_student_unet_options(t->student, l);
        ADI_TRY(adi_unet_check_size(&o, t->student->net->graph->taps[t->config->taps[l]].name, features->h, features->w));
        ADI_TRY(adi_train_plan_create(t->student->unets[l], c->backend->kernels, c->num_threads, features, 1,
                                      &t->unet_plans[l]));
    }
    return AD_OK;
}

const adi_train_plan *adi_stfpm_training_plan(const adi_stfpm_training *t, int32_t module)
{
    return module ? t->unet_plans[module - 1] : t->plan;
}

adi_train_run *adi_stfpm_training_run(adi_stfpm_training *t, int32_t module)
{
    return module ? &t->unet_runs[module - 1] : &t->run;
}

/* ---- Sizes ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* One scratch serves all plans and the sums of losses. */
static size_t scratch_bytes(const adi_stfpm_training *t)
{
    const ad_context *c = t->context;
    size_t bytes = 0, largest = 0;
    for (int32_t i = 0; adi_student_module(t->student, i); i++) {
        bytes = larger(bytes, adi_stfpm_training_plan(t, i)->scratch_bytes);
        largest = larger(largest, adi_student_module(t->student, i)->trainable);
    }
    for (int32_t l = 0; l < t->config->tap_count; l++)
        largest = larger(largest, adi_arena_floats(adi_train_tap_shape(t->plan, l)));
    const size_t side = (size_t)larger((size_t)t->config->preprocess.crop, (size_t)adi_stfpm_combine_side(t->config));
    largest = larger(largest, side * side);
    return larger(bytes, c->backend->kernels->sum_scratch((int64_t)largest, c->num_threads));
}

static size_t teacher_floats(const adi_stfpm_training *t)
{
    size_t floats = 0;
    for (int32_t l = 0; t->config->unets && l < t->config->tap_count; l++)
        floats += adi_arena_floats(adi_train_tap_shape(t->plan, l));
    return floats;
}

static size_t distance_floats(const adi_stfpm_training *t)
{
    size_t floats = 0;
    for (int32_t l = 0; l < t->config->tap_count; l++)
        floats += (size_t)(adi_train_tap_shape(t->plan, l)->h * adi_train_tap_shape(t->plan, l)->w);
    return floats;
}

static size_t map_floats(const adi_stfpm_training *t)
{
    const size_t side = larger((size_t)t->config->preprocess.crop, (size_t)adi_stfpm_combine_side(t->config));
    return 3 * side * side;
}

static adi_optimiser_options optimiser_of(const adi_stfpm_config *config, int32_t module)
{
    const ad_stfpm_options *o = &config->o;
    return module ? (adi_optimiser_options){AD_OPTIMIZER_ADAM, 0, o->unet_lr, 0.0, o->unet_weight_decay, 0.9, 0.999}
                  : (adi_optimiser_options){o->optimizer, 0, o->lr, o->momentum, o->weight_decay, 0.9, 0.999};
}

/* What reading a checkpoint takes for a moment, or making the scorer: the student once more as a file in memory,
 * and its networks; names and headers by the node. */
static size_t passing_bytes(const adi_stfpm_training *t)
{
    size_t arrays = 0, networks = 0, largest = 0, nodes = 0, packed = 0;
    for (int32_t i = 0; adi_student_module(t->student, i); i++) {
        const adi_module *m = adi_student_module(t->student, i);
        const adi_optimiser_options o = optimiser_of(t->config, i);
        arrays += 2 * m->total + m->trainable * (size_t)adi_optimiser_states(&o);
        networks += m->total;
        largest = larger(largest, m->total);
        nodes += (size_t)m->graph->node_count;
        packed += adi_train_plan_packed_bytes(adi_stfpm_training_plan(t, i));
    }
    return larger(arrays, networks + 2 * largest) * sizeof(float) + packed + nodes * 1024;
}

static size_t count_bytes(const adi_stfpm_training *t)
{
    size_t bytes = sizeof *t + scratch_bytes(t) + passing_bytes(t)
                   + (adi_arena_floats(&t->plan->input[0]) + teacher_floats(t) + distance_floats(t) + map_floats(t))
                         * sizeof(float);
    for (int32_t i = 0; adi_student_module(t->student, i); i++) {
        const adi_train_plan *p = adi_stfpm_training_plan(t, i);
        const adi_module *m = adi_student_module(t->student, i);
        const adi_optimiser_options o = optimiser_of(t->config, i);
        bytes += p->own_bytes + p->block_floats * sizeof(float) + p->statistics_doubles * sizeof(double)
                 + (m->trainable * (size_t)(1 + adi_optimiser_states(&o)) + 2 * m->total) * sizeof(float);
    }
    return bytes;
}

ad_status adi_stfpm_training_bytes(ad_student *student, const adi_stfpm_config *config, size_t *out_bytes)
{
    adi_stfpm_training t = {.student = student, .config = config, .context = student->teacher->context};
    const ad_status status = make_plans(&t, config->o.batch);
    if (status == AD_OK)
        *out_bytes = count_bytes(&t);
    adi_train_plan_destroy(t.plan);
    for (int32_t l = 0; l < ADI_STFPM_MAX_LAYERS; l++)
        adi_train_plan_destroy(t.unet_plans[l]);
    return status;
}

/* ---- Life ---- */

static ad_status make_run(adi_stfpm_training *t, int32_t module)
{
    const adi_allocator *a = &t->context->allocator;
    const adi_train_plan *p = adi_stfpm_training_plan(t, module);
    const adi_module *m = adi_student_module(t->student, module);
    adi_train_run *run = adi_stfpm_training_run(t, module);
    const adi_optimiser_options o = optimiser_of(t->config, module);
    *run = (adi_train_run){.scratch = t->run.scratch, .input = {t->input}};
    run->block = adi_alloc(a, p->block_floats * sizeof *run->block);
    run->statistics = adi_alloc(a, p->statistics_doubles * sizeof *run->statistics);
    run->gradients = adi_calloc(a, m->trainable, sizeof *run->gradients);
    t->best[module] = adi_alloc(a, m->total * sizeof *t->best[module]);
    if (!run->block || !run->statistics || !run->gradients || !t->best[module])
        return adi_fail_memory();
    return adi_optimiser_init(&t->optimisers[module], a, &o, m->trainable);
}

/* "student" or "ae.1", and what of it. */
static void name_part(char *name, int32_t module, const char *part)
{
    adi_student_prefix(AD_STUDENT_STFPM_UNET, module, name, ADI_TRAIN_MAX_NAME);
    name[strlen(name) - 1] = '\0'; /* the dot before names of tensors */
    snprintf(name + strlen(name), ADI_TRAIN_MAX_NAME - strlen(name), "%s", part);
}

static void list_state(adi_stfpm_training *t)
{
    static const char *const states[2] = {".optimiser.0", ".optimiser.1"};
    adi_trainee *e = &t->trainee;
    for (int32_t i = 0; adi_student_module(t->student, i); i++) {
        const adi_module *m = adi_student_module(t->student, i);
        adi_optimiser *o = &t->optimisers[i];
        adi_train_array *x = &e->arrays[e->array_count++];
        *x = (adi_train_array){.values = m->values, .best = t->best[i], .count = m->total};
        name_part(x->name, i, "");
        for (int32_t j = 0; j < 2 && o->state[j]; j++) {
            x = &e->arrays[e->array_count++];
            *x = (adi_train_array){.values = o->state[j], .count = o->count};
            name_part(x->name, i, states[j]);
        }
        adi_train_counter *c = &e->counters[e->counter_count++];
        c->value = &o->steps;
        name_part(c->name, i, ".steps");
    }
    e->counters[e->counter_count++] = (adi_train_counter){"student.epochs", &t->student->epochs_trained};
}

/* Multiply-adds of the student and its U-Nets, roughly: their parameters meet as many positions. */
static void list_phases(adi_stfpm_training *t)
{
    const ad_stfpm_options *o = &t->config->o;
    adi_trainee *e = &t->trainee;
    if (t->config->unets && o->pretrain_epochs && o->epochs) /* no epochs: the student as it is */
        e->phases[e->phase_count++] = (adi_phase){"autoencoders", o->pretrain_epochs, 0, 0.3};
    e->phases[e->phase_count++] = (adi_phase){"student", o->epochs, 0, 1.0};
}

static ad_status fill(adi_stfpm_training *t, int32_t batch)
{
    const adi_allocator *a = &t->context->allocator;
    ADI_TRY(make_plans(t, batch));
    t->input = adi_alloc(a, adi_arena_floats(&t->plan->input[0]) * sizeof *t->input);
    t->teacher = adi_alloc(a, teacher_floats(t) * sizeof *t->teacher);
    t->distances = adi_alloc(a, distance_floats(t) * sizeof *t->distances);
    t->maps = adi_alloc(a, map_floats(t) * sizeof *t->maps);
    t->run.scratch = adi_alloc(a, scratch_bytes(t));
    if (!t->input || !t->teacher || !t->distances || !t->maps || !t->run.scratch)
        return adi_fail_memory();
    for (int32_t i = 0; adi_student_module(t->student, i); i++)
        ADI_TRY(make_run(t, i));
    list_state(t);
    list_phases(t);
    return AD_OK;
}

ad_status adi_stfpm_training_create(ad_student *student, const adi_stfpm_config *config,
                                    const adi_student_data *data, int32_t batch,
                                    adi_stfpm_training **out_training)
{
    const ad_context *context = student->teacher->context;
    *out_training = NULL;
    adi_stfpm_training *t = adi_calloc(&context->allocator, 1, sizeof *t);
    if (!t)
        return adi_fail_memory();
    *t = (adi_stfpm_training){.student = student, .config = config, .data = data, .context = context,
                              .trainee = adi_stfpm_trainee};
    t->trainee.self = t;
    const ad_status status = fill(t, batch);
    if (status == AD_OK)
        *out_training = t;
    else
        adi_stfpm_training_destroy(t);
    return status;
}

void adi_stfpm_training_destroy(void *training)
{
    adi_stfpm_training *t = training;
    if (!t)
        return;
    const adi_allocator *a = &t->context->allocator;
    for (int32_t i = 0; i <= ADI_STFPM_MAX_LAYERS; i++) {
        adi_train_run *run = adi_stfpm_training_run(t, i);
        adi_free(a, run->block);
        adi_free(a, run->statistics);
        adi_free(a, run->gradients);
        adi_free(a, t->best[i]);
        adi_optimiser_free(&t->optimisers[i]);
    }
    adi_train_plan_destroy(t->plan);
    for (int32_t l = 0; l < ADI_STFPM_MAX_LAYERS; l++)
        adi_train_plan_destroy(t->unet_plans[l]);
    adi_free(a, t->run.scratch);
    adi_free(a, t->input);
    adi_free(a, t->teacher);
    adi_free(a, t->distances);
    adi_free(a, t->maps);
    adi_free(a, t);
}
