/* The memory of a training: listed, counted, allocated. */
#include "train/workbench.h"

#include <stdio.h>

ad_status adi_workbench_add(adi_workbench *b, const char *name, adi_module *module,
                            const adi_shape *input, int32_t wants_input_grad,
                            const adi_optimiser_options *how, uint32_t phases)
{
    const ad_context *c = b->context;
    adi_bench_module *m = &b->modules[b->module_count];
    *m = (adi_bench_module){.name = name, .module = module, .how = *how, .phases = phases};
    ADI_TRY(adi_train_plan_create(module, &c->device, input,
                                  wants_input_grad, &m->plan));
    b->module_count++;
    return AD_OK;
}

void adi_workbench_array(adi_workbench *b, adi_f32 **where, size_t floats)
{
    b->arrays[b->array_count].where = where;
    b->arrays[b->array_count++].floats = floats;
}

void adi_workbench_host_array(adi_workbench *b, float **where, size_t floats)
{
    b->arrays[b->array_count].host = where;
    b->arrays[b->array_count++].floats = floats;
}

/* ---- Sizes ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Sums over all modules, or where they share the largest. */
typedef struct sizes {
    size_t block, gradients, states, best; /* floats */
    size_t values, largest;                /* floats of parameters: of all, of the largest */
    size_t plans, packed, nodes;           /* bytes; bytes of weights laid out for scoring */
} sizes;

static void count(size_t *io, size_t more, int32_t shares)
{
    *io = shares ? larger(*io, more) : *io + more;
}

static sizes sizes_of(const adi_workbench *b)
{
    sizes s = {0};
    for (int32_t i = 0; i < b->module_count; i++) {
        const adi_bench_module *m = &b->modules[i];
        const size_t trainable = m->module->trainable, total = m->module->total;
        count(&s.block, m->plan->block_floats, b->shares);
        count(&s.gradients, trainable, b->shares);
        count(&s.states, trainable * (size_t)adi_optimiser_states(&m->how), b->shares);
        count(&s.best, total, b->shares);
        s.values += total;
        s.largest = larger(s.largest, total);
        s.plans += m->plan->own_bytes + m->plan->statistics_doubles * sizeof(double);
        s.packed += adi_train_plan_packed_bytes(m->plan);
        s.nodes += (size_t)m->module->graph->node_count;
    }
    return s;
}

static size_t scratch_bytes(const adi_workbench *b)
{
    size_t bytes = b->scratch_bytes, longest = b->sum_floats;
    for (int32_t i = 0; i < b->module_count; i++) {
        bytes = larger(bytes, b->modules[i].plan->scratch_bytes);
        longest = larger(longest, b->modules[i].module->trainable);
    }
    return larger(bytes, b->context->device.kernels->sum_scratch((int64_t)longest,
                                                                 b->context->num_threads));
}

static size_t host_scratch_bytes(const adi_workbench *b)
{
    return larger(b->scratch_bytes, b->context->backend->kernels->sum_scratch(
                                        (int64_t)b->sum_floats, b->context->num_threads));
}

static size_t sum_count(const adi_workbench *b)
{
    return larger(b->sum_count, (size_t)b->module_count);
}

/* The training's memory is free again when the scorer is made: a network is for a moment a file in
 * memory, its weights as they are read, and packed. Names and headers take about 1 KB a node. */
size_t adi_workbench_bytes(const adi_workbench *b)
{
    const sizes s = sizes_of(b);
    size_t floats = s.block + s.gradients + s.states + s.best;
    for (int32_t i = 0; i < b->array_count; i++)
        floats += b->arrays[i].floats;
    const size_t sums = sum_count(b) * sizeof(double);
    const size_t training = sizeof *b + scratch_bytes(b) + sums + floats * sizeof(float) + s.plans;
    const size_t checkpoint = (s.values + s.best + s.states) * sizeof(float);
    /* On a device the values, and a checkpoint once more on the host. */
    const size_t more = adi_workbench_copies(b) ? checkpoint + s.values * sizeof(float) + sums +
                                        host_scratch_bytes(b) + ADI_TRAIN_FETCHED * sizeof(float)
                                  : 0;
    const size_t making = (s.values + 2 * s.largest) * sizeof(float) + s.packed;
    return larger(training + checkpoint + more, making) + s.values * sizeof(float) + s.nodes * 1024;
}

/* ---- Life ---- */

/* Backend memory of `bytes`, or NULL. */
static void *take(const adi_workbench *b, size_t bytes)
{
    return adi_mem_alloc(&b->context->device, &b->context->allocator, bytes);
}

static void give(const adi_workbench *b, void *p)
{
    adi_mem_free(&b->context->device, &b->context->allocator, p);
}

