/* The descriptors of lib/ops in training: that every gradient is the one of what forward computes, along a
 * random direction; that backward reads what it says it keeps and no more; and writes what is wanted and no
 * more. On ref: that other backends' kernels give the same is for tests/ops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "op_train_case.h"

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
    const adi_exec ex = {1, t.train_scratch, NULL};
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
