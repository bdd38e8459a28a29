/* gconv2d, the op, forward and backward: on ref against the products of a grouped convolution one
 * after another, on cpu against ref; that one group is conv2d to the bit, and that no group sees
 * another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"
#include "ops/op.h"

/* In units of the sum of the terms' sizes. ref sums in double and rounds once, and so does what it
 * is compared with. cpu sums in float, up to 7e-7 off; where a group is large enough, by Winograd's
 * transforms, at an image's corners. */
static const double ref_limit = 1.25e-7, cpu_limit = 1e-6;

enum { DX = 1, DW = 2, DB = 4, ALL = 7 }; /* which gradients are wanted */

typedef struct group_case {
    const adi_op *op;
    adi_op_call call;
    int wanted;
    /* all: results, then gradients of the input, the weight and the bias */
    int64_t outputs, inputs, weights, all;
    float *x, *w, *bias, *dy;              /* guarded */
    char name[150];
} group_case;

static group_case group_case_new(adi_attrs attrs, adi_shape in)
{
    group_case c = {.op = &adi_op_gconv2d, .call = {.attrs = attrs, .in = in}, .wanted = ALL};
    attrs.pad_after = c.call.attrs.pad_after = attrs.pad;
    int64_t weight[4];
    assert_int_equal(adi_op_gconv2d.channels(&attrs, in.c, 0), attrs.out);
    assert_int_equal(adi_op_gconv2d.shape("g", &attrs, &in, &c.call.out), AD_OK);
    assert_int_equal(adi_op_gconv2d.param_shape(&attrs, in.c, 0, weight), 4);
    c.outputs = adi_values(&c.call.out);
    c.inputs = adi_values(&in);
    c.weights = weight[0] * weight[1] * weight[2] * weight[3];
    c.all = c.outputs + c.inputs + c.weights + attrs.out;
    snprintf(c.name, sizeof c.name,
             "n%lld %lldx%lldx%lld -> %d, %d groups, kernel %d stride %d pad %d bias %d",
             (long long)in.n, (long long)in.h, (long long)in.w, (long long)in.c, attrs.out,
             attrs.groups, attrs.kernel, attrs.stride, attrs.pad, attrs.bias);
    c.x = op_floats(c.inputs, 2.0);
    c.w = op_floats(c.weights, 1.0);
    c.bias = op_floats(attrs.out, 2.0);
    c.dy = op_floats(c.outputs, 1.0);
    c.call.weight = c.w;
    c.call.bias = attrs.bias ? c.bias : NULL;
    return c;
}

static void group_case_free(group_case *c)
{
    float *const all[] = {c->x, c->w, c->bias, c->dy};
    for (int i = 0; i < 4; i++)
        guarded_free(all[i], c->name);
}

/* Scratch is exactly what the op asked for, and begins as NaN. What is not wanted stays NaN. */
static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const group_case *c = of;
    const adi_kernels *k = be->kernels;
    float *all = guarded_floats(c->all), *y = guarded_floats(c->outputs);
    const adi_exec ex = {threads, guarded_alloc(c->op->scratch(k, &c->call, threads)), NULL};
    assert_int_equal(c->op->forward(k, &ex, &c->call, y, c->x, NULL), AD_OK);
    guarded_free(ex.scratch, c->name);
    const adi_exec train = {threads, guarded_alloc(c->op->train_scratch(k, &c->call, threads)), NULL};
    const int64_t counts[] = {c->inputs, c->weights, c->call.out.c};
    float *grad[3];
    for (int i = 0; i < 3; i++)
        grad[i] = c->wanted >> i & 1 ? guarded_floats(counts[i]) : NULL;
    const adi_op_grad g = {
        .x = {c->x}, .dy = c->dy, .dx = {grad[0]}, .dweight = grad[1], .dbias = grad[2]};
    assert_int_equal(c->op->backward(k, &train, &c->call, &g), AD_OK);
    guarded_free(train.scratch, c->name);
    float *next = gradient_pack(all, y, c->outputs, c->name);
    for (int i = 0; i < 3; next += counts[i++])
        if (grad[i])
            gradient_pack(next, grad[i], counts[i], c->name);
    return all;
}

typedef struct total {
    double sum, size;
} total;

static void add(total *t, double term)
{
    t->sum += term;
    t->size += fabs(term);
}

/* What run() gives, and units: every output's products, whose factors each are a term of the
 * other's gradient. The weight is [k, k, C / groups, K]. */
