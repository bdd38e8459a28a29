/* Making a training plan. Forward steps follow the graph; a ReLU is fused into the batch norm or
 * sum before it. Backward goes through them in reverse: each step takes the gradient of its result
 * and gives gradients to the steps that it read. The gradient of a sum is passed on without a copy,
 * unless somebody else still needs it. */
#include "nn/train_plan.h"

#include <stdlib.h>
#include <string.h>

typedef struct builder {
    adi_train_plan *plan;
    const adi_graph *graph;
    const uint8_t *needed;
    uint8_t *tapped;       /* per node */
    int32_t *readers;      /* per node: needed nodes that read it */
    /* per node: the forward step that gives its value, or adi_value_input() */
    int32_t *owner;
    /* per forward step and input: the step that is read, or adi_value_input() */
    int32_t *from;
    adi_shape *shape;      /* per node */
    int32_t *again;        /* per forward step: its result made again, or NONE */
    /* per forward step, and one for each input: the gradient of its result so far */
    int32_t *slot;
    int32_t *holders;      /* per value: slots that hold it */
    /* per forward step, and one for each input: whether its gradient is needed */
    uint8_t *wanted;
} builder;

/* The loss is computed between forward and backward and has a time of its own. */
static int32_t time_of(const adi_train_plan *p, int32_t step)
{
    return step < p->forward_count ? step : step + 1;
}

static int32_t new_value(adi_train_plan *p, const adi_shape *shape, int32_t time)
{
    p->values[p->value_count] = (adi_lifetime){time, time, 0, adi_arena_floats(shape)};
    p->shapes[p->value_count] = *shape;
    return p->value_count++;
}

static void touch(adi_train_plan *p, int32_t value, int32_t time)
{
    if (value >= 0 && p->values[value].to < time)
        p->values[value].to = time;
}

static ad_status too_large(const adi_train_plan *p)
{
    return adi_fail(AD_ERR_SHAPE, "%s: the activations of %lld inputs of %lldx%lld are too large",
                    p->module->graph->name, (long long)p->input[0].n, (long long)p->input[0].w,
                    (long long)p->input[0].h);
}

/* ---- Forward ---- */

static ad_status find_shapes(builder *b)
{
    adi_shape *input = b->plan->input;
    if (!adi_arena_floats(input))
        return too_large(b->plan);
    ADI_TRY(adi_graph_shapes(b->graph, b->needed, input, b->shape));
    for (int32_t k = 0; k < b->graph->input_count; k++)
        input[k] = b->shape[k];
    for (int32_t i = 0; i < b->graph->node_count; i++)
        if (b->needed[i] && !adi_arena_floats(&b->shape[i]))
            return too_large(b->plan);
    return AD_OK;
}

/* Fuse a ReLU into a batch norm or a sum that nothing else reads. */
static int fuse_activation(builder *b, int32_t i)
{
    const adi_node *node = &b->graph->nodes[i];
    if (node->op->act != ADI_ACT_RELU)
        return 0;
    const int32_t source = node->input[0];
    if (b->owner[source] < 0 || b->readers[source] != 1 || b->tapped[source])
        return 0;
    adi_train_step *s = &b->plan->steps[b->owner[source]];
    if (!s->op->trains_relu || s->call.act != ADI_ACT_NONE)
        return 0;
    s->call.act = ADI_ACT_RELU;
    b->owner[i] = b->owner[source];
    return 1;
}

