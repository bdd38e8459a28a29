/* Making an inference plan: nodes that are not needed are dropped, activations and residuals are
 * fused into the step before them, and results whose lifetimes do not overlap share memory. */
#include "nn/plan.h"

#include "nn/arena.h"

typedef struct planner {
    adi_plan *plan;
    const adi_graph *graph;
    uint8_t *needed;   /* per node */
    uint8_t *tapped;   /* per node */
    int32_t *readers;  /* per node: needed nodes that read it */
    int32_t *owner;    /* per node: the step that gives its value, or adi_step_input() */
    adi_shape *shape;  /* per node */
} planner;

ad_status adi_plan_tap_shape(const adi_allocator *a, const adi_graph *graph, int32_t tap,
                             int64_t height, int64_t width, adi_shape *out_shape)
{
    const size_t nodes = (size_t)graph->node_count;
    adi_shape *shape = adi_calloc(a, nodes, sizeof *shape + 1);
    if (!shape)
        return adi_fail_memory();
    uint8_t *needed = (uint8_t *)(shape + nodes);
    adi_network_needed(graph, &tap, 1, needed);
    const adi_shape input = {1, height, width, graph->nodes[0].out_channels};
    const ad_status status = adi_graph_shapes(graph, needed, &input, shape);
    if (status == AD_OK)
        *out_shape = shape[graph->taps[tap].node];
    adi_free(a, shape);
    return status;
}

/* Return whether only the next node reads a node's result, so that it may be overwritten. */
static int is_private(const planner *pl, int32_t node)
{
    return pl->readers[node] == 1 && !pl->tapped[node];
}

/* Return the step that computes `node` if another op can be fused into it, or NULL. */
static adi_step *open_step(const planner *pl, int32_t node)
{
    if (pl->owner[node] < 0 || !is_private(pl, node))
        return NULL;
    adi_step *s = &pl->plan->steps[pl->owner[node]];
    return s->call.act == ADI_ACT_NONE && s->node->op->fuses ? s : NULL;
}

static int fuse_activation(planner *pl, int32_t i)
{
    const adi_node *node = &pl->graph->nodes[i];
    adi_step *s = node->op->act == ADI_ACT_NONE ? NULL : open_step(pl, node->input[0]);
    if (!s)
        return 0;
    s->call.act = node->op->act;
    pl->owner[i] = pl->owner[node->input[0]];
    return 1;
}

/* Fuse a sum into the convolution that runs later, if the other operand is computed before it. */
static int fuse_residual(planner *pl, int32_t i)
{
    const adi_node *node = &pl->graph->nodes[i];
    if (node->op != &adi_op_add)
        return 0;
    for (int32_t j = 0; j < 2; j++) {
        const int32_t mine = node->input[j], other = node->input[1 - j];
        adi_step *s = open_step(pl, mine);
        if (!s || !s->node->op->residual || s->x2 != ADI_STEP_NONE ||
            pl->owner[other] >= pl->owner[mine])
            continue;
        s->x2 = pl->owner[other];
        pl->owner[i] = pl->owner[mine];
        return 1;
    }
    return 0;
}

/* Fuse a pointwise convolution into the depthwise convolution at node i, if nothing else reads
 * it. */
static void fuse_expansion(planner *pl, int32_t i)
{
    adi_plan *plan = pl->plan;
    const adi_node *node = &pl->graph->nodes[i];
    const int32_t last = plan->step_count - 1, before = last - 1;
    adi_step *s = &plan->steps[last];
    if (node->op != &adi_op_dwconv2d || !plan->device.kernels->expand_dw_suits || before < 0 ||
        s->x != before || !is_private(pl, node->input[0]))
        return;
    const adi_step *e = &plan->steps[before];
    const adi_conv2d_dims first = adi_conv2d_dims_of(&e->call), d = adi_conv2d_dims_of(&s->call);
    if (e->node->op != &adi_op_conv2d || e->x2 != ADI_STEP_NONE || e->call.gated ||
        !plan->device.kernels->expand_dw_suits(&first, &d, e->call.algorithm))
        return;
    adi_step both = *s;
    both.first = e->call;
    both.x = e->x;
    plan->steps[before] = both;
    plan->steps[before].call.first = &plan->steps[before].first;
    plan->step_count--;
    pl->owner[i] = before;
}

/* Let a depthwise convolution also compute the row sums that the average pooling of its result
 * needs. */
