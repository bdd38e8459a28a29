/* Text graphs: parsing, shapes, the default options, plans, and, where it is little work, running
 * the plan on both backends and comparing them. Flags: 1 the first tap alone is planned, not all.
 */
#include <math.h>

#include "device/device.h"
#include "fuzz.h"
#include "methods/gaussian.h"
#include "methods/method_list.h"
#include "nn/plan.h"
#include "harness/host_device.h"

enum {
    FIRST_TAP = 1,
    CEILING = 64 << 20,
    MAX_STEPS = 600,         /* lifetimes are compared pairwise */
    MAX_WORK = 1 << 20,      /* multiplications of a plan that is run */
    MAX_PARAMETERS = 1 << 16 /* of a plan that is run */
};

static void check_graph(const adi_graph *g, const fuzz_input *in)
{
    FUZZ_CHECK(strlen(g->text) == in->size && memcmp(g->text, in->bytes, in->size) == 0);
    FUZZ_CHECK(g->node_count >= 2 && g->node_count <= ADI_GRAPH_MAX_NODES);
    FUZZ_CHECK(g->input_count >= 1 && g->input_count <= ADI_GRAPH_MAX_INPUTS);
    FUZZ_CHECK(g->tap_count >= 1 && g->tap_count <= ADI_GRAPH_MAX_TAPS);
    FUZZ_CHECK(g->hint_count >= 0 && g->hint_count <= ADI_GRAPH_MAX_HINTS);
    FUZZ_CHECK(g->name[0] && strlen(g->name) <= ADI_GRAPH_MAX_NAME);
    for (int32_t i = 0; i < g->node_count; i++) {
        const adi_node *node = &g->nodes[i];
        FUZZ_CHECK(node->name[0] && strlen(node->name) <= ADI_GRAPH_MAX_NAME);
        FUZZ_CHECK(node->in_channels >= 1 && node->out_channels >= 1);
        FUZZ_CHECK((node->op->inputs == 0) == (i < g->input_count));
        for (int32_t j = 0; j < node->op->inputs; j++)
            FUZZ_CHECK(node->input[j] >= 0 && node->input[j] < i);
    }
    for (int32_t i = 0; i < g->tap_count; i++) {
        FUZZ_CHECK(g->taps[i].node >= g->input_count && g->taps[i].node < g->node_count);
        FUZZ_CHECK(adi_graph_find_tap(g, g->taps[i].name) == i);
    }
    for (int32_t i = 0; i < g->hint_count; i++)
        FUZZ_CHECK(adi_graph_hint(g, g->hints[i].key));
}

static void check_shapes(const adi_graph *g, uint64_t *seen, const fuzz_heap *heap)
{
    static const int64_t sides[][2] = {{32, 32}, {64, 48}, {1, 1}, {8192, 8192}};
    for (int32_t t = 0; t < g->tap_count; t++)
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
            adi_shape shape = {-5, -5, -5, -5};
            const long refused = heap->refused;
            fuzz_forget_message();
            const ad_status status =
                adi_plan_tap_shape(g->allocator, g, t, sides[i][0], sides[i][1], &shape);
            fuzz_check_status(status, refused, heap);
            fuzz_digest_status(seen, status);
            fuzz_digest(seen, &shape, sizeof shape);
            if (status == AD_OK)
                FUZZ_CHECK(shape.n == 1 && shape.h >= 1 && shape.w >= 1 &&
                           shape.c == g->nodes[g->taps[t].node].out_channels);
            else
                FUZZ_CHECK(shape.n == -5 && shape.h == -5 && shape.w == -5 && shape.c == -5);
        }
}

