/* zero, widen and narrow: every bit, and nothing else written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

static const int64_t sizes[] = {0, 1, 2, 3, 7, 8, 15, 17, 63, 64, 65, 1000, 8193, 40003};
enum { SIZES = sizeof sizes / sizeof *sizes };
static const adi_backend *const backends[] = {&adi_backend_ref, &adi_backend_cpu};

static void zeros(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * SIZES; i++) {
        const int64_t n = sizes[i / 2];
        const adi_exec ex = {gradient_threads[i % 4], NULL, NULL};
        float *y = op_floats(n, 1.0), *want = guarded_floats(n);
        memset(want, 0, (size_t)n * sizeof *want);
        if (n)
            y[n / 2] = NAN;
        assert_int_equal(backends[i % 2]->kernels->zero(&ex, y, n), AD_OK);
        op_same_bits("zero", y, want, (size_t)n * sizeof *y);
        guarded_free(y, "zero");
        guarded_free(want, "zero");
    }
}

/* Rounded to nearest; what is too large for a float is infinite; NaN stays NaN. */
static void rounding(void **state)
{
    (void)state;
    static const double special[] = {0.0, -0.0, 1e300, -1e300, INFINITY, 1e-320, 0.1, 1.0 + 1e-9};
    for (int i = 0; i < 2 * SIZES; i++) {
        const int64_t n = sizes[i / 2];
        const adi_exec ex = {gradient_threads[i % 4], NULL, NULL};
        double *x = guarded_doubles(n);
        float *y = guarded_floats(n), *want = guarded_floats(n);
        for (int64_t j = 0; j < n; j++) {
            x[j] = j % 3 ? op_signed() * 1e3 : special[j % 8];
            want[j] = (float)x[j];
        }
        assert_int_equal(backends[i % 2]->kernels->narrow(&ex, y, x, n), AD_OK);
        op_same_bits("narrow", y, want, (size_t)n * sizeof *y);
        if (n) {
            x[n / 2] = NAN;
            assert_int_equal(backends[i % 2]->kernels->narrow(&ex, y, x, n), AD_OK);
            assert_true(isnan(y[n / 2]));
        }
        if (n) { /* and back, of what is a float */
            y[n / 2] = want[n / 2];
            assert_int_equal(backends[i % 2]->kernels->widen(&ex, x, y, n), AD_OK);
            for (int64_t j = 0; j < n; j++)
                assert_true(x[j] == (double)want[j]);
        }
        guarded_free(x, "narrow");
        guarded_free(y, "narrow");
        guarded_free(want, "narrow");
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {cmocka_unit_test(zeros), cmocka_unit_test(rounding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