static void fuse_row_sums(planner *pl, int32_t i)
{
    const adi_node *node = &pl->graph->nodes[i];
    const int32_t from = pl->owner[node->input[0]];
    if (node->op != &adi_op_globalavgpool2d || from < 0 ||
        pl->plan->steps[from].node->op != &adi_op_dwconv2d)
        return;
    pl->plan->steps[from].call.row_sums = 1;
    pl->plan->steps[pl->plan->step_count - 1].call.row_sums = 1;
}

/* Fold the squeeze-excitation gate into the convolution. Done even if the product has other
 * readers, so that results do not depend on which layers were requested. If it has none, the
 * product's step is dropped. */
static void fuse_gate(planner *pl, int32_t i)
{
    adi_plan *plan = pl->plan;
    const adi_node *node = &pl->graph->nodes[i];
    const adi_kernels *k = plan->device.kernels;
    const int32_t last = plan->step_count - 1, from = plan->steps[last].x;
    if (node->op != &adi_op_conv2d || !k->conv2d_gated_suits || from < 0 ||
        plan->steps[from].node->op != &adi_op_mul)
        return;
    adi_step s = plan->steps[last];
    const adi_conv2d_dims d = adi_conv2d_dims_of(&s.call);
    if (!k->conv2d_gated_suits(&d, k->conv2d_choose(&d, s.call.algorithm)))
        return;
    s.x = plan->steps[from].x;
    s.gate = plan->steps[from].x2;
    s.call.gated = 1;
    plan->steps[last] = s;
    if (from == last - 1 && is_private(pl, node->input[0])) {
        plan->steps[from] = s;
        plan->step_count--;
        pl->owner[i] = from;
    }
}

static ad_status add_step(planner *pl, int32_t i)
{
    adi_plan *plan = pl->plan;
    const adi_node *node = &pl->graph->nodes[i];
    const adi_params *p = &plan->network->params[i];
    const char *lacking = adi_op_lacks(node->op->needs, plan->device.kernels);
    if (lacking)
        return adi_fail(AD_ERR_UNSUPPORTED, "%s '%s' of %s: the backend has no kernel %s",
                        node->op->name, node->name, pl->graph->name, lacking);
    pl->owner[i] = plan->step_count;
    plan->steps[plan->step_count++] = (adi_step){
        .node = node,
        .call = {.attrs = node->attrs,
                 .in = pl->shape[node->input[0]],
                 .out = pl->shape[i],
                 .host_weight = p->weight,
                 .host_bias = p->bias,
                 .algorithm = plan->network->convolution,
                 .act = node->op->act},
        .x = pl->owner[node->input[0]],
        .x2 = node->op->inputs == 2 ? pl->owner[node->input[1]] : ADI_STEP_NONE,
        .gate = ADI_STEP_NONE,
    };
    fuse_expansion(pl, i);
    fuse_gate(pl, i);
    fuse_row_sums(pl, i);
    return AD_OK;
}

/* Leave out an op that does nothing in inference, if nothing else reads its input. */
static int drop_identity(planner *pl, int32_t i)
{
    const adi_node *node = &pl->graph->nodes[i];
    const int32_t before = node->input[0];
    if (!node->op->is_identity || !node->op->is_identity(&node->attrs) || pl->owner[before] < 0 ||
        !is_private(pl, before))
        return 0;
    pl->owner[i] = pl->owner[before];
    return 1;
}

static ad_status make_steps(planner *pl)
{
    const adi_graph *g = pl->graph;
    for (int32_t i = 0; i < g->node_count; i++) {
        if (!pl->needed[i])
            continue;
        if (adi_op_is_input(g->nodes[i].op))
            pl->owner[i] = adi_step_input(i); /* inputs are the first nodes */
        else if (pl->plan->network->params[i].folded)
            pl->owner[i] = pl->owner[g->nodes[i].input[0]];
        else if (!drop_identity(pl, i) && !fuse_activation(pl, i) && !fuse_residual(pl, i))
            ADI_TRY(add_step(pl, i));
    }
    return AD_OK;
}

static void find_last_uses(adi_plan *plan)
{
    for (int32_t k = 0; k < plan->input_count; k++)
        plan->input_last_use[k] = -1;
    for (int32_t i = 0; i < plan->step_count; i++) {
        plan->steps[i].last_use = i;
        const int32_t reads[] = {plan->steps[i].x, plan->steps[i].x2, plan->steps[i].gate};
        for (int j = 0; j < 3; j++)
            if (reads[j] >= 0)
                plan->steps[reads[j]].last_use = i;
            else if (reads[j] != ADI_STEP_NONE)
                plan->input_last_use[adi_step_input(reads[j])] = i;
    }
    for (int32_t t = 0; t < plan->tap_count; t++)
        plan->steps[plan->taps[t].step].last_use = plan->step_count;
}

