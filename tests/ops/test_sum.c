/* Sums, of squares, of squared errors and of products, against long double; scaled_difference
 * against its formula. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* Relative to the sum of the terms' sizes: of n terms one after another, at most n 2^-53, 3e-11 for
 * the longest here; rounding that goes both ways leaves a hundredth of that. */
static const double limit = 1e-12;

enum kind { SUM, SQUARES, ERRORS, PRODUCTS };

static double call(enum kind kind, const adi_backend *be, int32_t threads, const float *a,
                   const float *b, int64_t n)
{
    void *scratch = guarded_alloc(be->kernels->sum_scratch(n, threads));
    const adi_exec ex = {threads, scratch, NULL};
    double *out = guarded_doubles(1);
    const ad_status status = kind == SUM       ? be->kernels->sum(&ex, out, a, n)
                             : kind == SQUARES ? be->kernels->sum_squares(&ex, out, a, n)
                             : kind == ERRORS  ? be->kernels->sum_squared_error(&ex, out, a, b, n)
                                               : be->kernels->sum_products(&ex, out, a, b, n);
    assert_int_equal(status, AD_OK);
    const double sum = out[0];
    guarded_free(out, "sum");
    guarded_free(scratch, "scratch");
    return sum;
}

static const int64_t sizes[] = {0,  1,  2,   3,    7,    15,   16,    17,    63,
                                64, 65, 255, 1000, 4095, 4097, 65537, 300007};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void check(int64_t n, double scale, double offset)
{
    float *a = op_floats(n, scale), *b = op_floats(n, scale);
    for (int64_t i = 0; i < n; i++) {
        a[i] += (float)offset;
        b[i] += (float)offset;
    }
    for (int kind = SUM; kind <= PRODUCTS; kind++) {
        long double want = 0.0L, size = 0.0L;
        for (int64_t i = 0; i < n; i++) {
            const long double e = (long double)a[i] - b[i];
            const long double term = kind == SUM       ? a[i]
                                     : kind == SQUARES ? (long double)a[i] * a[i]
                                     : kind == ERRORS  ? e * e
                                                       : (long double)a[i] * b[i];
            want += term;
            size += fabsl(term);
        }
        const double ref = call((enum kind)kind, &adi_backend_ref, 1, a, b, n);
        const double first = call((enum kind)kind, &adi_backend_cpu, 1, a, b, n);
        assert_true(fabsl(ref - want) <= limit * size);
        assert_true(fabsl(first - want) <= limit * size);
        for (int t = 1; t < 4; t++) {
            const double again =
                call((enum kind)kind, &adi_backend_cpu, gradient_threads[t], a, b, n);
            op_same_bits("sum", &again, &first, sizeof first);
        }
    }
    guarded_free(a, "a");
    guarded_free(b, "b");
}

static void sums(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++) {
        check(sizes[i], 1.0, 0.0);
        check(sizes[i], 1.0, 1e4); /* the difference of what is nearly equal */
        check(sizes[i], 1e30, 0.0);
        check(sizes[i], 1e-30, 0.0);
    }
}

/* One after another, in the same bits everywhere; NULL is zeros. */
static void weighted(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++) {
        const int64_t n = sizes[i] < 5000 ? sizes[i] : 5000;
        float *w = op_floats(n, 1.0), *x = op_floats(n, 3.0), *minus = op_floats(n, 2.0);
        for (int form = 0; form < 2; form++) {
            double want = 0.0, size = 0.0;
            for (int64_t j = 0; j < n; j++)
                size += fabs(form ? w[j] * (0.5 * x[j] - minus[j]) : (double)w[j] * x[j]);
            for (int64_t j = 0; j < n; j++)
                want += form ? w[j] * (0.5 * x[j] - minus[j]) : (double)w[j] * x[j];
            for (int b = 0; b < 2; b++) {
                const adi_kernels *k = (b ? &adi_backend_cpu : &adi_backend_ref)->kernels;
                const adi_exec ex = {1 + 2 * b, NULL, NULL};
                double *out = guarded_doubles(1);
                assert_int_equal(
                    k->weighted_sum(&ex, out, w, x, form ? minus : NULL, form ? 0.5 : 1.0, n),
                    AD_OK);
#ifdef ADFEAT_ON_DEVICE /* there in another order, that of a block's threads */
                if (b) {
                    assert_true(fabs(out[0] - want) <= limit * size);
                    guarded_free(out, "weighted_sum");
                    continue;
                }
#endif
                op_same_bits("weighted_sum", out, &want, sizeof want);
                guarded_free(out, "weighted_sum");
            }
        }
        guarded_free(w, "w");
        guarded_free(x, "x");
        guarded_free(minus, "minus");
    }
}

