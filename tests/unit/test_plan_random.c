/* nn/plan.c on graphs that nobody drew: what is planned, fused and folded gives what the nodes give
 * when they are evaluated one by one with the reference kernels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/isa_cpu.h"
#include "harness/op_case.h"
#include "harness/seeded_network.h"

static const adi_allocator *const heap = &adi_default_allocator;

/* Relative to the largest value on the way to a tap: float rounding of at most 20 layers. */
static const double limit = 1e-5;

enum { MAX_NODES = 20, MAX_TAPS = 5, GRAPHS = 1200 };

typedef struct drawn {
    char text[8000];
    int nodes; /* the input is node 0, the others n1, n2, ... */
    adi_shape shape[MAX_NODES];
    int taps, after_gate; /* the node before is a product with a gate */
} drawn;

/* Output size by counting window positions; 0 where there is none. */
static int64_t count_windows(int64_t in, int k, int stride, int pad)
{
    int64_t n = 0;
    while (n * stride + k <= in + 2 * pad)
        n++;
    return n;
}

/* A line for node n<i>, or 0 where the choice does not fit. */
static int draw_node(drawn *d, int i, char *line)
{
    static const char *const plain[] = {"batchnorm", "relu", "relu6"};
    if (d->after_gate && op_int(0, 3)) { /* what follows a gate in a network */
        d->after_gate = 0;
        d->shape[i] = d->shape[i - 1];
        d->shape[i].c = op_int(1, 9);
        sprintf(line, "conv2d n%d <- n%d : out=%d kernel=1\n", i, i - 1, (int)d->shape[i].c);
        return 1;
    }
    d->after_gate = 0;
    const int from = i - 1 - (int)(op_int(0, 2) ? 0 : op_int(0, i - 1)); /* often the last one */
    const adi_shape in = d->shape[from];
    adi_shape *out = &d->shape[i];
    char name[16];
    if (from)
        snprintf(name, sizeof name, "n%d", from);
    else
        snprintf(name, sizeof name, "image");
    *out = in;
    const int64_t kind = i == 1 ? 0 : op_int(0, 12);
    if (kind >= 11) { /* a gate: any node of one position and as many channels */
        for (int other = i - 1; other > 0; other--)
            if (d->shape[other].h == 1 && d->shape[other].w == 1 && d->shape[other].c == in.c) {
                sprintf(line, "mul n%d <- %s n%d\n", i, name, other);
                d->after_gate = 1;
                return 1;
            }
        return 0;
    }
    if (kind == 10) {
        *out = (adi_shape){1, 1, 1, in.c};
        sprintf(line, "globalavgpool2d n%d <- %s\n", i, name);
        return 1;
    }
    if (kind >= 5 && kind <= 7) {
        sprintf(line, "%s n%d <- %s\n", plain[kind - 5], i, name);
        return 1;
    }
    if (kind >= 8) { /* a sum with any node of the same shape, itself included */
        const int other = (int)op_int(0, i - 1);
        if (memcmp(&d->shape[other], &in, sizeof in) != 0)
            return 0;
        char second[16];
        if (other)
            snprintf(second, sizeof second, "n%d", other);
        else
            snprintf(second, sizeof second, "image");
        sprintf(line, "add n%d <- %s %s\n", i, name, second);
        return 1;
    }
    const int k = (int)op_int(1, 4), stride = op_int(0, 3) ? 1 : (int)op_int(2, 3);
    const int same = op_int(0, 1) == 0, pad = same ? 0 : (int)op_int(0, k - 1);
    char window[80];
    if (same)
        snprintf(window, sizeof window, "kernel=%d stride=%d pad=same", k, stride);
    else
        snprintf(window, sizeof window, "kernel=%d stride=%d pad=%d", k, stride, pad);
    out->h = same ? (in.h + stride - 1) / stride : count_windows(in.h, k, stride, pad);
    out->w = same ? (in.w + stride - 1) / stride : count_windows(in.w, k, stride, pad);
    if (out->h < 1 || out->w < 1)
        return 0;
    if (kind == 3) {
        sprintf(line, "maxpool2d n%d <- %s : %s\n", i, name, window);
    } else if (kind == 4) {
        sprintf(line, "dwconv2d n%d <- %s : %s\n", i, name, window);
    } else {
        out->c = op_int(0, 1) ? in.c : op_int(1, 9);
        sprintf(line, "conv2d n%d <- %s : out=%d %s\n", i, name, (int)out->c, window);
    }
    return 1;
}

static void draw(drawn *d)
{
    *d = (drawn){.nodes = (int)op_int(2, MAX_NODES), .taps = (int)op_int(1, MAX_TAPS)};
    int at = sprintf(d->text, "network drawn\ninput_size 8\nmean 0 0 0\nstd 1 1 1\n"
                              "input image : channels=3\n");
    d->shape[0] = (adi_shape){1, op_int(1, 13), op_int(1, 13), 3};
    for (int i = 1; i < d->nodes; i++) {
        char line[160];
        while (!draw_node(d, i, line))
            continue;
        at += sprintf(d->text + at, "%s", line);
    }
    for (int t = 0; t < d->taps; t++)
        at += sprintf(d->text + at, "tap t%d <- n%d\n", t,
                      (int)op_int(t ? 1 : d->nodes - 1, d->nodes - 1));
}