/* On the host those of the module itself. */
static ad_status fill_values(adi_workbench *b, adi_bench_module *m)
{
    const size_t bytes = m->module->total * sizeof *m->run.values;
    m->run.values = adi_workbench_copies(b) ? take(b, bytes) : m->module->values;
    if (!m->run.values)
        return adi_fail_memory();
    return adi_mem_upload(&b->context->device, b->queue, m->run.values, m->module->values, bytes);
}

static ad_status fill_module(adi_workbench *b, int32_t index, const sizes *s)
{
    const adi_device *device = &b->context->device;
    adi_bench_module *m = &b->modules[index], *first = &b->modules[0];
    m->run.scratch = b->scratch;
    m->run.queue = b->queue;
    ADI_TRY(fill_values(b, m));
    m->run.statistics = take(b, m->plan->statistics_doubles * sizeof *m->run.statistics);
    if (!m->run.statistics)
        return adi_fail_memory();
    m->optimiser = b->shares ? &first->own : &m->own;
    if (b->shares && index > 0) {
        m->run.block = first->run.block;
        m->run.gradients = first->run.gradients;
        m->best = first->best;
        return AD_OK;
    }
    const size_t trainable = b->shares ? s->gradients : m->module->trainable;
    m->run.block = take(b, (b->shares ? s->block : m->plan->block_floats) * sizeof(float));
    m->run.gradients = take(b, trainable * sizeof(float));
    m->best = take(b, (b->shares ? s->best : m->module->total) * sizeof(float));
    if (!m->run.block || !m->run.gradients || !m->best)
        return adi_fail_memory();
    ADI_TRY(adi_mem_clear(device, b->queue, m->run.gradients, trainable * sizeof(float)));
    return adi_optimiser_init(&m->own, device, b->queue, &b->context->allocator, &m->how,
                              trainable);
}

/* The one phase that trains a module, + 1; 0: there is none, or memory is not shared. */
static int32_t only_phase(const adi_workbench *b, const adi_bench_module *m)
{
    for (int32_t phase = 0; b->shares && phase < b->trainee.phase_count; phase++)
        if (m->phases >> phase & 1)
            return phase + 1;
    return 0;
}

/* The state that a checkpoint keeps. A module that no phase trains stays as it is. */
static void list_module(adi_workbench *b, const adi_bench_module *m)
{
    const int32_t only = only_phase(b, m), trained = !b->shares || only;
    adi_trainee *e = &b->trainee;
    adi_train_array *x = &e->arrays[e->array_count++];
    *x = (adi_train_array){.values = m->run.values, .best = trained ? m->best : NULL,
                           .count = m->module->total, .only = only};
    snprintf(x->name, sizeof x->name, "%s", m->name);
    for (int j = 0; trained && j < 2 && m->optimiser->state[j]; j++) {
        x = &e->arrays[e->array_count++];
        *x = (adi_train_array){.values = m->optimiser->state[j], .count = m->module->trainable,
                               .only = only};
        snprintf(x->name, sizeof x->name, "%s.optimiser.%d", m->name, j);
    }
    if (b->shares)
        return;
    adi_train_counter *c = &e->counters[e->counter_count++];
    c->value = &m->optimiser->steps;
    snprintf(c->name, sizeof c->name, "%s.steps", m->name);
}

ad_status adi_workbench_fill(adi_workbench *b)
{
    const adi_allocator *a = &b->context->allocator;
    const sizes s = sizes_of(b);
    const size_t sum_bytes = sum_count(b) * sizeof(double);
    const int copies = adi_workbench_copies(b);
    ADI_TRY(adi_mem_queue_create(&b->context->device, &b->queue));
    b->trainee.device = b->context->device;
    b->trainee.queue = b->queue;
    b->scratch = take(b, scratch_bytes(b));
    b->host_scratch = copies ? adi_alloc(a, host_scratch_bytes(b)) : b->scratch;
    b->sums = take(b, sum_bytes);
    b->fetched_sums = copies ? adi_alloc(a, sum_bytes) : NULL;
    if (!b->scratch || !b->host_scratch || !b->sums || (copies && !b->fetched_sums))
        return adi_fail_memory();
    for (int32_t i = 0; i < b->array_count; i++) {
        const size_t bytes = b->arrays[i].floats * sizeof(float);
        void *array = b->arrays[i].host ? adi_alloc(a, bytes) : take(b, bytes);
        if (!array)
            return adi_fail_memory();
        if (b->arrays[i].host)
            *b->arrays[i].host = array;
        else
            *b->arrays[i].where = array;
    }
    for (int32_t i = 0; i < b->module_count; i++)
        ADI_TRY(fill_module(b, i, &s));
    for (int32_t i = 0; i < b->module_count; i++)
        list_module(b, &b->modules[i]);
    if (b->shares)
        b->trainee.counters[b->trainee.counter_count++] =
            (adi_train_counter){"steps", &b->modules[0].own.steps};
    return AD_OK;
}