static void add_forward(builder *b, int32_t i)
{
    adi_train_plan *p = b->plan;
    const adi_node *node = &b->graph->nodes[i];
    const int32_t at = p->step_count++;
    adi_train_step *s = &p->steps[at];
    *s = (adi_train_step){.kind = ADI_TRAIN_FORWARD, .op = node->op, .node = i, .statistics = -1,
                          .call = {.attrs = node->attrs, .in = b->shape[node->input[0]],
                                   .out = b->shape[i], .act = node->op->act},
                          .dy = ADI_VALUE_NONE, .dx = {ADI_VALUE_NONE, ADI_VALUE_NONE},
                          .dx_add = ADI_VALUE_NONE};
    for (int32_t j = 0; j < ADI_OP_MAX_INPUTS; j++) {
        const int32_t read = j < node->op->inputs ? b->owner[node->input[j]] : ADI_VALUE_NONE;
        b->from[at * ADI_OP_MAX_INPUTS + j] = read;
        s->x[j] = read >= 0 ? p->steps[read].y : read;
        touch(p, s->x[j], at);
    }
    s->y = new_value(p, &b->shape[i], at);
    if (node->op->statistics) {
        s->statistics = (int32_t)p->statistics_doubles;
        p->statistics_doubles += 2 * (size_t)b->shape[i].c;
    }
    b->owner[i] = at;
}

static void make_forward(builder *b)
{
    const adi_graph *g = b->graph;
    adi_train_plan *p = b->plan;
    for (int32_t i = 0; i < g->node_count; i++)
        for (int32_t j = 0; b->needed[i] && j < g->nodes[i].op->inputs; j++)
            b->readers[g->nodes[i].input[j]]++;
    for (int32_t t = 0; t < p->module->tap_count; t++)
        b->tapped[g->taps[p->module->taps[t]].node] = 1;
    for (int32_t i = 0; i < g->node_count; i++) {
        if (!b->needed[i])
            continue;
        if (adi_op_is_input(g->nodes[i].op))
            b->owner[i] = adi_value_input(i); /* inputs are the first nodes */
        else if (!fuse_activation(b, i))
            add_forward(b, i);
    }
    p->forward_count = p->step_count;
}

/* ---- Backward ---- */

static int32_t slot_of(const builder *b, int32_t step)
{
    /* the inputs' are the last */
    return step < 0 ? b->plan->forward_count + adi_value_input(step) : step;
}

/* A gradient is needed if something before it is trained, or if the input's gradient was asked
 * for. */
static void find_wanted(builder *b, int32_t wants_input_grad)
{
    const adi_train_plan *p = b->plan;
    b->wanted[p->forward_count] = wants_input_grad != 0;
    for (int32_t s = 0; s < p->forward_count; s++) {
        b->wanted[s] = p->steps[s].op->params > p->steps[s].op->untrained;
        for (int32_t j = 0; j < p->steps[s].op->inputs; j++)
            b->wanted[s] |= b->wanted[slot_of(b, b->from[s * ADI_OP_MAX_INPUTS + j])];
    }
}

static adi_train_step *add_step(builder *b, adi_train_kind kind, const adi_train_step *forward)
{
    adi_train_plan *p = b->plan;
    adi_train_step *s = &p->steps[p->step_count++];
    *s = *forward;
    s->kind = kind;
    return s;
}

static int32_t now(const builder *b)
{
    return time_of(b->plan, b->plan->step_count); /* of the step that is added next */
}

/* Return the value that backward reads of step `from`'s result; a batch norm's is computed
 * again. */
static int32_t kept(builder *b, int32_t from)
{
    adi_train_plan *p = b->plan;
    if (from < 0)
        return from;
    const adi_train_step *source = &p->steps[from];
    if (!source->op->statistics)
        return source->y;
    if (b->again[from] == ADI_VALUE_NONE) {
        const int32_t x = kept(b, b->from[from * ADI_OP_MAX_INPUTS]), time = now(b);
        adi_train_step *s = add_step(b, ADI_TRAIN_AGAIN, source);
        s->x[0] = x;
        touch(p, x, time);
        s->y = b->again[from] = new_value(p, &p->shapes[source->y], time);
    }
    return b->again[from];
}

static void hold(builder *b, int32_t slot, int32_t value)
{
    b->slot[slot] = value;
    b->holders[value]++;
}