static void formula(const group_case *c, float *want, float *unit)
{
    const adi_attrs *a = &c->call.attrs;
    const adi_shape *in = &c->call.in, *out = &c->call.out;
    const int64_t width = in->c / a->groups, terms = (int64_t)a->kernel * a->kernel * width;
    total *const y = guarded_alloc((size_t)c->all * sizeof *y), *const dx = y + c->outputs,
                 *const dw = dx + c->inputs;
    memset(y, 0, (size_t)c->all * sizeof *y);
    for (int64_t i = 0; i < c->outputs; i++) {
        const int64_t k = i % out->c, ox = i / out->c % out->w, oy = i / out->c / out->w % out->h;
        const int64_t n = i / out->c / out->w / out->h, group = k * a->groups / out->c;
        add(&y[i], c->call.bias ? c->bias[k] : 0.0);
        add(&dw[c->weights + k], c->dy[i]);
        for (int64_t j = 0; j < terms; j++) {
            const int64_t tap = j / width, w = j * out->c + k;
            const int64_t iy = oy * a->stride + tap / a->kernel - a->pad;
            const int64_t ix = ox * a->stride + tap % a->kernel - a->pad;
            if (iy < 0 || iy >= in->h || ix < 0 || ix >= in->w)
                continue;
            const int64_t x = ((n * in->h + iy) * in->w + ix) * in->c + group * width + j % width;
            add(&y[i], (double)c->x[x] * c->w[w]);
            add(&dx[x], (double)c->dy[i] * c->w[w]);
            add(&dw[w], (double)c->dy[i] * c->x[x]);
        }
    }
    for (int64_t i = 0; i < c->all; i++) {
        want[i] = (float)y[i].sum;
        unit[i] = (float)y[i].size;
    }
    guarded_free(y, c->name);
}

static void check(adi_attrs attrs, adi_shape in)
{
    group_case c = group_case_new(attrs, in);
    float *want = guarded_floats(c.all), *unit = guarded_floats(c.all);
    formula(&c, want, unit);
    float *ref = gradient_backends(c.name, run, &c, unit, c.all, cpu_limit);
    gradient_close(c.name, ref, want, unit, c.all, ref_limit);
    float *const all[] = {want, unit, ref};
    for (int i = 0; i < 3; i++)
        guarded_free(all[i], c.name);
    group_case_free(&c);
}

/* Of channels that are not multiples of a vector, and of ones that are; as many groups as input or
 * output has. */
static void formulas(void **state)
{
    (void)state;
    static const int32_t channels[][3] = {{1, 1, 1},   {6, 10, 1},   {6, 10, 2},  {8, 12, 4},
                                          {7, 7, 7},   {6, 12, 6},   {12, 6, 6},  {34, 66, 2},
                                          {32, 64, 4}, {100, 20, 4}, {128, 64, 2}};
    static const int32_t windows[][3] = {{1, 1, 0}, {3, 1, 1}, {3, 2, 1},
                                         {2, 2, 0}, {5, 3, 2}, {1, 2, 0}};
    static const adi_shape images[] = {{1, 5, 5, 0}, {2, 6, 9, 0}, {3, 7, 5, 0}};
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        for (int j = 0; j < 6; j++)
            for (int k = 0; k < 3; k++) {
                const int32_t *w = windows[j];
                const adi_attrs attrs = {.out = channels[i][1],
                                         .groups = channels[i][2],
                                         .kernel = w[0],
                                         .stride = w[1],
                                         .pad = w[2],
                                         .bias = k % 2};
                check(attrs, (adi_shape){images[k].n, images[k].h, images[k].w, channels[i][0]});
            }
    for (int i = 0; i < 100; i++) {
        const int32_t groups = (int32_t)op_int(1, 6), kernel = (int32_t)op_int(1, 3);
        const adi_attrs attrs = {.out = groups * (int32_t)op_int(1, 9),
                                 .groups = groups,
                                 .kernel = kernel,
                                 .stride = (int32_t)op_int(1, 3),
                                 .pad = (int32_t)op_int(0, kernel - 1),
                                 .bias = (int32_t)op_int(0, 1)};
        check(attrs, (adi_shape){op_int(1, 3), op_int(kernel, 9), op_int(kernel, 9),
                                 groups * op_int(1, 9)});
    }
    check((adi_attrs){.out = 64, .groups = 2, .kernel = 3, .stride = 1, .pad = 1},
          (adi_shape){4, 14, 15, 128});
    gradient_report("gconv2d", ref_limit, cpu_limit);
}