/* Values near 1 at every depth; some convolutions have biases. */
static st_memory draw_weights(const adi_graph *g)
{
    st_memory m = {0};
    for (int32_t i = 0; i < g->node_count; i++)
        for (int32_t p = 0; p < g->nodes[i].op->params; p++) {
            const adi_node *node = &g->nodes[i];
            if (node->op->param[p].optional && op_int(0, 1))
                continue;
            char name[160];
            int64_t shape[ADI_ST_MAX_DIMS];
            snprintf(name, sizeof name, "%s.%s", node->name, node->op->param[p].suffix);
            const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, p, shape);
            float *data = st_memory_add(&m, name, ADI_F32, dims, shape);
            const int64_t count = m.entries[m.count - 1].count;
            const double fan = dims == 4 ? (double)(shape[1] * shape[2] * shape[3]) : 12.0;
            for (int64_t j = 0; j < count; j++)
                data[j] = (float)(node->op == &adi_op_batchnorm && (p == 0 || p == 3)
                                      ? 1.0 + 0.5 * op_signed()
                                      : sqrt(3.0 / fan) * op_signed());
        }
    return m;
}

static const float *raw(const st_memory *m, const adi_node *node, int p)
{
    char name[160];
    snprintf(name, sizeof name, "%s.%s", node->name, node->op->param[p].suffix);
    const st_entry *e = st_memory_find(m, name);
    return e ? e->data : NULL;
}

/* One node with the reference kernels and the file's own parameters: nothing folded, nothing fused.
 */
static float *evaluate(const drawn *d, const adi_graph *g, int32_t i, float *const *values,
                       const st_memory *m)
{
    const adi_node *node = &g->nodes[i];
    const adi_kernels *k = adi_backend_ref.kernels;
    const adi_shape in = d->shape[node->input[0]], out = d->shape[i];
    const float *x = values[node->input[0]];
    const adi_pc pc = {in.h * in.w, in.c};
    const int64_t total = out.h * out.w * out.c;
    float *y = guarded_floats(total);
    double scratch[16];
    float scale[16], shift[16], *w = NULL;
    const adi_exec ex = {1, scratch, NULL};
    adi_conv2d_dims c = {1,
                         in.h,
                         in.w,
                         in.c,
                         out.h,
                         out.w,
                         out.c,
                         node->attrs.kernel,
                         node->attrs.kernel,
                         node->attrs.stride,
                         node->attrs.pad,
                         node->attrs.pad};
    if (node->attrs.pad == ADI_PAD_SAME) {
        const int64_t high = (out.h - 1) * c.stride + c.kh - in.h,
                      wide = (out.w - 1) * c.stride + c.kw - in.w;
        c.pad_top = (int32_t)(high > 0 ? high / 2 : 0);
        c.pad_left = (int32_t)(wide > 0 ? wide / 2 : 0);
    }
    if (node->op == &adi_op_conv2d || node->op == &adi_op_dwconv2d) {
        const int depthwise = node->op == &adi_op_dwconv2d;
        const int64_t shape[4] = {out.c, depthwise ? 1 : in.c, c.kh, c.kw};
        const int64_t area = shape[2] * shape[3];
        w = guarded_floats(shape[0] * shape[1] * area);
        for (int64_t o = 0; o < shape[0]; o++)
            for (int64_t j = 0; j < shape[1]; j++)
                for (int64_t a = 0; a < area; a++)
                    w[(a * shape[1] + j) * shape[0] + o] =
                        raw(m, node, 0)[(o * shape[1] + j) * area + a];
        const adi_epilogue e = {.bias = raw(m, node, 1)};
        (void)(depthwise ? k->dwconv2d_fwd(&ex, y, x, w, &e, &c)
                         : k->conv2d_fwd(&ex, y, x, w, &e, &c));
    } else if (node->op == &adi_op_batchnorm) {
        for (int64_t j = 0; j < in.c; j++) {
            const double s = raw(m, node, 0)[j] / sqrt(raw(m, node, 3)[j] + node->attrs.eps);
            scale[j] = (float)s;
            shift[j] = (float)(raw(m, node, 1)[j] - raw(m, node, 2)[j] * s);
        }
        k->batchnorm_fwd(&ex, y, x, scale, shift, ADI_ACT_NONE, pc);
    } else if (node->op == &adi_op_add) {
        k->add_fwd(&ex, y, x, values[node->input[1]], ADI_ACT_NONE, pc);
    } else if (node->op == &adi_op_mul) {
        k->mul_fwd(&ex, y, x, values[node->input[1]], pc);
    } else if (node->op == &adi_op_globalavgpool2d) {
        k->mean_fwd(&ex, scratch, x, pc);
        for (int64_t j = 0; j < in.c; j++)
            y[j] = (float)scratch[j];
    } else if (node->op == &adi_op_maxpool2d) {
        const adi_pool2d_dims p = {1,     in.h, in.w,     in.c,      out.h,
                                   out.w, c.kh, c.stride, c.pad_top, c.pad_left};
        k->maxpool2d_fwd(&ex, y, x, &p);
    } else {
        k->activation_fwd(&ex, y, x, node->op == &adi_op_relu ? ADI_ACT_RELU : ADI_ACT_RELU6, pc);
    }
    guarded_free(w, "weights");
    guarded_check(y, node->name);
    return y;
}

