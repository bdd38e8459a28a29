/* copy_channels: the same bits, nothing else written; and a concatenation of parts taken apart
 * again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* Rows of `stride` floats; the last one ends with its last channel, so that the guard is right
 * behind. */
static int64_t floats_of(adi_pc d, int64_t stride)
{
    return d.p ? (d.p - 1) * stride + d.c : 0;
}

static void check(const adi_backend *be, adi_pc d, int64_t x_gap, int64_t y_gap, int32_t threads)
{
    char name[100];
    snprintf(name, sizeof name, "%s %lldx%lld, gaps of %lld and %lld", be->name, (long long)d.p,
             (long long)d.c, (long long)x_gap, (long long)y_gap);
    const int64_t xs = d.c + x_gap, ys = d.c + y_gap;
    float *x = op_floats(floats_of(d, xs), 1e30), *y = op_floats(floats_of(d, ys), 1.0);
    if (d.p > 1)
        x[xs] = NAN;
    float *want = op_copy(y, floats_of(d, ys));
    for (int64_t i = 0; i < d.p * d.c; i++)
        memcpy(&want[i / d.c * ys + i % d.c], &x[i / d.c * xs + i % d.c], sizeof *x);
    const adi_exec ex = {threads, NULL, NULL};
    assert_int_equal(be->kernels->copy_channels(&ex, y, ys, x, xs, d), AD_OK);
    op_same_bits(name, y, want, (size_t)floats_of(d, ys) * sizeof *y);
    guarded_free(x, name);
    guarded_free(y, name);
    guarded_free(want, name);
}

static void sizes(void **state)
{
    (void)state;
    static const int64_t positions[] = {0, 1, 2, 5, 49, 1030};
    for (int i = 0; i < 6; i++)
        for (int64_t c = 1; c <= 67; c += i == 5 ? 33 : 1)
            for (int gaps = 0; gaps < 4; gaps++)
                for (int b = 0; b < 2; b++)
                    check(b ? &adi_backend_cpu : &adi_backend_ref, (adi_pc){positions[i], c},
                          gaps & 1 ? op_int(1, 40) : 0, gaps & 2 ? op_int(1, 40) : 0,
                          gradient_threads[op_int(0, 3)]);
}

/* Three parts beside each other, and back. */
static void concatenation(void **state)
{
    (void)state;
    const int64_t parts[] = {3, 64, 17}, all = 84, p = 35;
    for (int b = 0; b < 2; b++) {
        const adi_kernels *k = (b ? &adi_backend_cpu : &adi_backend_ref)->kernels;
        const adi_exec ex = {3, NULL, NULL};
        float *joined = guarded_floats(p * all), *x[3];
        for (int64_t i = 0, from = 0; i < 3; from += parts[i++]) {
            x[i] = op_floats(p * parts[i], 1.0);
            assert_int_equal(
                k->copy_channels(&ex, joined + from, all, x[i], parts[i], (adi_pc){p, parts[i]}),
                AD_OK);
        }
        for (int64_t i = 0; i < p * all; i++)
            assert_false(isnan(joined[i])); /* no gap between the parts */
        for (int64_t i = 0, from = 0; i < 3; from += parts[i++]) {
            float *back = guarded_floats(p * parts[i]);
            assert_int_equal(
                k->copy_channels(&ex, back, parts[i], joined + from, all, (adi_pc){p, parts[i]}),
                AD_OK);
            op_same_bits("a part", back, x[i], (size_t)(p * parts[i]) * sizeof *back);
            guarded_free(back, "a part");
            guarded_free(x[i], "a part");
        }
        guarded_free(joined, "concatenation");
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes), cmocka_unit_test(concatenation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
