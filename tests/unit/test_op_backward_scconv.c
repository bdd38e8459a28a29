/* As test_op_backward.c, of the ops of masked reverse distillation: the units of SCConv, SimAM, random masks, grouped
 * convolutions. On ref: that other backends' kernels give the same is for tests/ops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mix64.h"
#include "op_train_case.h"

/* Of the gradient's terms: what curvature leaves over a step of 1/128, of a quotient more. */
static const double smooth = 1e-4, quotient = 1e-3;

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of values[0], group-normalised over each image, times weight, at position i of channel c. */
static double scaled(const op_train *t, int64_t c, int64_t i)
{
    const adi_shape *in = &t->call.in;
    const int64_t p = in->h * in->w, width = in->c / t->call.attrs.groups, count = p * width;
    const float *x = t->values[0] + i / p * p * in->c + c / width * width;
    double mean = 0.0, var = 0.0;
    for (int64_t j = 0; j < count; j++)
        mean += x[j / width * in->c + j % width] / (double)count;
    for (int64_t j = 0; j < count; j++)
        var += pow(x[j / width * in->c + j % width] - mean, 2) / (double)count;
    return t->values[2][c] * (x[i % p * in->c + c % width] - mean) / sqrt(var + t->call.attrs.eps);
}

/* Weights of both signs, whose sum is not near 0, and biases that leave every gate where it is: in the widest
 * gap of the middle half of what they are added to. */
static op_train sru_new(const adi_op *op, adi_shape in, int32_t groups)
{
    op_train t = op_train_new(op, (adi_attrs){.groups = groups, .eps = 1e-5}, in, (adi_shape){0}, ADI_ACT_NONE);
    const int64_t n = in.n * in.h * in.w;
    double *z = guarded_doubles(n), sum = 0.0;
    for (int64_t c = 0; c < in.c; c++) {
        t.values[2][c] = (float)((0.8 + 0.1 * op_signed()) * (c % 3 == 1 ? -1.0 : 1.0));
        sum += t.values[2][c];
        for (int64_t i = 0; i < n; i++)
            z[i] = scaled(&t, c, i);
        qsort(z, (size_t)n, sizeof *z, compare_doubles);
        int64_t widest = n / 4;
        for (int64_t i = n / 4; i + 1 < n - n / 4; i++)
            if (z[i + 1] - z[i] > z[widest + 1] - z[widest])
                widest = i;
        assert_true(z[widest + 1] - z[widest] > 0.05); /* steps are of 1/128 at most, times 1 + |z| */
        t.values[3][c] = (float)(-0.5 * (z[widest] + z[widest + 1]));
    }
    assert_true(sum >= 0.79); /* (5 - 3) 0.8 - 8 0.1 of 8 channels, and more of more */
    guarded_free(z, "z");
    return t;
}

