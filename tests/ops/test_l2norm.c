/* l2norm: forward against the definition in long double, backward against central differences of
 * it; vectors that are 0, shorter than the clamp, and of every length; cpu against ref. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* In units of 1 for y, of max |dy| / max(|x|, 1e-12) for dx. ref rounds once. */
static const double ref_limit = 1.3e-7, cpu_limit = 6e-7;

typedef struct norm_case {
    adi_pc d;
    int backward;
    int64_t n;
    float *x, *dy; /* guarded */
    double *xd;
    char name[100];
} norm_case;

static double length(const double *x, int64_t c)
{
    long double squares = 0.0L;
    for (int64_t i = 0; i < c; i++)
        squares += (long double)x[i] * x[i];
    const double norm = (double)sqrtl(squares);
    return norm > 1e-12 ? norm : 1e-12;
}

static double loss(const void *of)
{
    const norm_case *c = of;
    double sum = 0.0;
    for (int64_t p = 0; p < c->d.p; p++) {
        const double *x = c->xd + p * c->d.c, m = length(x, c->d.c);
        for (int64_t i = 0; i < c->d.c; i++)
            sum += c->dy[p * c->d.c + i] * (x[i] / m);
    }
    return sum;
}

static norm_case norm_case_new(adi_pc d, double scale)
{
    norm_case c = {.d = d, .n = d.p * d.c};
    snprintf(c.name, sizeof c.name, "%lldx%lld of %g", (long long)d.p, (long long)d.c, scale);
    c.x = op_floats(c.n, scale);
    for (int64_t p = 0; p < d.p; p++) /* one large entry: no vector is near 0 for its scale */
        c.x[p * d.c + op_int(0, d.c - 1)] = (float)(op_int(0, 1) ? scale : -scale);
    c.dy = op_floats(c.n, 1.0);
    c.xd = gradient_doubles(c.x, c.n);
    return c;
}

static void norm_case_free(norm_case *c)
{
    guarded_free(c->x, c->name);
    guarded_free(c->dy, c->name);
    guarded_free(c->xd, c->name);
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const norm_case *c = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *y = guarded_floats(c->n);
    if (c->backward)
        assert_int_equal(be->kernels->l2norm_bwd(&ex, y, c->dy, c->x, c->d), AD_OK);
    else
        assert_int_equal(be->kernels->l2norm_fwd(&ex, y, c->x, c->d), AD_OK);
    return y;
}

static void check(adi_pc d, double scale)
{
    norm_case c = norm_case_new(d, scale);
    float *want = guarded_floats(c.n), *unit = guarded_floats(c.n);
    for (int64_t i = 0; i < c.n; i++) {
        const double m = length(c.xd + i / d.c * d.c, d.c);
        want[i] = (float)(c.xd[i] / m);
        unit[i] = (float)(1.0 / m);
    }
    float *y = gradient_backends(c.name, run, &c, NULL, c.n, cpu_limit);
    op_close_ref(c.name, y, want, NULL, c.n, 6.1e-8);
    c.backward = 1;
    float *dx = gradient_backends(c.name, run, &c, unit, c.n, cpu_limit);
    gradient_check(c.name, loss, &c, c.xd, dx, unit, c.n, 1e-3 * scale, ref_limit);
    float *const all[] = {want, unit, y, dx};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c.name);
    norm_case_free(&c);
}

/* Scales on either side of the clamp, 1e-12, though not at it; ten powers of ten are features'
 * own. */
static void lengths(void **state)
{
    (void)state;
    static const double scales[] = {1.0, 1e-5, 1e5, 1e-10, 1e-14, 1e-20, 1e10};
    static const adi_pc sizes[] = {{1, 1},   {1, 1000}, {2, 2},    {3, 5},
                                   {49, 64}, {5, 257},  {129, 67}, {0, 5}};
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            check(sizes[i], scales[s]);
        for (int64_t c = 1; c <= 67; c += s ? 6 : 1)
            check((adi_pc){4, c}, scales[s]);
    }
    gradient_report("l2norm", ref_limit, cpu_limit);
}

/* Squares that are too large or too small for float. */
static void extreme_lengths(void **state)
{
    (void)state;
    float x[] = {3e30f, -4e30f, 0.0f, 3e-8f, 4e-8f, 0.0f}, y[6];
    const float want[] = {0.6f, -0.8f, 0.0f, 0.6f, 0.8f, 0.0f};
    for (int b = 0; b < 2; b++) {
        const adi_exec ex = {1, NULL, NULL};
        const adi_kernels *k = (b ? &adi_backend_cpu : &adi_backend_ref)->kernels;
        assert_int_equal(k->l2norm_fwd(&ex, y, x, (adi_pc){2, 3}), AD_OK);
        op_close("3-4-5", y, want, NULL, 6, 2e-7);
    }
}

/* The zero vector has no direction: 0 forward, and backward the clamp is a constant divisor. */
static void zero_vectors(void **state)
{
    (void)state;
    for (int64_t c = 1; c < 40; c += 3)
        for (int b = 0; b < 2; b++) {
            const adi_pc d = {3, c};
            float *x = op_floats(3 * c, 1.0), *dy = op_floats(3 * c, 1.0),
                  *y = guarded_floats(3 * c);
            memset(x + c, 0, (size_t)c * sizeof *x); /* between two others */
            const adi_exec ex = {2, NULL, NULL};
            const adi_kernels *k = (b ? &adi_backend_cpu : &adi_backend_ref)->kernels;
            assert_int_equal(k->l2norm_fwd(&ex, y, x, d), AD_OK);
            for (int64_t i = c; i < 2 * c; i++)
                assert_true(y[i] == 0.0f);
            assert_int_equal(k->l2norm_bwd(&ex, y, dy, x, d), AD_OK);
            for (int64_t i = c; i < 2 * c; i++)
                assert_true(fabs(y[i] - 1e12 * dy[i]) <= 2e-7 * 1e12 * fabsf(dy[i]));
            for (int64_t i = 0; i < c; i++)
                assert_true(isfinite(y[i]) && isfinite(y[2 * c + i]));
            guarded_free(x, "x");
            guarded_free(dy, "dy");
            guarded_free(y, "y");
        }
}

/* In x: its whole vector. In dy: its whole vector of dx, which is not that of a neighbour. */
static void nan_survives(void **state)
{
    (void)state;
    for (int64_t c = 1; c < 40; c++)
        for (int b = 0; b < 2; b++)
            for (int kind = 0; kind < 3; kind++) {
                norm_case n = norm_case_new((adi_pc){5, c}, 1.0);
                n.backward = kind > 0;
                (kind == 2 ? n.dy : n.x)[2 * c + op_int(0, c - 1)] = NAN;
                float *got = run(&n, b ? &adi_backend_cpu : &adi_backend_ref, 2);
                for (int64_t i = 0; i < 5 * c; i++)
                    assert_int_equal(!!isnan(got[i]), i / c == 2);
                guarded_free(got, n.name);
                norm_case_free(&n);
            }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths),
        cmocka_unit_test(extreme_lengths),
        cmocka_unit_test(zero_vectors),
        cmocka_unit_test(nan_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
