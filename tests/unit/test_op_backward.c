/* The descriptors of lib/ops in training: that every gradient is the one of what forward computes, along a
 * random direction; that backward reads what it says it keeps and no more; and writes what is wanted and no
 * more. On ref: that other backends' kernels give the same is for tests/ops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/op_case.h"
#include "ops/op.h"

typedef struct op_train {
    const adi_op *op;
    adi_op_call call;
    int64_t counts[4];  /* of x, x2, weight, bias; 0: there is none */
    float *values[4];
    int64_t outputs;
    float *v;           /* the loss is the sum of v y, so dy = v */
    void *scratch, *train_scratch;
    double mean[16], var[16];
} op_train;

static const adi_kernels *kernels(void)
{
    return adi_backend_ref.kernels;
}

static int64_t count_of(const adi_shape *s)
{
    return s->n * s->h * s->w * s->c;
}

static op_train op_train_new(const adi_op *op, adi_attrs attrs, adi_shape in, adi_shape in2, adi_act act)
{
    op_train t = {.op = op, .call = {.attrs = attrs, .in = in, .act = act}};
    const adi_shape both[2] = {in, in2};
    if (op->shape("t", &attrs, both, &t.call.out) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    t.outputs = count_of(&t.call.out);
    t.counts[0] = count_of(&in);
    t.counts[1] = op->inputs == 2 ? count_of(&in2) : 0;
    for (int32_t i = 0; i < op->params && i < 2; i++) {
        int64_t shape[8];
        const int32_t dims = op->param_shape(&attrs, in.c, i, shape);
        t.counts[2 + i] = 1;
        for (int32_t d = 0; d < dims; d++)
            t.counts[2 + i] *= shape[d];
    }
    for (int i = 0; i < 4; i++)
        if (t.counts[i]) {
            t.values[i] = op_floats(t.counts[i], 1.0);
            /* Away from kinks and ties by more than any step: 0.08 k + 0.04, in random order. */
            for (int64_t k = 0; i < 2 && k < t.counts[i]; k++)
                t.values[i][k] = (float)(0.08 * (double)(k - t.counts[i] / 2) + 0.04);
            for (int64_t k = t.counts[i] - 1; i < 2 && k > 0; k--) {
                const int64_t j = op_int(0, k);
                const float moved = t.values[i][k];
                t.values[i][k] = t.values[i][j];
                t.values[i][j] = moved;
            }
            for (int64_t k = 0; i == 2 && op->params == 4 && k < t.counts[i]; k++)
                t.values[i][k] += 2.0f; /* batch norm */
        }
    t.call.weight = t.values[2];
    t.call.bias = t.values[3];
    t.v = op_floats(t.outputs, 1.0);
    t.scratch = guarded_alloc(op->scratch ? op->scratch(kernels(), &t.call, 1) : 0);
    t.train_scratch = guarded_alloc(op->train_scratch ? op->train_scratch(kernels(), &t.call, 1) : 0);
    return t;
}

static void op_train_free(op_train *t)
{
    for (int i = 0; i < 4; i++)
        if (t->values[i])
            guarded_free(t->values[i], "value");
    guarded_free(t->v, "v");
    guarded_free(t->scratch, "scratch");
    guarded_free(t->train_scratch, "train_scratch");
}

static void run_forward(op_train *t, float *y)
{
    if (t->op->train_forward) {
        const adi_exec ex = {1, t->train_scratch};
        adi_op_grad g = {.mean = t->mean, .var = t->var};
        assert_int_equal(t->op->train_forward(kernels(), &ex, &t->call, &g, 0, y, t->values[0]), AD_OK);
    } else {
        const adi_exec ex = {1, t->scratch};
        assert_int_equal(t->op->forward(kernels(), &ex, &t->call, y, t->values[0], t->values[1]), AD_OK);
    }
}

/* And the sum of its terms' sizes, which rounding is a part of. */
static double loss(op_train *t, double *out_size)
{
    float *y = guarded_floats(t->outputs);
    double sum = 0.0;
    run_forward(t, y);
    *out_size = 0.0;
    for (int64_t i = 0; i < t->outputs; i++) {
        sum += (double)t->v[i] * y[i];
        *out_size += fabs((double)t->v[i] * y[i]);
    }
    guarded_free(y, "y");
    return sum;
}

/* Of x, x2, weight, bias, as far as `wanted` has their bits; guarded, and the others NULL. dy is a copy. */
static void run_backward(op_train *t, int wanted, const float *add, float *out[4])
{
    const adi_exec ex = {1, t->train_scratch};
    float *y = guarded_floats(t->outputs), *dy = op_copy(t->v, t->outputs);
    adi_op_grad g = {.dy = dy, .dx_add = add, .mean = t->mean, .var = t->var};
    run_forward(t, y);
    for (int i = 0; i < 4; i++)
        out[i] = t->counts[i] && wanted >> i & 1 ? guarded_floats(t->counts[i]) : NULL;
    for (int i = 0; i < 2; i++) {
        g.x[i] = t->op->keeps & ADI_KEEPS_X ? t->values[i] : NULL;
        g.dx[i] = out[i];
    }
    g.y = t->op->keeps & ADI_KEEPS_Y ? y : NULL;
    g.dweight = out[2];
    g.dbias = out[3];
    assert_int_equal(t->op->backward(kernels(), &ex, &t->call, &g), AD_OK);
    op_same_bits("dy", dy, t->v, (size_t)t->outputs * sizeof *dy);
    for (int i = 0; i < 4; i++)
        if (out[i])
            guarded_check(out[i], "gradient");
    guarded_check(t->train_scratch, "train_scratch");
    guarded_free(y, "y");
    guarded_free(dy, "dy");
}

static void free_gradients(float *g[4])
{
    for (int i = 0; i < 4; i++)
        if (g[i])
            guarded_free(g[i], "gradient");
}

/* A parameter and its gradient are both in the kernels' layout. `limit` is of the sum of the gradient's terms;
 * what the rounding of results to float32 makes of the differences comes on top. */
static void check_gradients(op_train *t, double limit)
{
    static const char *const names[] = {"x", "x2", "weight", "bias"};
    const float step = 0x1p-7f;
    float *g[4];
    run_backward(t, 15, NULL, g);
    for (int i = 0; i < 4; i++) {
        if (!t->counts[i])
            continue;
        float *u = op_floats(t->counts[i], 1.0), *was = op_copy(t->values[i], t->counts[i]);
        double analytic = 0.0, size = 0.0, results = 0.0, sides[2];
        for (int64_t k = 0; k < t->counts[i]; k++) {
            analytic += (double)g[i][k] * u[k];
            size += fabs((double)g[i][k] * u[k]);
        }
        for (int side = 0; side < 2; side++) {
            for (int64_t k = 0; k < t->counts[i]; k++)
                t->values[i][k] = was[k] + (side ? step : -step) * u[k];
            sides[side] = loss(t, &results);
        }
        memcpy(t->values[i], was, (size_t)t->counts[i] * sizeof *was);
        const double numeric = (sides[1] - sides[0]) / (2.0 * step);
        if (!(fabs(numeric - analytic) <= limit * size + 6e-8 * results / step))
            fail_msg("%s, d%s: %g along a direction, differences say %g (terms of %g)", t->op->name,
                     names[i], analytic, numeric, size);
        assert_true(size > 0.0);
        guarded_free(u, "direction");
        guarded_free(was, "values");
    }
    free_gradients(g);
}

/* Each gradient alone, as among the others, to the bit. */
static void check_each_alone(op_train *t)
{
    float *all[4], *one[4];
    run_backward(t, 15, NULL, all);
    for (int i = 0; i < 4; i++) {
        run_backward(t, 1 << i, NULL, one);
        if (one[i])
            op_same_bits("a gradient alone", one[i], all[i], (size_t)t->counts[i] * sizeof(float));
        free_gradients(one);
    }
    free_gradients(all);
}

static void check_add(op_train *t)
{
    float *plain[4], *added[4], *add = op_floats(t->counts[0], 1.0);
    run_backward(t, 1, NULL, plain);
    run_backward(t, 1, add, added);
    for (int64_t i = 0; i < t->counts[0]; i++)
        assert_true(fabs((double)added[0][i] - ((double)plain[0][i] + add[i])) <=
                    2e-7 * (fabs(plain[0][i]) + fabs(add[i])));
    free_gradients(plain);
    free_gradients(added);
    guarded_free(add, "add");
}

/* dx in dy's place. */
static void check_in_place(op_train *t)
{
    const adi_exec ex = {1, t->train_scratch};
    float *apart[4], *y = guarded_floats(t->outputs), *d = op_copy(t->v, t->outputs);
    run_backward(t, 15, NULL, apart);
    run_forward(t, y);
    float unused[2][16];
    const adi_op_grad g = {.x = {t->values[0]}, .y = y, .dy = d, .dx = {d}, .dweight = unused[0],
                           .dbias = unused[1], .mean = t->mean, .var = t->var};
    assert_int_equal(t->op->backward(kernels(), &ex, &t->call, &g), AD_OK);
    op_same_bits("dx in place", d, apart[0], (size_t)t->counts[0] * sizeof *d);
    free_gradients(apart);
    guarded_free(y, "y");
    guarded_free(d, "d");
}

static void check_all(op_train *t, double limit)
{
    check_gradients(t, limit);
    if (t->op != &adi_op_batchnorm) /* always all of its gradients */
        check_each_alone(t);
    if (t->op->adds_dx)
        check_add(t);
    if (t->op->in_place)
        check_in_place(t);
    op_train_free(t);
}

#define LINEAR 1e-6 /* differences are exact but for rounding; a wrong gradient is wrong by about 1 */

static void convolutions(void **state)
{
    (void)state;
    static const struct {
        adi_attrs attrs;
        adi_shape in;
    } cases[] = {
        {{.out = 5, .kernel = 3, .stride = 1, .pad = 1, .pad_after = 1}, {2, 6, 5, 3}},
        {{.out = 4, .kernel = 3, .stride = 2, .pad = 1, .pad_after = 1}, {2, 7, 8, 3}},
        {{.out = 6, .kernel = 1, .stride = 2}, {3, 5, 6, 4}},
        {{.out = 3, .kernel = 7, .stride = 2, .pad = 3, .pad_after = 3}, {1, 11, 9, 2}},
        {{.out = 3, .kernel = 4, .stride = 3, .pad = ADI_PAD_SAME, .pad_after = ADI_PAD_SAME}, {2, 8, 7, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_train t = op_train_new(&adi_op_conv2d, cases[i].attrs, cases[i].in, (adi_shape){0}, ADI_ACT_NONE);
        check_all(&t, LINEAR);
    }
    static const adi_attrs transposed[] = {
        {.out = 5, .kernel = 2, .stride = 2},
        {.out = 3, .kernel = 3, .stride = 1, .pad = 1, .pad_after = 1},
        {.out = 4, .kernel = 4, .stride = 2, .pad = 1, .pad_after = 1},
        {.out = 2, .kernel = 2, .stride = 3}, /* gaps, which have the bias only */
    };
    for (size_t i = 0; i < sizeof transposed / sizeof *transposed; i++) {
        op_train t = op_train_new(&adi_op_deconv2d, transposed[i], (adi_shape){2, 4, 5, 3}, (adi_shape){0},
                                  ADI_ACT_NONE);
        check_all(&t, LINEAR);
    }
}

static void copies(void **state)
{
    (void)state;
    const adi_shape a = {2, 3, 4, 5}, b = {2, 3, 4, 2};
    op_train t = op_train_new(&adi_op_concat, (adi_attrs){0}, a, b, ADI_ACT_NONE);
    assert_true(t.call.out.c == 7);
    check_all(&t, LINEAR);
    t = op_train_new(&adi_op_add, (adi_attrs){0}, a, a, ADI_ACT_NONE);
    check_all(&t, LINEAR);
    t = op_train_new(&adi_op_resize2d, (adi_attrs){.scale = 3}, a, (adi_shape){0}, ADI_ACT_NONE);
    assert_true(t.call.out.h == 9 && t.call.out.w == 12);
    check_all(&t, LINEAR);
}

static void activations_and_pooling(void **state)
{
    (void)state;
    const adi_shape in = {2, 4, 5, 4};
    static const adi_op *const ops[] = {&adi_op_relu, &adi_op_relu6, &adi_op_sigmoid};
    for (int i = 0; i < 3; i++) {
        op_train t = op_train_new(ops[i], (adi_attrs){0}, in, (adi_shape){0}, ops[i]->act);
        check_all(&t, 1e-4);
    }
    static const adi_attrs windows[] = {{.kernel = 2, .stride = 2},
                                        {.kernel = 3, .stride = 2, .pad = 1, .pad_after = 1},
                                        {.kernel = 3, .stride = 1}};
    for (int i = 0; i < 3; i++) {
        op_train t = op_train_new(&adi_op_maxpool2d, windows[i], in, (adi_shape){0}, ADI_ACT_NONE);
        check_all(&t, LINEAR);
    }
    assert_null(adi_op_silu.backward);
    assert_null(adi_op_mul.backward);
    assert_null(adi_op_dwconv2d.backward);
    assert_null(adi_op_globalavgpool2d.backward);
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Biases that put every channel's kink where no value is near: into the widest gap of the middle half. */
static void away_from_kinks(op_train *t)
{
    const int64_t c = t->call.in.c, p = t->counts[0] / c;
    float *y = guarded_floats(t->outputs);
    double *z = guarded_doubles(p);
    run_forward(t, y); /* for the statistics */
    for (int64_t j = 0; j < c; j++) {
        for (int64_t i = 0; i < p; i++)
            z[i] = t->values[2][j] * (t->values[0][i * c + j] - t->mean[j]) / sqrt(t->var[j] + t->call.attrs.eps);
        qsort(z, (size_t)p, sizeof *z, compare_doubles);
        int64_t widest = p / 4;
        for (int64_t i = p / 4; i < p - p / 4; i++)
            if (z[i + 1] - z[i] > z[widest + 1] - z[widest])
                widest = i;
        assert_true(z[widest + 1] - z[widest] > 0.08); /* steps are of 1/64 at most, times 1 + |z| */
        t->values[3][j] = (float)(-0.5 * (z[widest] + z[widest + 1]));
    }
    guarded_free(y, "y");
    guarded_free(z, "z");
}

static void normalisations(void **state)
{
    (void)state;
    const adi_shape in = {3, 4, 5, 6};
    op_train t = op_train_new(&adi_op_l2norm, (adi_attrs){0}, in, (adi_shape){0}, ADI_ACT_NONE);
    check_all(&t, 1e-3);
    t = op_train_new(&adi_op_batchnorm, (adi_attrs){.eps = 0.5}, in, (adi_shape){0}, ADI_ACT_NONE);
    check_all(&t, 1e-3);
    t = op_train_new(&adi_op_batchnorm, (adi_attrs){.eps = 1e-5}, in, (adi_shape){0}, ADI_ACT_RELU);
    away_from_kinks(&t);
    check_all(&t, 1e-3);
}

/* With statistics given they are used and left alone; without, they are the batch's. */
static void batchnorm_statistics(void **state)
{
    (void)state;
    enum { P = 60, C = 6 };
    op_train t = op_train_new(&adi_op_batchnorm, (adi_attrs){.eps = 0.25}, (adi_shape){3, 4, 5, C},
                              (adi_shape){0}, ADI_ACT_NONE);
    const adi_exec ex = {1, t.train_scratch};
    adi_op_grad g = {.mean = t.mean, .var = t.var};
    float *y = guarded_floats(P * C);
    for (int given = 1; given >= 0; given--) {
        double mean[C], var[C];
        for (int c = 0; c < C; c++) {
            mean[c] = t.mean[c] = 0.3 * c;
            var[c] = t.var[c] = 0.5 + c;
        }
        assert_int_equal(adi_op_batchnorm.train_forward(kernels(), &ex, &t.call, &g, given, y, t.values[0]),
                         AD_OK);
        for (int c = 0; c < C; c++) {
            if (!given) {
                mean[c] = var[c] = 0.0;
                for (int p = 0; p < P; p++)
                    mean[c] += t.values[0][p * C + c] / (double)P;
                for (int p = 0; p < P; p++)
                    var[c] += pow(t.values[0][p * C + c] - mean[c], 2) / P;
            }
            assert_true(fabs(t.mean[c] - mean[c]) <= 1e-12 * 60 && fabs(t.var[c] - var[c]) <= 1e-12 * var[c]);
            for (int p = 0; p < P; p++) {
                const double want = (t.values[0][p * C + c] - mean[c]) / sqrt(var[c] + 0.25) * t.values[2][c] +
                                    t.values[3][c];
                assert_true(fabs(y[p * C + c] - want) <= 1e-5 * (1.0 + fabs(want)));
            }
        }
    }
    guarded_free(y, "y");
    op_train_free(&t);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(copies),
        cmocka_unit_test(activations_and_pooling),
        cmocka_unit_test(normalisations),
        cmocka_unit_test(batchnorm_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