/* A pixel, and a window as large as the image. */
static void one_position(void **state)
{
    (void)state;
    for (int32_t groups = 1; groups <= 4; groups *= 2) {
        check((adi_attrs){.out = 12, .groups = groups, .kernel = 1, .stride = 1},
              (adi_shape){1, 1, 1, 20});
        check((adi_attrs){.out = 12, .groups = groups, .kernel = 3, .stride = 1, .pad = 1},
              (adi_shape){2, 1, 1, 20});
        check((adi_attrs){.out = 12, .groups = groups, .kernel = 3, .stride = 1, .bias = 1},
              (adi_shape){2, 3, 3, 20});
    }
}

static void one_group_is_conv2d(void **state)
{
    (void)state;
    static const adi_attrs attrs[] = {
        {.out = 33, .groups = 1, .kernel = 3, .stride = 1, .pad = 1, .bias = 1},
        {.out = 64, .groups = 1, .kernel = 3, .stride = 2, .pad = 1},
        {.out = 17, .groups = 1, .kernel = 1, .stride = 1, .bias = 1}};
    for (int i = 0; i < 6; i++) {
        const adi_backend *be = i % 2 ? &adi_backend_cpu : &adi_backend_ref;
        group_case c = group_case_new(attrs[i / 2], (adi_shape){2, 9, 11, 64});
        float *got = run(&c, be, 2);
        c.op = &adi_op_conv2d;
        float *want = run(&c, be, 2);
        op_same_bits(c.name, got, want, (size_t)c.all * sizeof *got);
        guarded_free(got, c.name);
        guarded_free(want, c.name);
        group_case_free(&c);
    }
}

/* Each gradient alone is as among the others. */
static void one_gradient(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * ALL; i++) {
        const adi_backend *be = i % 2 ? &adi_backend_cpu : &adi_backend_ref;
        const adi_attrs attrs = {
            .out = 12, .groups = 3, .kernel = 3, .stride = 1, .pad = 1, .bias = 1};
        group_case c = group_case_new(attrs, (adi_shape){2, 6, 5, 9});
        const int64_t counts[] = {c.inputs, c.weights, 12};
        float *all = run(&c, be, 2);
        c.wanted = i / 2;
        float *some = run(&c, be, 2);
        for (int64_t j = 0, at = c.outputs; j < 3; at += counts[j++])
            if (c.wanted >> j & 1)
                op_same_bits(c.name, some + at, all + at, (size_t)counts[j] * sizeof *all);
        guarded_free(all, c.name);
        guarded_free(some, c.name);
        group_case_free(&c);
    }
}

/* A group of NaN or infinity, in x or dy: results and gradients of other groups are as they are
 * without. */
static void groups_are_apart(void **state)
{
    (void)state;
    enum { GROUPS = 3, IN = 9, OUT = 12 };
    for (int i = 0; i < 2 * 2 * 2 * 10; i++) {
        const adi_backend *be = i % 2 ? &adi_backend_cpu : &adi_backend_ref;
        const int in_dy = i / 2 % 2, group = (int)op_int(0, GROUPS - 1);
        group_case c = group_case_new(
            (adi_attrs){.out = OUT, .groups = GROUPS, .kernel = 3, .stride = 1, .pad = 1},
            (adi_shape){2, 6, 5, IN});
        float *before = run(&c, be, 3), *const spoilt = in_dy ? c.dy : c.x;
        for (int64_t j = 0, width = in_dy ? OUT : IN; j < (in_dy ? c.outputs : c.inputs); j++)
            if (j % width * GROUPS / width == group)
                spoilt[j] = i / 4 % 2 ? NAN : INFINITY;
        float *after = run(&c, be, 3);
        for (int64_t j = 0; j < c.all; j++) {
            const int is_dx = j >= c.outputs && j < c.outputs + c.inputs;
            const int64_t ch =
                is_dx ? (j - c.outputs) % IN : (j < c.outputs ? j : j - c.outputs - c.inputs) % OUT;
            const int mine = ch * GROUPS / (is_dx ? IN : OUT) == group, is_y = j < c.outputs;
            const int is_dbias = j >= c.all - OUT;
            const int lost = mine && (in_dy ? !is_y : !is_dx && !is_dbias);
            if (lost ? isfinite(after[j]) : after[j] != before[j])
                fail_msg("%s, group %d: %g at %lld, before %g", be->name, group, after[j],
                         (long long)j, before[j]);
        }
        guarded_free(before, c.name);
        guarded_free(after, c.name);
        group_case_free(&c);
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),
        cmocka_unit_test(one_position),
        cmocka_unit_test(one_group_is_conv2d),
        cmocka_unit_test(one_gradient),
        cmocka_unit_test(groups_are_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