/* Add the gradient `value` to those that other readers have given to a step's result. */
static void give(builder *b, int32_t step, int32_t value)
{
    adi_train_plan *p = b->plan;
    const int32_t slot = slot_of(b, step), old = b->slot[slot];
    if (!b->wanted[slot])
        return;
    if (old == ADI_VALUE_NONE) {
        hold(b, slot, value);
        return;
    }
    const int32_t time = now(b);
    adi_train_step *s = &p->steps[p->step_count++];
    *s = (adi_train_step){.kind = ADI_TRAIN_ADD, .op = &adi_op_add, .node = -1, .statistics = -1,
                          .call = {.in = p->shapes[old], .out = p->shapes[old]}, .x = {old, value},
                          .dy = ADI_VALUE_NONE, .dx = {ADI_VALUE_NONE, ADI_VALUE_NONE},
                          .dx_add = ADI_VALUE_NONE};
    s->y = b->holders[old] == 1 ? old : new_value(p, &p->shapes[old], time);
    touch(p, old, time);
    touch(p, value, time);
    b->holders[old]--;
    hold(b, slot, s->y);
}

/* Return the gradient before a step's fused ReLU. */
static int32_t through_activation(builder *b, int32_t at, int32_t gradient)
{
    adi_train_plan *p = b->plan;
    const adi_train_step *forward = &p->steps[at];
    if (forward->call.act == ADI_ACT_NONE)
        return gradient;
    const int32_t time = now(b);
    adi_train_step *s = add_step(b, ADI_TRAIN_BACKWARD, forward);
    s->op = &adi_op_relu;
    s->x[0] = s->x[1] = ADI_VALUE_NONE;
    s->call.in = s->call.out;
    s->dy = gradient;
    s->dx[0] = b->holders[gradient] == 1 ? gradient : new_value(p, &p->shapes[gradient], time);
    touch(p, s->y, time);
    touch(p, gradient, time);
    if (s->dx[0] != gradient) {
        b->holders[gradient]--;
        hold(b, at, s->dx[0]);
    }
    return s->dx[0];
}

static void backward_pass(builder *b, int32_t at, int32_t gradient)
{
    const int32_t result = through_activation(b, at, gradient);
    for (int32_t j = 0; j < b->plan->steps[at].op->inputs; j++)
        give(b, b->from[at * ADI_OP_MAX_INPUTS + j], result);
    b->holders[result]--;
}

static void backward_op(builder *b, int32_t at, int32_t gradient)
{
    adi_train_plan *p = b->plan;
    const adi_op *op = p->steps[at].op;
    const int32_t *from = &b->from[at * ADI_OP_MAX_INPUTS];
    const int32_t x = op->keeps & ADI_KEEPS_X ? kept(b, from[0]) : ADI_VALUE_NONE;
    const int32_t x2 = op->keeps & ADI_KEEPS_X2 ? kept(b, from[1]) : ADI_VALUE_NONE;
    const int32_t time = now(b), y = p->steps[at].y;
    int32_t dx[ADI_OP_MAX_INPUTS] = {ADI_VALUE_NONE, ADI_VALUE_NONE}, add = ADI_VALUE_NONE;
    for (int32_t j = 0; j < op->inputs; j++) {
        const int32_t slot = slot_of(b, from[j]);
        if (!b->wanted[slot])
            continue;
        if (j == 0 && op->adds_dx && b->slot[slot] != ADI_VALUE_NONE) {
            add = b->slot[slot];
            touch(p, add, time);
            b->holders[add]--;
            b->slot[slot] = ADI_VALUE_NONE;
        }
        const int alone = j == 0 && op->in_place && b->holders[gradient] == 1;
        const adi_shape *shape =
            from[j] < 0 ? &p->input[adi_value_input(from[j])] : &p->shapes[p->steps[from[j]].y];
        dx[j] = alone ? gradient : new_value(p, shape, time);
    }
    adi_train_step *s = add_step(b, ADI_TRAIN_BACKWARD, &p->steps[at]);
    s->x[0] = x;
    s->x[1] = x2;
    s->y = op->keeps & ADI_KEEPS_Y ? y : ADI_VALUE_NONE;
    s->dy = gradient;
    s->dx_add = add;
    memcpy(s->dx, dx, sizeof dx);
    touch(p, x, time);
    touch(p, x2, time);
    touch(p, s->y, time);
    touch(p, gradient, time);
    b->holders[gradient]--;
    for (int32_t j = 0; j < op->inputs; j++)
        if (dx[j] != ADI_VALUE_NONE)
            give(b, from[j], dx[j]);
}