/* A network that takes images says how they are prepared; what takes features need not. */
static int check_image(const adi_graph *g, uint64_t *seen, const fuzz_heap *heap)
{
    fuzz_forget_message();
    const ad_status status = adi_graph_check_image(g);
    fuzz_check_status(status, heap->refused, heap);
    fuzz_digest_status(seen, status);
    if (status != AD_OK)
        return 0;
    FUZZ_CHECK(g->input_size >= 1 && g->input_count == 1 && g->nodes[0].out_channels == 3);
    for (int c = 0; c < 3; c++)
        FUZZ_CHECK(isfinite(g->mean[c]) && isfinite(g->std[c]) && g->std[c] > 0.0f);
    return 1;
}

/* The defaults that a graph's hints lead to, and that they survive being written and read. */
static void check_options(const adi_graph *g, uint64_t *seen, const fuzz_heap *heap)
{
    static adi_any_config first, again; /* large */
    const adi_option_table *table = adi_method_gaussian.options;
    adi_settings_begin(&first.settings, &adi_method_gaussian);
    again = first;
    fuzz_forget_message();
    const ad_status status = adi_gaussian_settle(&first.settings, g->allocator, g);
    fuzz_check_status(status, heap->refused, heap);
    fuzz_digest_status(seen, status);
    if (status != AD_OK)
        return;
    char *value = malloc(ADI_OPTION_TEXT);
    FUZZ_CHECK(value);
    for (int32_t i = 0;; i++) {
        const char *key = adi_settings_option(&first.settings, i, value);
        if (!key)
            break;
        fuzz_digest(seen, value, strlen(value));
        FUZZ_CHECK(adi_options_set(table, adi_settings_options(&again.settings), ADI_OPTION_PARTS,
                                   key, value) == AD_OK);
    }
    free(value);
    FUZZ_CHECK(adi_gaussian_settle(&again.settings, g->allocator, g) == AD_OK);
    FUZZ_CHECK(memcmp(&first, &again, sizeof(adi_gaussian_config)) == 0);
}

/* ---- Plans ---- */

static size_t floats_of(const adi_shape *s)
{
    return (size_t)(s->h * s->w * s->c);
}

/* What lives at the same time does not overlap, and all of it lies in the block. */
static void check_places(const adi_plan *p)
{
    for (int32_t k = 0; k < p->input_count; k++) {
        FUZZ_CHECK(p->input_offset[k] + floats_of(&p->input[k]) <= p->block_floats);
        for (int32_t j = 0; j < k; j++) /* all are there from the first step on */
            FUZZ_CHECK(!floats_of(&p->input[j]) || !floats_of(&p->input[k])
                       || p->input_offset[j] >= p->input_offset[k] + floats_of(&p->input[k])
                       || p->input_offset[k] >= p->input_offset[j] + floats_of(&p->input[j]));
    }
    for (int32_t i = 0; i < p->step_count; i++) {
        const adi_step *s = &p->steps[i];
        const size_t end = s->offset + floats_of(&s->call.out);
        FUZZ_CHECK(s->offset % 16 == 0 && end <= p->block_floats && s->x < i && s->x2 < i);
        FUZZ_CHECK(s->last_use >= i && s->last_use <= p->step_count);
        for (int32_t k = 0; k < p->input_count; k++)
            if (i <= p->input_last_use[k])
                FUZZ_CHECK(s->offset >= p->input_offset[k] + floats_of(&p->input[k]) || end <= p->input_offset[k]);
        for (int32_t j = 0; j < i; j++) {
            const adi_step *o = &p->steps[j];
            if (o->last_use >= i)
                FUZZ_CHECK(s->offset >= o->offset + floats_of(&o->call.out) || end <= o->offset);
        }
    }
}

/* Parameters for every node that needs some, positive and of sum about one, so that sums neither
 * cancel nor explode and backends can be compared closely; an order where one is meant. 0 where it would be too much
 * work. */
