/* mean over positions, and the gradient of a bias, their sum: ref and cpu against long double
 * sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* Relative to the mean size of the terms: a double sum of at most 50176 terms, one after another;
 * the worst case is p * 2^-53, 6e-12, and rounding that goes both ways stays near its square root.
 */
static const double limit = 1e-13;

static void check(adi_pc d, double scale, double offset)
{
    float *x = guarded_floats(d.p * d.c);
    for (int64_t i = 0; i < d.p * d.c; i++)
        x[i] = (float)(offset + scale * op_signed());
    double *first = NULL;
    for (int b = 0; b < 2; b++)
        for (int t = 0; t < OP_THREADS; t++) {
            double *mean = guarded_doubles(d.c);
            const adi_exec ex = {op_threads[t], NULL, NULL};
            const adi_kernels *k = (b ? &adi_backend_cpu : &adi_backend_ref)->kernels;
            assert_int_equal(k->mean_fwd(&ex, mean, x, d), AD_OK);
            for (int64_t c = 0; c < d.c; c++) {
                long double sum = 0.0L, size = 0.0L;
                for (int64_t p = 0; p < d.p && t == 0; p++) {
                    sum += x[p * d.c + c];
                    size += fabsl(x[p * d.c + c]);
                }
                if (t == 0)
                    assert_true(fabsl(mean[c] - sum / (long double)d.p) <=
                                limit * size / (long double)d.p);
            }
            if (t == 0) {
                guarded_free(first, "mean");
                first = mean;
            } else {
                op_same_bits("mean", mean, first, (size_t)d.c * sizeof *mean);
                guarded_free(mean, "mean");
            }
        }
    guarded_free(first, "mean");
    guarded_free(x, "input");
}

static void shapes(void **state)
{
    (void)state;
    static const adi_pc sizes[] = {{1, 1},    {1, 257}, {2, 3},     {7, 17},   {49, 512},
                                   {196, 67}, {783, 5}, {3136, 64}, {50176, 3}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check(sizes[i], 1.0, 0.0);
        check(sizes[i], 1.0, 1e6);
        check(sizes[i], 1e30, 0.0);
    }
}

/* One NaN makes its channel NaN and no other. */
static void nan_survives(void **state)
{
    (void)state;
    const adi_pc d = {37, 11};
    float *x = op_floats(d.p * d.c, 1.0);
    x[20 * d.c + 4] = NAN;
    for (int b = 0; b < 2; b++) {
        double *mean = guarded_doubles(d.c);
        const adi_exec ex = {3, NULL, NULL};
        assert_int_equal(
            (b ? &adi_backend_cpu : &adi_backend_ref)->kernels->mean_fwd(&ex, mean, x, d), AD_OK);
        for (int64_t c = 0; c < d.c; c++)
            assert_int_equal(!!isnan(mean[c]), c == 4);
        guarded_free(mean, "mean");
    }
    guarded_free(x, "input");
}

typedef struct bias_case {
    adi_pc d;
    float *dy; /* guarded */
} bias_case;

static float *run_bias(const void *of, const adi_backend *be, int32_t threads)
{
    const bias_case *c = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *db = guarded_floats(c->d.c);
    assert_int_equal(be->kernels->bias_bwd(&ex, db, c->dy, c->d), AD_OK);
    return db;
}

/* One NaN stays in its channel. A sum in double rounds once, to 2^-24 of the sum; cpu's may be in
 * blocks of float, relative to the size of the terms. */
static void bias(void **state)
{
    (void)state;
    const double near_ref = 6.1e-8, near_cpu = 3e-7;
    for (int64_t i = 0; i < 76; i++) {
        static const adi_pc sizes[] = {{1, 1},    {1, 257}, {2, 3},     {49, 512},
                                       {196, 67}, {783, 5}, {3136, 64}, {20000, 3}};
        bias_case c = {i < 8 ? sizes[i] : (adi_pc){op_int(1, 70), i - 7}, NULL};
        c.dy = op_floats(c.d.p * c.d.c, 1.0);
        if (i % 2)
            c.dy[op_int(0, c.d.p * c.d.c - 1)] = NAN;
        float *want = guarded_floats(c.d.c), *unit = guarded_floats(c.d.c);
        for (int64_t ch = 0; ch < c.d.c; ch++) {
            long double sum = 0.0L, size = 0.0L;
            for (int64_t p = 0; p < c.d.p; p++) {
                sum += c.dy[p * c.d.c + ch];
                size += fabsl(c.dy[p * c.d.c + ch]);
            }
            want[ch] = (float)sum;
            unit[ch] = (float)size;
        }
        float *ref = gradient_backends("bias_bwd", run_bias, &c, unit, c.d.c, near_cpu);
        op_close("bias_bwd, ref", ref, want, unit, c.d.c, near_ref);
        float *const all[] = {c.dy, want, unit, ref};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            guarded_free(all[j], "bias_bwd");
    }
    op_report("bias_bwd", near_cpu);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(nan_survives),
        cmocka_unit_test(bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