static void make_backward(builder *b, int32_t wants_input_grad)
{
    adi_train_plan *p = b->plan;
    find_wanted(b, wants_input_grad);
    for (int32_t t = 0; t < p->module->tap_count; t++) {
        const int32_t step = b->owner[b->graph->taps[p->module->taps[t]].node];
        p->taps[t] = p->steps[step].y;
        touch(p, p->taps[t], p->forward_count); /* the loss reads it */
        p->tap_grads[t] = new_value(p, &p->shapes[p->taps[t]], p->forward_count);
        give(b, step, p->tap_grads[t]);
    }
    for (int32_t at = p->forward_count - 1; at >= 0; at--) {
        const int32_t gradient = b->slot[at];
        if (gradient == ADI_VALUE_NONE)
            continue;
        if (p->steps[at].op->passes_dy)
            backward_pass(b, at, gradient);
        else
            backward_op(b, at, gradient);
    }
    p->input_grad = b->slot[p->forward_count];
    touch(p, p->input_grad, time_of(p, p->step_count));
}

/* ---- Memory ---- */

typedef struct sized {
    size_t floats;
    int32_t value;
} sized;

static int larger_first(const void *left, const void *right)
{
    const sized *a = left, *b = right;
    if (a->floats != b->floats)
        return a->floats > b->floats ? -1 : 1;
    return a->value < b->value ? -1 : 1;
}

/* Place large values first; small ones fit into the gaps. */
static ad_status place(adi_train_plan *p)
{
    const adi_allocator *a = p->allocator;
    const size_t count = (size_t)p->value_count;
    sized *order = adi_calloc(a, count, sizeof *order);
    adi_lifetime *placed = adi_calloc(a, count, sizeof *placed);
    ad_status status = order && placed ? AD_OK : adi_fail_memory();
    for (int32_t i = 0; status == AD_OK && i < p->value_count; i++)
        order[i] = (sized){p->values[i].floats, i};
    if (status == AD_OK)
        qsort(order, count, sizeof *order, larger_first);
    for (int32_t i = 0; status == AD_OK && i < p->value_count; i++) {
        adi_lifetime *v = &p->values[order[i].value];
        v->offset = adi_arena_first_gap(placed, i, v);
        placed[i] = *v;
        if (v->offset + v->floats > ADI_ARENA_MAX_FLOATS)
            status = too_large(p);
        if (v->offset + v->floats > p->block_floats)
            p->block_floats = v->offset + v->floats;
    }
    adi_free(a, order);
    adi_free(a, placed);
    return status;
}

/* Find the largest scratch of any step, for any number of images: a smaller batch may choose an
 * algorithm that needs more. */
static void find_scratch(adi_train_plan *p)
{
    for (int32_t i = 0; i < p->step_count; i++) {
        const adi_train_step *s = &p->steps[i];
        size_t (*const sizes[])(const adi_kernels *, const adi_op_call *, int32_t) = {
            s->op->scratch, s->op->train_scratch};
        adi_op_call call = s->call;
        for (int64_t n = 1; n <= p->input[0].n; n++) {
            call.in.n = call.out.n = n;
            for (int j = 0; j < 2; j++) {
                const size_t bytes =
                    sizes[j] ? sizes[j](p->device.kernels, &call, p->device.num_threads) : 0;
                if (bytes > p->scratch_bytes)
                    p->scratch_bytes = bytes;
            }
        }
    }
}

size_t adi_train_plan_packed_bytes(const adi_train_plan *p)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < p->forward_count; i++) {
        adi_op_call call = p->steps[i].call;
        call.in.n = call.out.n = 1;
        if (p->steps[i].op->choose)
            bytes += p->steps[i].op->choose(p->device.kernels, &call) + ADI_ALIGNMENT;
    }
    return bytes;
}

/* ---- The whole ---- */

