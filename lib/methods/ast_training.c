/* What a training of AST works in: plans, their memory, optimisers, and the best values so far. */
#include <stdio.h>
#include <string.h>

#include "methods/ast.h"

static const char *const network_names[ADI_AST_NETWORKS] = {"flow", "student"};
const char *const adi_ast_phase_names[ADI_AST_NETWORKS] = {"teacher", "student"};

static ad_status make_plans(adi_ast_training *t, int64_t batch)
{
    const ad_context *c = t->context;
    const adi_shape input = {batch, t->config->h, t->config->w, t->config->channels};
    for (int i = 0; i < ADI_AST_NETWORKS; i++)
        ADI_TRY(adi_train_plan_create(adi_student_module(t->student, i), c->backend->kernels, c->num_threads, &input, 0,
                                      &t->plan[i]));
    return AD_OK;
}

/* ---- Sizes ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t batch_positions(const adi_ast_training *t)
{
    return (size_t)t->plan[0]->input[0].n * (size_t)adi_ast_positions(t->config);
}

static size_t map_floats(const adi_ast_training *t)
{
    return (size_t)adi_ast_positions(t->config) * ADI_AST_ENLARGE * ADI_AST_ENLARGE;
}

/* One scratch and one block serve both plans, and the scratch the sums of losses. */
static size_t scratch_bytes(const adi_ast_training *t)
{
    size_t bytes = 0, largest = larger(map_floats(t), batch_positions(t) * (size_t)t->config->channels);
    for (int i = 0; i < ADI_AST_NETWORKS; i++) {
        bytes = larger(bytes, t->plan[i]->scratch_bytes);
        largest = larger(largest, adi_student_module(t->student, i)->trainable);
    }
    return larger(bytes, t->context->backend->kernels->sum_scratch((int64_t)largest, t->context->num_threads));
}

static size_t block_floats(const adi_ast_training *t)
{
    return larger(t->plan[ADI_AST_FLOW]->block_floats, t->plan[ADI_AST_STUDENT]->block_floats);
}

static adi_optimiser_options optimiser_of(const adi_ast_config *config)
{
    return (adi_optimiser_options){AD_OPTIMIZER_ADAM, 0, config->o.lr, 0.0, config->o.weight_decay, 0.9, 0.999};
}

/* Parameters of both networks, and what is needed of the one that is trained: the larger. */
typedef struct module_sizes {
    size_t total, largest, trainable; /* floats */
    size_t packed, nodes;             /* bytes of filters laid out for scoring; nodes of the graphs */
} module_sizes;

static module_sizes sizes_of(const adi_ast_training *t)
{
    module_sizes s = {0};
    for (int i = 0; i < ADI_AST_NETWORKS; i++) {
        const adi_module *m = adi_student_module(t->student, i);
        s.total += m->total;
        s.largest = larger(s.largest, m->total);
        s.trainable = larger(s.trainable, m->trainable);
        s.packed += adi_train_plan_packed_bytes(t->plan[i]);
        s.nodes += (size_t)m->graph->node_count;
    }
    return s;
}

/* Gradients, the optimiser's and the best of one network at a time, and for a moment a checkpoint with all of that; or
 * behind the training, whose memory is free again, the making of the scorer: see adi_stfpm_training_bytes(). */
static size_t count_bytes(const adi_ast_training *t)
{
    const size_t positions = batch_positions(t), channels = (size_t)t->config->channels;
    const size_t floats = block_floats(t) + positions * (2 * channels + 3) + map_floats(t);
    const module_sizes s = sizes_of(t);
    const size_t checkpoint = (s.total + s.largest + 2 * s.trainable) * sizeof(float);
    const size_t making = (s.total + 2 * s.largest) * sizeof(float) + s.packed;
    size_t bytes = sizeof *t + scratch_bytes(t) + (floats + 3 * s.trainable + s.largest) * sizeof(float);
    for (int i = 0; i < ADI_AST_NETWORKS; i++)
        bytes += t->plan[i]->own_bytes + t->plan[i]->statistics_doubles * sizeof(double);
    return larger(bytes + checkpoint, making) + s.total * sizeof(float) + s.nodes * 1024;
}

ad_status adi_ast_training_bytes(ad_student *student, const adi_ast_config *config, size_t *out_bytes)
{
    adi_ast_training t = {.student = student, .config = config, .context = student->teacher->context};
    const ad_status status = make_plans(&t, config->o.batch);
    if (status == AD_OK)
        *out_bytes = count_bytes(&t);
    for (int i = 0; i < ADI_AST_NETWORKS; i++)
        adi_train_plan_destroy(t.plan[i]);
    return status;
}

/* ---- Life ---- */

static ad_status make_run(adi_ast_training *t, int i)
{
    const adi_allocator *a = &t->context->allocator;
    adi_train_run *run = &t->run[i];
    *run = (adi_train_run){.block = t->run[0].block, .scratch = t->run[0].scratch, .gradients = t->run[0].gradients,
                           .input = {t->x}};
    run->statistics = adi_alloc(a, t->plan[i]->statistics_doubles * sizeof *run->statistics);
    return run->statistics ? AD_OK : adi_fail_memory();
}

