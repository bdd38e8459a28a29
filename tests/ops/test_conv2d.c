/* conv2d: ref against the definition, cpu against ref, on shapes that a tile, a vector or an
 * unfolded row does not divide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conv_case.h"

/* In units of the sum of the terms' sizes. ref sums in double and rounds once (2^-24 = 6e-8); cpu
 * sums in float, whose error grows with the square root of the number of terms (at most 7 * 7 *
 * 257) and is far smaller with OpenBLAS's blocked sums. */
static const double ref_limit = 1.2e-7, cpu_limit = 2e-6;

static void fixed_shapes(void **state)
{
    (void)state;
    /* n h w c, oh ow k, kh kw, stride, pad top left */
    static const adi_conv2d_dims shapes[] = {
        {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, /* the smallest */
        {1, 1, 1, 3, 1, 1, 5, 3, 3, 1, 1, 1}, /* all but the centre outside */
        {1, 1, 1, 2, 1, 1, 2, 7, 7, 2, 3, 3},
        {2, 9, 11, 3, 5, 6, 64, 7, 7, 2, 3, 3}, /* a ResNet's stem */
        {1, 7, 5, 64, 7, 5, 67, 1, 1, 1, 0, 0}, /* in place: the input is its own unfolding */
        {3, 7, 5, 257, 7, 5, 3, 1, 1, 1, 0, 0},
        {2, 7, 5, 17, 4, 3, 31, 1, 1, 2, 0, 0}, /* 1x1 with a stride: not in place */
        {1, 7, 5, 17, 8, 6, 31, 1, 1, 1, 1, 1}, /* 1x1 with padding before */
        {1, 7, 5, 17, 8, 6, 31, 1, 1, 1, 0, 0}, /* and after only */
        {1, 5, 5, 4, 3, 3, 8, 3, 3, 2, 0, 0},   /* SAME at odd size: padding after only */
        {1, 6, 6, 4, 3, 3, 8, 3, 3, 2, 0, 0},
        {1, 2, 3, 8, 3, 4, 8, 3, 5, 1, 1, 2}, /* window wider than the image */
        {1, 3, 2, 5, 2, 2, 7, 5, 3, 3, 2, 1},
        {1, 4, 4, 3, 3, 3, 4, 1, 1, 3, 0, 0},       /* the last windows lie outside altogether */
        {1, 4, 4, 3, 4, 4, 4, 3, 3, 3, 3, 3},       /* and the first ones too */
        {1, 14, 14, 96, 14, 14, 97, 3, 3, 1, 1, 1}, /* several tiles in both directions */
        {1, 3, 3, 128, 3, 3, 257, 3, 3, 1, 1, 1},   /* few positions: channels are tiled */
        {1, 25, 23, 16, 25, 23, 33, 1, 1, 1, 0, 0},
        {5, 13, 13, 8, 13, 13, 70, 3, 3, 1, 1, 1}, /* tiles that begin inside an image */
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        conv_case c = conv_case_new(&shapes[i], 0);
        conv_case_check_all_epilogues(&c, ref_limit, cpu_limit);
        conv_case_free(&c);
    }
    op_report("conv2d, fixed", cpu_limit);
}

static void random_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++) {
        const adi_conv2d_dims d = conv_case_random(0, i % 40 == 0 ? 6000000 : 150000);
        conv_case c = conv_case_new(&d, 0);
        conv_case_set(&c, (int)op_int(0, 1), (int)op_int(0, 1), (adi_act)op_int(0, OP_ACTS - 1));
        conv_case_check(&c, ref_limit, cpu_limit);
        conv_case_free(&c);
    }
    op_report("conv2d, random", cpu_limit);
}

/* Every shape class: in place, unfolded, channel tiles. */
static void nan_survives(void **state)
{
    (void)state;
    static const adi_conv2d_dims shapes[] = {
        {1, 7, 5, 19, 7, 5, 21, 1, 1, 1, 0, 0},
        {2, 9, 9, 5, 9, 9, 17, 3, 3, 1, 1, 1},
        {1, 3, 3, 33, 3, 3, 150, 3, 3, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        conv_case c = conv_case_new(&shapes[i], 0);
        conv_case_check_nan(&c, cpu_limit);
        conv_case_free(&c);
    }
}

/* A weight of zero does not hide an infinity: 0 * inf is NaN on both. */
static void infinity_times_zero(void **state)
{
    (void)state;
    const adi_conv2d_dims d = {1, 4, 4, 3, 4, 4, 5, 3, 3, 1, 1, 1};
    conv_case c = conv_case_new(&d, 0);
    memset(c.w, 0, (size_t)c.weights * sizeof *c.w);
    c.x[20] = INFINITY;
    conv_case_check(&c, ref_limit, cpu_limit);
    conv_case_free(&c);
}

/* Results that are exact in float must be exact: small whole numbers. */
static void whole_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        const adi_conv2d_dims d = conv_case_random(0, 150000);
        conv_case c = conv_case_new(&d, 0);
        for (int64_t j = 0; j < c.inputs; j++)
            c.x[j] = (float)op_int(-8, 8);
        for (int64_t j = 0; j < c.weights; j++)
            c.w[j] = (float)op_int(-8, 8);
        for (int64_t j = 0; j < d.k; j++)
            c.bias[j] = (float)op_int(-8, 8);
        for (int64_t j = 0; j < c.outputs; j++)
            c.residual[j] = (float)op_int(-8, 8);
        conv_case_set(&c, 1, 1, (adi_act)(i % 3));
        conv_case_check(&c, 0.0, 0.0);
        conv_case_free(&c);
    }
}

/* What the scratch size promises: more threads never need less, and it does not move with the data.
 */
static void scratch_grows_with_threads(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        const adi_conv2d_dims d = conv_case_random(0, 6000000);
        size_t last = 0;
        for (int32_t t = 1; t <= 16; t++) {
            const size_t bytes = adi_backend_cpu.kernels->conv2d_scratch(&d, t);
            assert_true(bytes >= last && bytes % 64 == 0);
            last = bytes;
        }
    }
}

/* A kernel puts the caller's OpenMP setting back. */
static void leaves_the_setting(void **state)
{
    (void)state;
    const int32_t before = adi_backend_cpu.max_threads();
    const adi_conv2d_dims d = {1, 9, 9, 8, 9, 9, 16, 3, 3, 1, 1, 1};
    conv_case c = conv_case_new(&d, 0);
    for (int t = 0; t < OP_THREADS; t++) {
        guarded_free(conv_case_run(&c, &adi_backend_cpu, op_threads[t]), c.name);
        assert_int_equal(adi_backend_cpu.max_threads(), before);
    }
    conv_case_free(&c);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_shapes),       cmocka_unit_test(random_shapes),
        cmocka_unit_test(nan_survives),       cmocka_unit_test(infinity_times_zero),
        cmocka_unit_test(whole_numbers),      cmocka_unit_test(scratch_grows_with_threads),
        cmocka_unit_test(leaves_the_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