void adi_workbench_free(adi_workbench *b)
{
    if (!b->context)
        return;
    const adi_allocator *a = &b->context->allocator;
    for (int32_t i = 0; i < b->module_count; i++) {
        adi_bench_module *m = &b->modules[i];
        give(b, m->run.statistics);
        if (adi_workbench_copies(b))
            give(b, m->run.values);
        if (!b->shares || i == 0) {
            give(b, m->run.block);
            give(b, m->run.gradients);
            give(b, m->best);
            adi_optimiser_free(&m->own);
        }
        adi_train_plan_destroy(m->plan);
    }
    for (int32_t i = 0; i < b->array_count; i++) {
        if (b->arrays[i].host) {
            adi_free(a, *b->arrays[i].host);
            *b->arrays[i].host = NULL;
        } else {
            give(b, *b->arrays[i].where);
            *b->arrays[i].where = NULL;
        }
    }
    if (adi_workbench_copies(b))
        adi_free(a, b->host_scratch);
    give(b, b->scratch);
    give(b, b->sums);
    adi_free(a, b->fetched_sums);
    adi_mem_queue_destroy(&b->context->device, b->queue);
    *b = (adi_workbench){0};
}

/* ---- Steps ---- */

void adi_workbench_take_batch(adi_workbench *b, int32_t n, const adi_cancel *cancel)
{
    for (int32_t i = 0; i < b->module_count; i++) {
        adi_train_run *run = &b->modules[i].run;
        run->n = n;
        run->cancelled = cancel ? cancel->is_cancelled : NULL;
        run->user = cancel ? cancel->user : NULL;
    }
}

ad_status adi_workbench_begin_phase(adi_workbench *b, int32_t phase)
{
    for (int32_t i = 0; i < b->module_count; i++) {
        const adi_bench_module *m = &b->modules[i];
        if (b->shares && !(m->phases >> phase & 1))
            continue;
        m->optimiser->count = m->module->trainable;
        ADI_TRY(adi_optimiser_reset(m->optimiser));
    }
    return AD_OK;
}

ad_status adi_workbench_sums(const adi_workbench *b, size_t count, const double **out_sums)
{
    const adi_device *d = &b->context->device;
    *out_sums = adi_mem_host(d, b->sums);
    if (*out_sums)
        return AD_OK;
    *out_sums = b->fetched_sums;
    return adi_mem_download(d, b->queue, b->fetched_sums, b->sums, count * sizeof *b->sums);
}

static ad_status find_clip_scale(const adi_workbench *b, int32_t phase, double clip_norm,
                                 double *out_scale)
{
    const adi_exec ex = adi_workbench_exec(b);
    const double *sums = NULL;
    size_t count = 0;
    double squares = 0.0;
    *out_scale = 1.0;
    if (clip_norm == 0.0)
        return AD_OK;
    for (int32_t i = 0; i < b->module_count; i++) {
        const adi_bench_module *m = &b->modules[i];
        if (!(m->phases >> phase & 1))
            continue;
        const ad_status status = b->context->device.kernels->sum_squares(
            &ex, b->sums + count++, m->run.gradients, (int64_t)m->module->trainable);
        if (status != AD_OK)
            return adi_fail(status, "the norm of the gradients failed in the backend");
    }
    ADI_TRY(adi_workbench_sums(b, count, &sums));
    for (size_t i = 0; i < count; i++)
        squares += sums[i];
    *out_scale = adi_clip_scale(squares, clip_norm);
    return AD_OK;
}

ad_status adi_workbench_update(adi_workbench *b, int32_t phase, double clip_norm)
{
    double scale = 1.0;
    ADI_TRY(find_clip_scale(b, phase, clip_norm, &scale));
    for (int32_t i = 0; i < b->module_count; i++) {
        adi_bench_module *m = &b->modules[i];
        if (!(m->phases >> phase & 1))
            continue;
        ADI_TRY(adi_optimiser_step(m->optimiser, m->run.values, m->run.gradients, scale));
        ADI_TRY(adi_train_update_statistics(m->plan, &m->run));
    }
    return AD_OK;
}

ad_status adi_workbench_fetch(const adi_workbench *b, const adi_f32 *from, float *room,
                              size_t floats, float **out)
{
    *out = room ? room : adi_mem_on_host(from);
    return adi_mem_download(&b->context->device, b->queue, *out, from, floats * sizeof *from);
}

ad_status adi_workbench_give_values(const adi_workbench *b)
{
    for (int32_t i = 0; adi_workbench_copies(b) && i < b->module_count; i++) {
        const adi_bench_module *m = &b->modules[i];
        ADI_TRY(adi_mem_download(&b->context->device, b->queue, m->module->values, m->run.values,
                                 m->module->total * sizeof *m->run.values));
    }
    return AD_OK;
}