/* Whole numbers add up exactly, in whatever order. */
static void whole_numbers(void **state)
{
    (void)state;
    float *x = guarded_floats(100003), *minus = guarded_floats(100003);
    for (int64_t i = 0; i < 100003; i++) {
        x[i] = (float)(i % 1000);
        minus[i] = 2.0f - x[i];
    }
    for (int b = 0; b < 2; b++) { /* 100 times 0 .. 999, then 0, 1, 2 */
        const adi_backend *be = b ? &adi_backend_cpu : &adi_backend_ref;
        assert_true(call(SUM, be, 3, x, NULL, 100003) == 100.0 * 499500.0 + 3.0);
        assert_true(call(SQUARES, be, 3, x, NULL, 100003) == 100.0 * 332833500.0 + 5.0);
        assert_true(call(ERRORS, be, 3, x, x, 100003) == 0.0);
        assert_true(call(PRODUCTS, be, 3, x, minus, 100003) ==
                    100.0 * (999000.0 - 332833500.0) + 1.0);
    }
    guarded_free(x, "x");
    guarded_free(minus, "minus");
}

static void nan_survives(void **state)
{
    (void)state;
    for (int i = 1; i < SIZES; i++)
        for (int b = 0; b < 2; b++)
            for (int kind = SUM; kind <= PRODUCTS; kind++)
                for (int in_b = 0; in_b < (kind >= ERRORS ? 2 : 1); in_b++) {
                    float *x = op_floats(sizes[i], 1.0), *y = op_floats(sizes[i], 1.0);
                    (in_b ? y : x)[op_int(0, sizes[i] - 1)] = NAN;
                    const adi_backend *be = b ? &adi_backend_cpu : &adi_backend_ref;
                    assert_true(isnan(call((enum kind)kind, be, 3, x, y, sizes[i])));
                    (in_b ? y : x)[0] = INFINITY;
                    assert_false(isfinite(call((enum kind)kind, be, 3, x, y, sizes[i])));
                    guarded_free(x, "x");
                    guarded_free(y, "y");
                }
}

typedef struct difference_case {
    float *y, *a, *b; /* guarded */
    float alpha;
    int32_t accumulate;
    int64_t n;
} difference_case;

static float *run_difference(const void *of, const adi_backend *be, int32_t threads)
{
    const difference_case *c = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *y = op_copy(c->y, c->n);
    assert_int_equal(
        be->kernels->scaled_difference(&ex, y, c->a, c->b, c->alpha, c->accumulate, c->n), AD_OK);
    return y;
}

/* What is not added to is not read: it is NaN there. */
static void difference(void **state)
{
    (void)state;
    /* of the terms' sizes: one rounding, and it and three */
    const double near_ref = 6.1e-8, near_cpu = 2.5e-7;
    for (int i = 0; i < 2 * SIZES; i++) {
        difference_case c = {
            .n = sizes[i / 2], .accumulate = i % 2, .alpha = (float)(3.0 * op_signed())};
        c.a = op_floats(c.n, 2.0);
        c.b = op_floats(c.n, 2.0);
        c.y = c.accumulate ? op_floats(c.n, 2.0) : guarded_floats(c.n);
        if (c.n > 2)
            c.b[c.n / 2] = NAN;
        float *want = guarded_floats(c.n), *unit = guarded_floats(c.n);
        for (int64_t j = 0; j < c.n; j++) {
            const double y = c.accumulate ? c.y[j] : 0.0, e = (double)c.a[j] - c.b[j];
            want[j] = (float)(y + c.alpha * e);
            unit[j] = (float)(fabs(y) + fabs(c.alpha * e));
        }
        float *ref =
            gradient_backends("scaled_difference", run_difference, &c, unit, c.n, near_cpu);
        op_close("scaled_difference, ref", ref, want, unit, c.n, near_ref);
        float *const all[] = {c.a, c.b, c.y, want, unit, ref};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            guarded_free(all[j], "scaled_difference");
    }
    op_report("scaled_difference", near_cpu);
}

/* It is the gradient of sum_squared_error. */
typedef struct error_case {
    const double *a;
    const float *b;
    int64_t n;
} error_case;

static double loss(const void *of)
{
    const error_case *c = of;
    double sum = 0.0;
    for (int64_t i = 0; i < c->n; i++)
        sum += (c->a[i] - c->b[i]) * (c->a[i] - c->b[i]) / (double)c->n;
    return sum;
}

static void gradient_of_error(void **state)
{
    (void)state;
    for (int64_t n = 1; n < 70; n += 4) {
        float *a = op_floats(n, 1.0), *b = op_floats(n, 1.0), *y = guarded_floats(n);
        double *moved = gradient_doubles(a, n);
        const error_case c = {moved, b, n};
        for (int be = 0; be < 2; be++) {
            const difference_case d = {y, a, b, (float)(2.0 / (double)n), 0, n};
            float *got = run_difference(&d, be ? &adi_backend_cpu : &adi_backend_ref, 2);
            gradient_check("squared error", loss, &c, moved, got, NULL, n, 1e-3, 4e-7);
            guarded_free(got, "squared error");
        }
        void *const all[] = {a, b, y, moved};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            guarded_free(all[i], "squared error");
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),
        cmocka_unit_test(weighted),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(nan_survives),
        cmocka_unit_test(difference),
        cmocka_unit_test(gradient_of_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