static int make_parameters(const adi_graph *g, adi_params *params)
{
    size_t total = 0;
    for (int32_t i = 0; i < g->node_count; i++) {
        const adi_node *node = &g->nodes[i];
        int64_t shape[ADI_ST_MAX_DIMS], outputs;
        params[i].present = 1;
        if (!node->op->params)
            continue;
        size_t count = 1;
        const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, 0, shape);
        for (int32_t j = 0; j < dims; j++)
            count *= (size_t)shape[j];
        node->op->param_shape(&node->attrs, node->in_channels, 1, &outputs);
        total += count + (size_t)outputs;
        if (total > MAX_PARAMETERS)
            return 0;
        params[i].weight = malloc(count * sizeof(float));
        params[i].bias = malloc((size_t)outputs * sizeof(float));
        FUZZ_CHECK(params[i].weight && params[i].bias);
        const float mean = dims == 4 ? 1.0f / (float)(count / (size_t)outputs) : 1.0f;
        for (size_t j = 0; j < count; j++)
            params[i].weight[j] = mean * (0.5f + (float)(j * 37 % 64) / 64.0f);
        for (int64_t j = 0; j < outputs; j++)
            params[i].bias[j] = (float)(j % 5) / 8.0f;
        if (node->op == &adi_op_permute)
            adi_permute_order(node->attrs.seed, node->in_channels, params[i].weight);
    }
    return 1;
}

static double work_of(const adi_plan *p)
{
    double sum = 0.0;
    for (int32_t i = 0; i < p->step_count; i++) {
        const adi_op_call *c = &p->steps[i].call;
        const adi_op *op = p->steps[i].node->op;
        const double window = (double)(c->attrs.kernel + 1) * (double)(c->attrs.kernel + 1);
        const int deep = op == &adi_op_conv2d || op == &adi_op_gconv2d;
        sum += (double)floats_of(&c->out) * window * (deep ? (double)c->in.c : 1.0);
        if (op == &adi_op_deconv2d)
            sum += (double)floats_of(&c->in) * window * (double)c->out.c;
    }
    return sum;
}

/* Run in blocks of exactly the sizes that the plan asks for. */
static float *run_plan(const adi_plan *p)
{
    void *memory = NULL, *scratch = NULL; /* posix_memalign(), since aligned_alloc() rounds up */
    FUZZ_CHECK(posix_memalign(&memory, ADI_ALIGNMENT, p->block_floats * sizeof(float)) == 0);
    FUZZ_CHECK(posix_memalign(&scratch, ADI_ALIGNMENT, p->scratch_bytes + !p->scratch_bytes) == 0);
    float *block = memory;
    for (size_t i = 0; i < p->block_floats; i++)
        block[i] = NAN; /* whatever is read before it is written shows */
    for (int32_t k = 0; k < p->input_count; k++)
        for (size_t i = 0; i < floats_of(&p->input[k]); i++)
            block[p->input_offset[k] + i] = (float)((i + (size_t)k) * 29 % 101) / 101.0f;
    FUZZ_CHECK(adi_plan_run(p, NULL, block, scratch) == AD_OK);
    free(scratch);
    return block;
}

/* Sines of positions, what an inverse subtracts and what a normalisation centres are of either sign: sums of them may
 * cancel to any share of rounding. Gates by them jump; a softmax and an energy make much of little where values are large,
 * or all alike. */
static int may_differ(const adi_plan *p)
{
    for (int32_t i = 0; i < p->step_count; i++) {
        const adi_node *node = p->steps[i].node;
        const adi_op *op = node->op;
        if (op == &adi_op_posenc2d || op == &adi_op_sru || op == &adi_op_sru_soft || op == &adi_op_simam
            || op == &adi_op_softfuse || (op == &adi_op_coupling && node->attrs.inverse))
            return 1;
    }
    return 0;
}