/* A network without a phase of its own stays as it is. */
static void list_network(adi_ast_training *t, int i)
{
    const adi_module *m = adi_student_module(t->student, i);
    adi_trainee *e = &t->trainee;
    int32_t only = 0;
    for (int32_t phase = 0; phase < e->phase_count; phase++)
        if (strcmp(e->phases[phase].name, adi_ast_phase_names[i]) == 0)
            only = phase + 1;
    adi_train_array *x = &e->arrays[e->array_count++];
    *x = (adi_train_array){.values = m->values, .best = only ? t->best : NULL, .count = m->total, .only = only};
    snprintf(x->name, sizeof x->name, "%s", network_names[i]);
    for (int j = 0; only && j < 2; j++) {
        x = &e->arrays[e->array_count++];
        *x = (adi_train_array){.values = t->optimiser.state[j], .count = m->trainable, .only = only};
        snprintf(x->name, sizeof x->name, "%s.optimiser.%d", network_names[i], j);
    }
}

static void list_state(adi_ast_training *t)
{
    adi_trainee *e = &t->trainee;
    for (int i = 0; i < ADI_AST_NETWORKS; i++)
        list_network(t, i);
    e->counters[e->counter_count++] = (adi_train_counter){"steps", &t->optimiser.steps};
    e->counters[e->counter_count++] = (adi_train_counter){"student.epochs", &t->student->epochs_trained};
}

/* Multiply-adds of a batch, roughly: parameters meet every position, three times where they are trained. */
static void list_phases(adi_ast_training *t)
{
    const ad_ast_options *o = &t->config->o;
    const double flow = (double)adi_student_module(t->student, ADI_AST_FLOW)->trainable;
    const double student = (double)adi_student_module(t->student, ADI_AST_STUDENT)->trainable;
    adi_trainee *e = &t->trainee;
    if (o->teacher_epochs || !o->student_epochs)
        e->phases[e->phase_count++] = (adi_phase){adi_ast_phase_names[ADI_AST_FLOW], o->teacher_epochs, 0, 3.0 * flow};
    if (o->student_epochs)
        e->phases[e->phase_count++] = (adi_phase){adi_ast_phase_names[ADI_AST_STUDENT], o->student_epochs, 0, flow + 3.0 * student};
}

static ad_status fill(adi_ast_training *t, int32_t batch)
{
    const adi_allocator *a = &t->context->allocator;
    ADI_TRY(make_plans(t, batch));
    const size_t positions = batch_positions(t), values = positions * (size_t)t->config->channels;
    const module_sizes sizes = sizes_of(t);
    t->x = adi_alloc(a, values * sizeof *t->x);
    t->weights = adi_alloc(a, positions * sizeof *t->weights);
    t->target = adi_alloc(a, (values + positions) * sizeof *t->target);
    t->distances = adi_alloc(a, positions * sizeof *t->distances);
    t->map = adi_alloc(a, map_floats(t) * sizeof *t->map);
    t->run[0].scratch = adi_alloc(a, scratch_bytes(t));
    t->run[0].block = adi_alloc(a, block_floats(t) * sizeof *t->run[0].block);
    t->run[0].gradients = adi_calloc(a, sizes.trainable, sizeof *t->run[0].gradients);
    t->best = adi_alloc(a, sizes.largest * sizeof *t->best);
    if (!t->x || !t->weights || !t->target || !t->distances || !t->map || !t->run[0].scratch || !t->run[0].block
        || !t->run[0].gradients || !t->best)
        return adi_fail_memory();
    const adi_optimiser_options o = optimiser_of(t->config);
    ADI_TRY(adi_optimiser_init(&t->optimiser, a, &o, sizes.trainable));
    for (int i = 0; i < ADI_AST_NETWORKS; i++)
        ADI_TRY(make_run(t, i));
    list_phases(t);
    list_state(t);
    return AD_OK;
}

ad_status adi_ast_training_create(ad_student *student, const adi_ast_config *config, const adi_ast_data *data,
                                  int32_t batch, adi_ast_training **out_training)
{
    const ad_context *context = student->teacher->context;
    *out_training = NULL;
    adi_ast_training *t = adi_calloc(&context->allocator, 1, sizeof *t);
    if (!t)
        return adi_fail_memory();
    *t = (adi_ast_training){.student = student, .config = config, .data = data, .context = context,
                            .trainee = adi_ast_trainee};
    t->trainee.self = t;
    const ad_status status = fill(t, batch);
    if (status == AD_OK)
        *out_training = t;
    else
        adi_ast_training_destroy(t);
    return status;
}

void adi_ast_training_destroy(void *training)
{
    adi_ast_training *t = training;
    if (!t)
        return;
    const adi_allocator *a = &t->context->allocator;
    adi_free(a, t->run[0].block);
    adi_free(a, t->run[0].scratch);
    adi_free(a, t->run[0].gradients);
    adi_optimiser_free(&t->optimiser);
    for (int i = 0; i < ADI_AST_NETWORKS; i++) {
        adi_free(a, t->run[i].statistics);
        adi_train_plan_destroy(t->plan[i]);
    }
    float *const all[] = {t->best, t->x, t->weights, t->target, t->distances, t->map};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        adi_free(a, all[i]);
    adi_free(a, t);
}