static void gates(void **state)
{
    (void)state;
    static const struct {
        adi_shape in;
        int32_t groups;
    } cases[] = {{{2, 3, 4, 8}, 4}, {{3, 4, 2, 12}, 3}, {{2, 5, 3, 10}, 1}, {{1, 7, 3, 8}, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_train t = sru_new(&adi_op_sru, cases[i].in, cases[i].groups);
        assert_true(!has_gradient(&t, 2) && !has_gradient(&t, 3));
        check_all(&t, LINEAR);
        t = sru_new(&adi_op_sru_soft, cases[i].in, cases[i].groups);
        assert_true(has_gradient(&t, 2) && has_gradient(&t, 3));
        check_all(&t, quotient);
    }
}

/* PyTorch 1.13 in float64: 1 x 4 x 3 x 1, 2 groups, eps 0.1, dy = x. The hard gate as [r > 0.5]. */
static void gates_of_pytorch(void **state)
{
    (void)state;
    static const float weight[] = {1.0f, -0.5f, 2.0f, 0.25f}, bias[] = {0.25f, 0.0f, -0.5f, 1.0f};
    static const float want_y[2][12] = {
        {0.25f, 1.25f, -1.25f, -0.75f, 0.25f, 0.0f, 1.75f, 0.0f, 1.5f, 0.75f, 0.0f, -1.25f},
        {-0.37551078f, 1.25f, -0.37551078f, -0.75f, 0.25f, -0.35827951f, 1.75f, 0.39172049f, 1.6741876f, 0.75f,
         -0.075812395f, -1.25f}};
    static const float want_dx[2][12] = {
        {0.25f, 1.25f, -1.25f, -0.75f, 0.25f, 0.75f, 1.75f, 0.75f, 1.75f, 0.75f, 1.75f, -1.25f},
        {-0.34572928f, 1.2531394f, -0.52255486f, -0.7139607f, 0.23183625f, -0.039466917f, 1.7772846f, 0.78078649f,
         1.763791f, 0.74248783f, 0.37786313f, -1.2122098f}};
    static const float want_dweight[] = {-0.26440071f, 0.019849688f, 0.068100612f, 0.019849688f};
    static const float want_dbias[] = {0.10852347f, 0.0f, -0.1028888f, 0.0f};
    const double digits = 2e-7; /* theirs are 8, ours a float's: of values up to 2 */
    float x[12], y[12], dx[12], dweight[4], dbias[4];
    for (int i = 0; i < 12; i++)
        x[i] = (float)((5 * (i % 4) + 3 * (i / 4)) % 7) / 2.0f - 1.25f;
    for (int i = 0; i < 4; i++) {
        const adi_op *op = i % 2 ? &adi_op_sru_soft : &adi_op_sru;
        const adi_kernels *k = (i / 2 ? &adi_backend_cpu : &adi_backend_ref)->kernels;
        const adi_op_call call = {.attrs = {.groups = 2, .eps = 0.1}, .in = {1, 3, 1, 4}, .out = {1, 3, 1, 4},
                                  .weight = weight, .bias = bias};
        const adi_exec ex = {2, guarded_alloc(op->scratch(k, &call, 2)), NULL};
        const adi_op_grad g = {.x = {x}, .dy = x, .dx = {dx}, .dweight = i % 2 ? dweight : NULL,
                               .dbias = i % 2 ? dbias : NULL};
        assert_int_equal(op->forward(k, &ex, &call, y, x, NULL), AD_OK);
        assert_int_equal(op->backward(k, &ex, &call, &g), AD_OK);
        op_close("y", y, want_y[i % 2], NULL, 12, digits);
        op_close("dx", dx, want_dx[i % 2], NULL, 12, digits);
        if (i % 2) {
            op_close("dweight", dweight, want_dweight, NULL, 4, digits);
            op_close("dbias", dbias, want_dbias, NULL, 4, digits);
        }
        guarded_free(ex.scratch, "scratch");
    }
}

static void fusing_and_attention(void **state)
{
    (void)state;
    static const adi_shape shapes[] = {{2, 3, 4, 5}, {3, 1, 1, 4}, {1, 5, 3, 1}};
    for (int i = 0; i < 3; i++) {
        for (int32_t joint = 0; joint < 2; joint++) {
            const adi_attrs attrs = {.joint = joint};
            op_train t = op_train_new(&adi_op_softfuse, attrs, shapes[i], shapes[i], ADI_ACT_NONE);
            check_all(&t, smooth);
        }
        op_train t = op_train_new(&adi_op_simam, (adi_attrs){.lambda = 1e-4}, shapes[i], (adi_shape){0}, ADI_ACT_NONE);
        check_all(&t, smooth);
        t = op_train_new(&adi_op_simam, (adi_attrs){.lambda = 2.0}, shapes[i], (adi_shape){0}, ADI_ACT_NONE);
        check_all(&t, smooth);
    }
    const adi_attrs none = {0};
    adi_shape out, higher[] = {{2, 3, 4, 5}, {2, 4, 4, 5}}, wider[] = {{2, 3, 4, 5}, {2, 3, 6, 5}};
    assert_int_equal(adi_op_softfuse.shape("t", &none, higher, &out), AD_ERR_SHAPE);
    assert_string_equal(ad_last_error_message(), "softfuse 't': inputs are 4x3 and 4x4");
    assert_int_equal(adi_op_softfuse.shape("t", &none, wider, &out), AD_ERR_SHAPE);
    assert_string_equal(ad_last_error_message(), "softfuse 't': inputs are 4x3 and 6x3");
}

static void grouped_convolutions(void **state)
{
    (void)state;
    static const struct {
        adi_attrs attrs;
        adi_shape in;
    } cases[] = {
        {{.out = 6, .groups = 2, .kernel = 3, .stride = 1, .pad = 1, .pad_after = 1}, {2, 6, 5, 4}},
        {{.out = 4, .groups = 4, .kernel = 3, .stride = 2, .pad = 1, .pad_after = 1}, {2, 7, 8, 4}},
        {{.out = 9, .groups = 3, .kernel = 1, .stride = 2}, {3, 5, 6, 6}},
        {{.out = 5, .groups = 1, .kernel = 2, .stride = 1}, {1, 4, 3, 3}},
        {{.out = 4, .groups = 2, .kernel = 4, .stride = 3, .pad = ADI_PAD_SAME, .pad_after = ADI_PAD_SAME},
         {2, 8, 7, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_train t = op_train_new(&adi_op_gconv2d, cases[i].attrs, cases[i].in, (adi_shape){0}, ADI_ACT_NONE);
        check_all(&t, LINEAR);
    }
}

/* Zeros of a result whose input has none, a whole position each, or fails. */
static void read_mask(const op_train *t, const float *y, char *zero)
{
    const int64_t c = t->call.in.c;
    for (int64_t i = 0; i < t->outputs; i++) {
        if (i % c == 0)
            zero[i / c] = y[i] == 0.0f;
        assert_true(y[i] == (zero[i / c] ? 0.0f : t->values[0][i]));
    }
}

/* The mask of a draw, which every image has its own part of, is the same each time, backward's too, and another for
 * another draw or seed; outside of training there is none, or with eval=1 that of draw 0. */
static void random_masks(void **state)
{
    (void)state;
    enum { IMAGES = 3, P = 12 * 10, ALL = IMAGES * P, C = 3 };
    const adi_shape in = {IMAGES, 12, 10, C};
    char first[ALL], other[ALL];
    for (int32_t eval = 0; eval < 2; eval++) {
        const adi_attrs attrs = {.rate = 0.4, .seed = 7, .eval = eval};
        op_train t = op_train_new(&adi_op_randmask2d, attrs, in, (adi_shape){0}, ADI_ACT_NONE);
        const adi_exec ex = {1, NULL, NULL};
        const adi_op_grad none = {0};
        float *y = guarded_floats(t.outputs), *dx[4];
        t.call.draw = 0x123456789ABCDEF0u;
        run_forward(&t, y);
        read_mask(&t, y, first);
        assert_true(memcmp(first, first + P, P) != 0);
        run_backward(&t, 1, NULL, dx);
        for (int64_t i = 0; i < t.outputs; i++)
            assert_true(dx[0][i] == (first[i / C] ? 0.0f : t.v[i]));
        free_gradients(dx);
        for (int change = 0; change < 3; change++) { /* nothing, the draw, the seed */
            const adi_op_call was = t.call;
            t.call.draw += change == 1;
            t.call.attrs.seed += change == 2;
            run_forward(&t, y);
            read_mask(&t, y, other);
            int64_t apart = 0;
            for (int i = 0; i < ALL; i++)
                apart += first[i] != other[i];
            /* of 360 positions 0.48 by chance, 173 +- 9.5 */
            assert_true(change ? apart > 125 && apart < 221 : apart == 0);
            t.call = was;
        }
        /* Left alone, in place, too; or masked, whatever the draw was, as by 0. */
        assert_int_equal(t.op->train_forward(kernels(), &ex, &t.call, &none, 1, y, t.values[0]), AD_OK);
        read_mask(&t, y, first);
        for (int in_place = 0; in_place < 2; in_place++) {
            float *again = in_place ? op_copy(t.values[0], t.outputs) : guarded_floats(t.outputs);
            const float *from = in_place ? again : t.values[0];
            assert_int_equal(t.op->forward(kernels(), &ex, &t.call, again, from, NULL), AD_OK);
            op_same_bits("outside of training", again, y, (size_t)t.outputs * sizeof *y);
            guarded_free(again, "again");
        }
        t.call.draw = 0;
        run_forward(&t, y);
        read_mask(&t, y, other);
        int64_t zeros = 0;
        for (int i = 0; i < ALL; i++)
            zeros += first[i];
        assert_true(eval ? memcmp(first, other, ALL) == 0 && zeros > 0 : zeros == 0);
        check_all(&t, LINEAR);
        guarded_free(y, "y");
    }
}

/* What other programs draw the same masks from. */
static void keys(void **state)
{
    (void)state;
    const adi_shape in = {1, 20, 20, 1};
    const adi_attrs attrs = {.rate = 0.5, .seed = 5};
    op_train t = op_train_new(&adi_op_randmask2d, attrs, in, (adi_shape){0}, ADI_ACT_NONE);
    float *y = guarded_floats(t.outputs), *want = guarded_floats(t.outputs);
    const adi_exec ex = {1, NULL, NULL};
    t.call.draw = 9;
    run_forward(&t, y);
    assert_int_equal(kernels()->mask2d(&ex, want, t.values[0], adi_mix64(14), 0.5, (adi_pc){400, 1}), AD_OK);
    op_same_bits("key", y, want, 400 * sizeof *y);
    guarded_free(y, "y");
    guarded_free(want, "want");
    op_train_free(&t);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gates),
        cmocka_unit_test(gates_of_pytorch),
        cmocka_unit_test(fusing_and_attention),
        cmocka_unit_test(grouped_convolutions),
        cmocka_unit_test(random_masks),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