/* Return the floats of a step's result, with the row sums after it. */
static size_t result_floats(const adi_step *s)
{
    const adi_shape rows = {s->call.out.n, s->call.out.h, 1, s->call.out.c};
    const size_t floats = adi_arena_floats(&s->call.out);
    const int with_sums = s->node->op == &adi_op_dwconv2d && s->call.row_sums;
    return floats && with_sums ? floats + adi_arena_floats(&rows) : floats;
}

static ad_status place(adi_plan *plan)
{
    const int32_t inputs = plan->input_count;
    adi_lifetime *all =
        adi_calloc(plan->allocator, (size_t)(plan->step_count + inputs), sizeof *all);
    if (!all)
        return adi_fail_memory();
    ad_status status = AD_OK;
    /* the inputs, which exist from the start, then the steps */
    for (int32_t at = 0; at < plan->step_count + inputs; at++) {
        const int32_t i = at - inputs;
        adi_lifetime *l = &all[at];
        if (i < 0 && !plan->input[at].n)
            continue;
        *l = i < 0 ? (adi_lifetime){-1, plan->input_last_use[at], 0,
                                    adi_arena_floats(&plan->input[at])}
                   : (adi_lifetime){i, plan->steps[i].last_use, 0, result_floats(&plan->steps[i])};
        l->offset = adi_arena_first_gap(all, at, l);
        if (!l->floats || l->offset + l->floats > ADI_ARENA_MAX_FLOATS) {
            status =
                adi_fail(AD_ERR_SHAPE, "%s: the activations of a %lldx%lld input are too large",
                         plan->network->graph->name, (long long)plan->input[0].w,
                         (long long)plan->input[0].h);
            break;
        }
        *(i < 0 ? &plan->input_offset[at] : &plan->steps[i].offset) = l->offset;
        if (l->offset + l->floats > plan->block_floats)
            plan->block_floats = l->offset + l->floats;
    }
    adi_free(plan->allocator, all);
    return status;
}

/* Move the parameters of a call to the backend's memory. A convolution may take the weight itself
 * as packed. A packed weight is not read beside what was packed. */
static ad_status upload(adi_plan *plan, const adi_op *op, adi_op_call *call, int is_packed)
{
    const float *host[] = {call->host_weight, call->host_bias};
    const adi_f32 **at[] = {&call->weight, &call->bias};
    const int itself = call->packed && call->packed == call->host_weight;
    for (int32_t j = is_packed && plan->device.memory; j < 2 && op->params; j++) {
        int64_t shape[4], floats = 1;
        const int32_t dims = op->param_shape(&call->attrs, call->in.c, j, shape);
        for (int32_t i = 0; i < dims; i++)
            floats *= shape[i];
        ADI_TRY(adi_packed_upload(plan->network->packed, &plan->device, host[j], floats, at[j],
                                  &plan->packed_bytes));
    }
    if (itself)
        call->packed = call->weight;
    return AD_OK;
}

/* Let each step choose its algorithm, and pack its weights: on the calling thread alone, since a
 * process that loads a model and then forks must not have started threads. */
static ad_status pack(adi_plan *plan)
{
    for (int32_t i = 0; i < plan->step_count; i++) {
        adi_step *s = &plan->steps[i];
        const adi_op *op = s->call.first ? &adi_op_conv2d : s->node->op;
        adi_op_call *call = s->call.first ? &s->first : &s->call;
        const size_t bytes = op->choose ? op->choose(plan->device.kernels, call) : 0;
        if (bytes) {
            ADI_TRY(adi_packed_take(plan->network->packed, &plan->device, op, call, bytes));
            plan->packed_bytes += bytes;
        }
        ADI_TRY(upload(plan, op, call, bytes != 0));
        if (call != &s->call)
            ADI_TRY(upload(plan, s->node->op, &s->call, 0));
    }
    return AD_OK;
}