static ad_status check_kernels(const builder *b)
{
    const adi_train_plan *p = b->plan;
    for (int32_t i = 0; i < p->step_count; i++) {
        const adi_train_step *s = &p->steps[i];
        const char *kernel = adi_op_lacks(adi_op_train_needs(s->op), p->device.kernels);
        if (kernel)
            return adi_fail(AD_ERR_UNSUPPORTED, "%s '%s' of %s: the backend has no kernel %s",
                            s->op->name, s->node < 0 ? "" : b->graph->nodes[s->node].name,
                            b->graph->name, kernel);
    }
    return AD_OK;
}

static ad_status build(builder *b, int32_t wants_input_grad)
{
    ADI_TRY(find_shapes(b));
    make_forward(b);
    make_backward(b, wants_input_grad);
    ADI_TRY(check_kernels(b));
    ADI_TRY(place(b->plan));
    find_scratch(b->plan);
    return AD_OK;
}

ad_status adi_train_plan_create(adi_module *module, const adi_device *device,
                                const adi_shape *input, int32_t wants_input_grad,
                                adi_train_plan **out_plan)
{
    const adi_allocator *a = module->allocator;
    const size_t nodes = (size_t)module->graph->node_count, taps = (size_t)module->tap_count;
    /* A node has a forward step, a backward one, perhaps one of its activation, one that makes its
     * result again and one addition for every gradient given to it; each makes at most two
     * values. */
    const size_t steps = 6 * nodes + taps, values = 8 * nodes + 2 * taps;
    *out_plan = NULL;
    adi_train_plan *p = adi_calloc(a, 1, sizeof *p);
    if (!p)
        return adi_fail_memory();
    *p = (adi_train_plan){.allocator = a,
                          .module = module,
                          .device = *device,
                          .input = {*input},
                          .input_grad = ADI_VALUE_NONE};
    p->steps = adi_calloc(a, steps, sizeof *p->steps);
    p->values = adi_calloc(a, values, sizeof *p->values);
    p->shapes = adi_calloc(a, values, sizeof *p->shapes);
    p->taps = adi_calloc(a, 2 * taps, sizeof *p->taps);
    p->own_bytes = sizeof *p + steps * sizeof *p->steps +
                   values * (sizeof *p->values + sizeof *p->shapes) + 2 * taps * sizeof *p->taps;
    builder b = {.plan = p, .graph = module->graph, .needed = module->needed};
    b.shape = adi_calloc(a, nodes, sizeof *b.shape);
    b.tapped = adi_calloc(a, 2 * nodes + 1, 1);
    b.readers = adi_calloc(a, 6 * nodes + 1 + values, sizeof *b.readers);
    ad_status status;
    if (!p->steps || !p->values || !p->shapes || !p->taps || !b.shape || !b.tapped || !b.readers) {
        status = adi_fail_memory();
    } else {
        p->tap_grads = p->taps + taps;
        b.wanted = b.tapped + nodes;
        b.owner = b.readers + nodes;
        b.from = b.owner + nodes;
        b.again = b.from + ADI_OP_MAX_INPUTS * nodes;
        b.slot = b.again + nodes;
        b.holders = b.slot + nodes + 1;
        for (size_t i = 0; i < 2 * nodes + 1; i++)
            b.again[i] = ADI_VALUE_NONE; /* and slot, which follows */
        status = build(&b, wants_input_grad);
    }
    adi_free(a, b.shape);
    adi_free(a, b.tapped);
    adi_free(a, b.readers);
    if (status == AD_OK)
        *out_plan = p;
    else
        adi_train_plan_destroy(p);
    return status;
}

void adi_train_plan_destroy(adi_train_plan *plan)
{
    if (!plan)
        return;
    const adi_allocator *a = plan->allocator;
    adi_free(a, plan->steps);
    adi_free(a, plan->values);
    adi_free(a, plan->shapes);
    adi_free(a, plan->taps);
    adi_free(a, plan);
}

size_t adi_train_plan_bytes(const adi_train_plan *plan)
{
    return plan->block_floats * sizeof(float) + plan->scratch_bytes +
           plan->statistics_doubles * sizeof(double);
}
