/* posenc2d: ref against the definition in long double, cpu against ref, the same for every image;
 * vectors of the authors' code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* Absolute; no value is above 1. ref rounds once, half of 2^-24, and so does cpu, perhaps the other
 * way. */
static const double ref_limit = 3e-8, cpu_limit = 6e-8;

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const adi_pad2d_dims *d = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *y = guarded_floats(d->n * d->h * d->w * d->c);
    assert_int_equal(be->kernels->posenc2d_fwd(&ex, y, d), AD_OK);
    return y;
}

/* Sine and cosine in turn, of columns in the first half of the channels and of rows in the
 * second. */
static long double wave(const adi_pad2d_dims *d, int64_t i)
{
    const int64_t half = d->c / 2, channel = i % d->c, p = i / d->c;
    const int64_t at = channel < half ? p % d->w : p / d->w % d->h, pair = channel % half / 2;
    const long double angle =
        (long double)at / powl(10000.0L, 2.0L * (long double)pair / (long double)half);
    return channel % 2 ? cosl(angle) : sinl(angle);
}

static void check(int64_t n, int64_t h, int64_t w, int64_t c)
{
    adi_pad2d_dims d = {n, h, w, c, 0};
    char name[80];
    snprintf(name, sizeof name, "%lldx%lldx%lldx%lld", (long long)n, (long long)h, (long long)w,
             (long long)c);
    const int64_t count = n * h * w * c;
    float *want = guarded_floats(count);
    for (int64_t i = 0; i < count; i++)
        want[i] = (float)wave(&d, i);
    float *y = gradient_backends(name, run, &d, NULL, count, cpu_limit);
    for (int64_t i = 0; i < count; i++) { /* not against want, which is rounded itself */
        const double error = (double)fabsl(y[i] - wave(&d, i));
        assert_true(error <= ref_limit);
        gradient_worst = fmax(gradient_worst, error);
    }
    d.pad = 3; /* not used */
    float *again = run(&d, &adi_backend_cpu, 2);
    op_close(name, again, want, NULL, count, cpu_limit);
    float *const all[] = {want, y, again};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], name);
}

static void formula(void **state)
{
    (void)state;
    static const int64_t maps[][3] = {{1, 1, 1}, {1, 1, 9},   {1, 9, 1}, {2, 3, 5}, {3, 7, 2},
                                      {5, 1, 1}, {1, 24, 24}, {0, 3, 5}, {2, 0, 5}};
    for (int m = 0; m < 9; m++)
        for (int64_t c = 4; c <= 64; c += 4)
            check(maps[m][0], maps[m][1], maps[m][2], c);
    check(1, 2, 600, 32); /* far out, where an angle that is a float's is off */
    check(2, 500, 3, 8);
    check(1, 4, 3, 1000);
    gradient_report("posenc2d", ref_limit, cpu_limit);
}

/* Row 5, column 3 of a map of 24 x 24. The authors' angles are floats, so that the last digit is
 * off by one. */
static void known_values(void **state)
{
    (void)state;
    static const struct {
        int64_t channel;
        double value;
    } known[] = {{0, 0.1411200}, {3, 0.5827537}, {16, -0.9589243}, {19, -0.0103423}};
    adi_pad2d_dims d = {2, 24, 24, 32, 0};
    for (int b = 0; b < 2; b++) {
        float *y = run(&d, b ? &adi_backend_cpu : &adi_backend_ref, 2);
        for (int64_t image = 0; image < 2; image++)
            for (int i = 0; i < 4; i++) {
                const float got = y[((image * 24 + 5) * 24 + 3) * 32 + known[i].channel];
                assert_true(fabs(got - known[i].value) <= 1.5e-7);
            }
        guarded_free(y, "known values");
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {cmocka_unit_test(formula), cmocka_unit_test(known_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