static void find_scratch(adi_plan *plan)
{
    for (int32_t i = 0; i < plan->step_count; i++) {
        const adi_step *s = &plan->steps[i];
        const size_t n = s->node->op->scratch
                             ? s->node->op->scratch(plan->device.kernels, &s->call,
                                                    plan->device.num_threads)
                             : 0;
        if (n > plan->scratch_bytes)
            plan->scratch_bytes = n;
    }
}

static ad_status fill(planner *pl, const int32_t *taps)
{
    adi_plan *plan = pl->plan;
    const adi_graph *g = pl->graph;
    ADI_TRY(adi_graph_shapes(g, pl->needed, &plan->input[0], pl->shape));
    for (int32_t k = 0; k < plan->input_count; k++)
        plan->input[k] = pl->shape[k];
    for (int32_t t = 0; t < plan->tap_count; t++)
        pl->tapped[g->taps[taps[t]].node] = 1;
    for (int32_t i = 0; i < g->node_count; i++)
        for (int32_t j = 0; pl->needed[i] && j < g->nodes[i].op->inputs; j++)
            pl->readers[g->nodes[i].input[j]]++;
    ADI_TRY(make_steps(pl));
    for (int32_t t = 0; t < plan->tap_count; t++) {
        const int32_t node = g->taps[taps[t]].node;
        plan->taps[t] = (adi_plan_tap){pl->owner[node], pl->shape[node]};
    }
    find_last_uses(plan);
    ADI_TRY(place(plan));
    ADI_TRY(pack(plan));
    find_scratch(plan);
    return AD_OK;
}

ad_status adi_plan_create(const adi_network *network, const adi_device *device, const int32_t *taps,
                          int32_t tap_count, int64_t height, int64_t width, adi_plan **out_plan)
{
    const adi_allocator *a = network->allocator;
    const adi_graph *g = network->graph;
    const size_t nodes = (size_t)g->node_count;
    *out_plan = NULL;
    ADI_TRY(adi_mem_check_process(device));
    if (height < 1 || width < 1 || height > ADI_PLAN_MAX_SIDE || width > ADI_PLAN_MAX_SIDE)
        return adi_fail(AD_ERR_SHAPE, "network input of %lldx%lld: 1 to %d a side is possible",
                        (long long)width, (long long)height, ADI_PLAN_MAX_SIDE);
    ADI_TRY(adi_network_check_taps(network, taps, tap_count));
    adi_plan *plan = adi_calloc(a, 1, sizeof *plan);
    if (!plan)
        return adi_fail_memory();
    *plan = (adi_plan){.allocator = a,
                       .network = network,
                       .device = *device,
                       .input = {{1, height, width, g->nodes[0].out_channels}},
                       .input_count = g->input_count,
                       .tap_count = tap_count};
    plan->steps = adi_calloc(a, nodes, sizeof *plan->steps);
    plan->taps = adi_calloc(a, (size_t)tap_count, sizeof *plan->taps);
    planner pl = {.plan = plan, .graph = g};
    pl.needed = adi_calloc(a, 2 * nodes, 1);
    pl.readers = adi_calloc(a, 2 * nodes, sizeof *pl.readers);
    pl.shape = adi_calloc(a, nodes, sizeof *pl.shape);
    ad_status status;
    if (!plan->steps || !plan->taps || !pl.needed || !pl.readers || !pl.shape) {
        status = adi_fail_memory();
    } else {
        pl.tapped = pl.needed + nodes;
        pl.owner = pl.readers + nodes;
        adi_network_needed(g, taps, tap_count, pl.needed);
        status = fill(&pl, taps);
    }
    adi_free(a, pl.needed);
    adi_free(a, pl.readers);
    adi_free(a, pl.shape);
    if (status == AD_OK)
        *out_plan = plan;
    else
        adi_plan_destroy(plan);
    return status;
}

static void put(const adi_plan *plan, const adi_op_call *call)
{
    const void *at[] = {call->packed, call->weight, call->bias};
    for (int i = 0; i < 3; i++)
        if (at[i] && (i == 0 || at[i] != call->packed))
            adi_packed_put(plan->network->packed, &plan->device, at[i]);
}

void adi_plan_destroy(adi_plan *plan)
{
    if (!plan)
        return;
    const adi_allocator *a = plan->allocator;
    for (int32_t i = 0; plan->steps && i < plan->step_count; i++) {
        const adi_step *s = &plan->steps[i];
        put(plan, &s->call);
        put(plan, &s->first);
    }
    adi_free(a, plan->steps);
    adi_free(a, plan->taps);
    adi_free(a, plan);
}