static void compare_backends(const adi_plan *cpu, const adi_plan *ref, uint64_t *seen)
{
    const int close = !may_differ(cpu);
    float *a = run_plan(cpu), *b = run_plan(ref);
    for (int32_t t = 0; t < cpu->tap_count; t++) {
        const float *x = adi_plan_tap_data(cpu, a, t), *y = adi_plan_tap_data(ref, b, t);
        const size_t n = floats_of(&cpu->taps[t].shape);
        for (size_t i = 0; close && i < n; i++) {
            FUZZ_CHECK(!isnan(x[i]) && !isnan(y[i]));
            FUZZ_CHECK((x[i] > 1e30f && y[i] > 1e30f) ||
                       fabsf(x[i] - y[i]) <= 1e-3f * (1e-3f + y[i]));
        }
        fuzz_digest(seen, x, n * sizeof *x);
    }
    free(a);
    free(b);
}

static adi_plan *make_plan(const adi_network *net, const adi_backend *backend, int32_t tap_count,
                           uint64_t *seen, const fuzz_heap *heap)
{
    int32_t taps[ADI_GRAPH_MAX_TAPS];
    for (int32_t i = 0; i < tap_count; i++)
        taps[i] = i;
    adi_plan *plan = NULL;
    const long refused = heap->refused;
    fuzz_forget_message();
    const ad_status status =
        adi_plan_create(net, HOST_DEVICE(backend->kernels, 1), taps, tap_count, 19, 24, &plan);
    fuzz_check_status(status, refused, heap);
    fuzz_digest_status(seen, status);
    FUZZ_CHECK(status == AD_OK ? !!plan : !plan);
    return plan;
}

static void check_plans(adi_graph *g, int32_t tap_count, uint64_t *seen, const fuzz_heap *heap)
{
    adi_params *params = calloc((size_t)g->node_count, sizeof *params);
    FUZZ_CHECK(params);
    const int small = make_parameters(g, params);
    for (int32_t i = 0; i < g->node_count; i++)
        params[i].present = 1;
    adi_network net = {.allocator = g->allocator, .graph = g, .params = params};
    const long refused = heap->refused;
    const ad_status status = adi_packed_pool_create(g->allocator, &net.packed);
    fuzz_check_status(status, refused, heap);
    /* cpu packs weights, and there are none where they would be too much; ref takes them as they are */
    adi_plan *cpu = status || !small ? NULL : make_plan(&net, &adi_backend_cpu, tap_count, seen, heap);
    adi_plan *ref = status ? NULL : make_plan(&net, &adi_backend_ref, tap_count, seen, heap);
    const adi_plan *either = cpu ? cpu : ref;
    if (either && either->step_count <= MAX_STEPS)
        check_places(either);
    if (small && cpu && ref && work_of(cpu) <= MAX_WORK && cpu->block_floats <= MAX_WORK)
        compare_backends(cpu, ref, seen);
    adi_plan_destroy(cpu);
    adi_plan_destroy(ref);
    adi_packed_pool_destroy(net.packed);
    for (int32_t i = 0; i < g->node_count; i++) {
        free(params[i].weight);
        free(params[i].bias);
    }
    free(params);
}

static uint64_t run(const fuzz_input *in, fuzz_heap *heap)
{
    uint64_t seen = FUZZ_DIGEST_START;
    const adi_allocator a = fuzz_heap_allocator(heap);
    adi_graph *graph = (adi_graph *)(void *)heap; /* must become NULL on failure */
    fuzz_forget_message();
    const ad_status status = adi_graph_read(&a, (const char *)in->bytes, in->size, &graph);
    fuzz_check_status(status, 0, heap);
    fuzz_digest_status(&seen, status);
    FUZZ_CHECK((size_t)atomic_load(&heap->fault.peak) <= (64 << 10) + 128 * in->size);
    if (status != AD_OK) {
        FUZZ_CHECK(!graph);
        return seen;
    }
    check_graph(graph, in);
    if (check_image(graph, &seen, heap))
        check_options(graph, &seen, heap);
    check_shapes(graph, &seen, heap);
    check_plans(graph, in->flags & FIRST_TAP ? 1 : graph->tap_count, &seen, heap);
    adi_graph_destroy(graph);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run_twice(run, data, size, CEILING);
    return 0;
}