/* Taps of a run against the values of their nodes. */
static void compare(const drawn *d, const adi_graph *g, const plan_run *r, const int32_t *taps,
                    float *const *values, double unit, const char *backend)
{
    for (int32_t t = 0; t < r->plan->tap_count; t++) {
        const int32_t node = g->taps[taps[t]].node;
        const adi_shape *s = &r->plan->taps[t].shape;
        assert_memory_equal(s, &d->shape[node], sizeof *s);
        const float *got = run_tap(r, t);
        for (int64_t i = 0; i < s->h * s->w * s->c; i++) {
            const double error = fabs((double)got[i] - values[node][i]) / unit;
            if (!(error <= limit) &&
                got[i] != values[node][i]) /* equal infinities: pooled nothing */
                fail_msg("%s, tap t%d, value %lld: %.9g, not %.9g, in:\n%s", backend, taps[t],
                         (long long)i, got[i], values[node][i], d->text);
            if (error > op_worst)
                op_worst = error;
        }
    }
}

static void planned_equals_naive(void **state)
{
    (void)state;
    static drawn d;
    long steps = 0, nodes = 0, gated = 0, summed = 0;
    for (int n = 0; n < GRAPHS; n++) {
        draw(&d);
        adi_graph *g = graph_of(heap, d.text);
        st_memory m = draw_weights(g);
        adi_network *net = network_from(heap, d.text, &m);
        float *values[MAX_NODES];
        double unit = 1.0;
        values[0] = op_floats(d.shape[0].h * d.shape[0].w * 3, 2.0);
        for (int32_t i = 1; i < g->node_count; i++) {
            values[i] = evaluate(&d, g, i, values, &m);
            for (int64_t j = 0; j < d.shape[i].h * d.shape[i].w * d.shape[i].c; j++)
                if (isfinite(values[i][j]))
                    unit = fmax(unit, fabs(values[i][j]));
        }
        int32_t taps[MAX_TAPS] = {0, 1, 2, 3, 4};
        const int64_t h = d.shape[0].h, w = d.shape[0].w;
        plan_run cpu = run_network(net, &adi_backend_cpu, 1, taps, d.taps, values[0], h, w);
        plan_run ref = run_network(net, &adi_backend_ref, 1, taps, d.taps, values[0], h, w);
        plan_run many = run_network(net, &adi_backend_cpu, 3, taps, d.taps, values[0], h, w);
        compare(&d, g, &ref, taps, values, unit, "ref");
        compare(&d, g, &cpu, taps, values, unit, "cpu");
        for (int32_t i = 0; i < cpu.plan->step_count; i++) {
            gated += cpu.plan->steps[i].call.gated;
            summed += cpu.plan->steps[i].node->op == &adi_op_globalavgpool2d && cpu.plan->steps[i].call.row_sums;
        }
        steps += cpu.plan->step_count;
        nodes += d.nodes - 1;
        for (int32_t t = 0; t < d.taps; t++) { /* alone, and with other threads: the same bits */
            plan_run alone = run_network(net, &adi_backend_cpu, 1, &t, 1, values[0], h, w);
            const size_t bytes = (size_t)run_tap_count(&alone, 0) * sizeof(float);
            op_same_bits(d.text, run_tap(&alone, 0), run_tap(&cpu, t), bytes);
            op_same_bits(d.text, run_tap(&many, t), run_tap(&cpu, t), bytes);
            run_free(&alone);
        }
        run_free(&cpu);
        run_free(&ref);
        run_free(&many);
        for (int32_t i = 0; i < g->node_count; i++)
            guarded_free(values[i], g->nodes[i].name);
        adi_network_destroy(net);
        adi_graph_destroy(g);
        st_memory_free(&m);
    }
    printf("%d graphs, %ld nodes in %ld steps, %ld with a gate, %ld means of rows' sums\n", GRAPHS, nodes, steps, gated,
           summed);
    assert_true(summed > 20 && (gated > 20 || !adi_isa_cpu(1)));
    op_report("random graphs", limit);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {cmocka_unit_test(planned_equals_naive)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
