/* SimAM: the result against its energy, with variances from all pairs, in long double; gradients
 * against derivatives one by one and central differences; cpu against ref; in place; the numbers of
 * the method's description. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* Units are below. ref rounds once, and so does what it is compared with. cpu has a channel's mean
 * and every value's distance from it in float, and exp() within 1.5e-7 of itself; to a result come
 * up to six roundings. */
static const double ref_limit = 1.25e-7, cpu_limit = 2.5e-7;

typedef struct simam_case {
    adi_npc d;
    double lambda;
    int backward, in_place;
    int64_t n;
    float *x, *dy; /* guarded */
    double *xd;    /* what the differences move */
    char name[100];
} simam_case;

static simam_case simam_case_new(adi_npc d, double lambda, double mean, double size)
{
    simam_case c = {.d = d, .lambda = lambda, .n = d.n * d.p * d.c};
    snprintf(c.name, sizeof c.name, "%lldx%lldx%lld, lambda %g, %g +- %g", (long long)d.n,
             (long long)d.p, (long long)d.c, lambda, mean, size);
    c.x = op_floats(c.n, size);
    for (int64_t i = 0; i < c.n; i++)
        c.x[i] += (float)mean;
    c.dy = op_floats(c.n, 1.0);
    c.xd = gradient_doubles(c.x, c.n);
    return c;
}

static void simam_case_free(simam_case *c)
{
    guarded_free(c->x, c->name);
    guarded_free(c->dy, c->name);
    guarded_free(c->xd, c->name);
}

/* Where channel i's values begin: channels are numbered by image. */
static int64_t first_of(const simam_case *c, int64_t i)
{
    return i / c->d.c * c->d.p * c->d.c + i % c->d.c;
}

/* Channel i's mean and v + lambda: squares of differences of all pairs are P times those from the
 * mean. */
static long double spread(const simam_case *c, int64_t i, long double *mean)
{
    const double *x = c->xd + first_of(c, i);
    long double pairs = 0.0L;
    *mean = 0.0L;
    for (int64_t p = 0; p < c->d.p; p++) {
        *mean += x[p * c->d.c] / (long double)c->d.p;
        for (int64_t q = 0; q < p; q++) {
            const long double d = (long double)x[p * c->d.c] - x[q * c->d.c];
            pairs += d * d;
        }
    }
    return pairs / (long double)(c->d.p * (c->d.p > 1 ? c->d.p - 1 : 1)) + c->lambda;
}

/* Of the inverse of the least energy 4 u / (d^2 + 2 u), u = v + lambda. */
static long double gate(long double d, long double u)
{
    const long double energy = 4.0L * u / (d * d + 2.0L * u);
    return 1.0L / (1.0L + expl(-1.0L / energy));
}

static double loss(const void *of)
{
    const simam_case *c = of;
    long double sum = 0.0L;
    for (int64_t i = 0; i < c->d.n * c->d.c; i++) {
        long double mean;
        const long double u = spread(c, i, &mean);
        for (int64_t p = 0, at = first_of(c, i); p < c->d.p; p++, at += c->d.c)
            sum += c->dy[at] * c->xd[at] * gate(c->xd[at] - mean, u);
    }
    return (double)sum;
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const simam_case *c = of;
    const adi_exec ex = {threads, NULL, NULL};
    const float *from = c->backward ? c->dy : c->x;
    float *y = c->in_place ? op_copy(from, c->n) : guarded_floats(c->n);
    if (c->in_place)
        from = y;
    if (c->backward)
        assert_int_equal(be->kernels->simam_bwd(&ex, y, from, c->x, c->lambda, &c->d), AD_OK);
    else
        assert_int_equal(be->kernels->simam_fwd(&ex, y, from, c->lambda, &c->d), AD_OK);
    return y;
}

/* What run() gives for channel i, and units: terms' sizes, where d counts as |mean| + |d|, since it
 * is as far off as the mean is rounded, and a gate 1 + (1 - s) times as much as its exponent moves
 * by that. */
static void formula(const simam_case *c, int64_t i, float *want, float *unit)
{
    const int64_t count = c->d.p, first = first_of(c, i), step = c->d.c;
    const long double n = (long double)(count > 1 ? count - 1 : 1);
    long double mean, squares = 0.0L, along = 0.0L;
    const long double u = spread(c, i, &mean), k = 0.25L / u;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t p = 0; p < count; p++) {
            const int64_t at = first + p * step;
            const long double x = c->x[at], d = x - mean, s = gate(d, u),
                              wide = fabsl(mean) + fabsl(d);
            const long double off = 2.0L * fabsl(d) * wide * k + 3.0L * d * d * k;
            const long double a = fabsl(c->dy[at] * x * s * (1.0L - s)) * (1.0L + off);
            if (pass == 0) {
                squares += a * wide * wide;
                along += a * wide;
                continue;
            }
            if (!c->backward) {
                want[at] = (float)(x * s);
                unit[at] = (float)(fabsl(x * s) * (1.0L + (1.0L - s) * off));
                continue;
            }
            /* Of values q by this one: their own gate's exponent d^2 / (4 u) by the mean, by u, by
             * themselves. */
            long double sum = c->dy[at] * s;
            for (int64_t q = 0; q < count; q++) {
                const long double z = c->x[first + q * step], e = z - mean, other = gate(e, u);
                const long double by_d =
                    2.0L * e * ((long double)(q == p) - 1.0L / (long double)count) / (4.0L * u);
                const long double by_u = -e * e / (4.0L * u * u) * 2.0L * d / n;
                sum += c->dy[first + q * step] * z * other * (1.0L - other) * (by_d + by_u);
            }
            want[at] = (float)sum;
            unit[at] = (float)(fabsl(c->dy[at]) * s * (1.0L + (1.0L - s) * off) +
                               2.0L * k *
                                   (a * wide + 4.0L * k * wide * squares / n +
                                    along / (long double)count));
        }
}

static void check(adi_npc d, double lambda, double mean, double size)
{
    simam_case c = simam_case_new(d, lambda, mean, size);
    for (c.backward = 0; c.backward < 2; c.backward++) {
        float *want = guarded_floats(c.n), *unit = guarded_floats(c.n);
        double step = INFINITY;
        for (int64_t i = 0; i < d.n * d.c; i++) {
            long double unused;
            formula(&c, i, want, unit);
            step = fmin(step, 1e-3 * sqrt((double)spread(&c, i, &unused)));
        }
        c.in_place = 0;
        float *ref = gradient_backends(c.name, run, &c, unit, c.n, cpu_limit),
              *cpu = run(&c, &adi_backend_cpu, 2);
        gradient_close(c.name, ref, want, unit, c.n, ref_limit);
        if (c.backward)
            gradient_check(c.name, loss, &c, c.xd, ref, unit, c.n, step, ref_limit);
        c.in_place = 1;
        float *ref_in_place = run(&c, &adi_backend_ref, 1),
              *cpu_in_place = run(&c, &adi_backend_cpu, 3);
        op_same_bits(c.name, ref_in_place, ref, (size_t)c.n * sizeof *ref);
        op_same_bits(c.name, cpu_in_place, cpu, (size_t)c.n * sizeof *ref);
        float *const buffers[] = {want, unit, ref, cpu, ref_in_place, cpu_in_place};
        for (int i = 0; i < 6; i++)
            guarded_free(buffers[i], c.name);
    }
    simam_case_free(&c);
}

/* One position has no variance, and two have the same gate. */
static void formulas(void **state)
{
    (void)state;
    static const adi_npc sizes[] = {{1, 1, 1},  {2, 1, 5},  {1, 2, 3},  {3, 2, 1},  {2, 49, 17},
                                    {1, 9, 31}, {2, 5, 32}, {3, 4, 33}, {1, 3, 65}, {1, 150, 2}};
    static const double lambdas[] = {1e-4, 1e-12, 1.0};
    static const double ranges[][2] = {{0, 2}, {3, 1}, {1, 1e-3}, {0, 1e-10}, {0, 1e10}, {-30, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
            for (int l = 0; l < 3; l++)
                check(sizes[i], lambdas[l], ranges[r][0], ranges[r][1]);
    for (int64_t channels = 1; channels <= 67; channels++)
        check((adi_npc){op_int(1, 3), op_int(1, 20), channels}, 1e-4, op_signed(), 1.0);
    gradient_report("simam", ref_limit, cpu_limit);
}

/* A channel that does not vary, and one position: sigmoid(1/2) x, and of dy likewise. Whatever
 * lambda is. */
static void constant_channel(void **state)
{
    (void)state;
    const double s = 1.0 / (1.0 + exp(-0.5));
    for (int i = 0; i < 2 * 2 * 2 * 40; i++) {
        simam_case c = simam_case_new((adi_npc){2, i / 2 % 2 ? 1 : 101, 1 + i / 8},
                                      i / 4 % 2 ? 1e-12 : 1e-4, 0.0, 1.0);
        const adi_backend *be = i % 2 ? &adi_backend_cpu : &adi_backend_ref;
        for (int64_t j = 0; j < c.n; j++) /* 0 among them */
            c.x[j] = c.d.p > 1 ? (float)pow(-30.0, (double)(j % c.d.c % 5)) - 1.0f : c.x[j];
        for (c.backward = 0; c.backward < 2; c.backward++) {
            float *got = run(&c, be, 2);
            for (int64_t j = 0; j < c.n; j++)
                assert_true(fabs(got[j] - s * (c.backward ? c.dy : c.x)[j]) <=
                            cpu_limit * fabs(got[j]));
            guarded_free(got, c.name);
        }
        simam_case_free(&c);
    }
}

/* [[1, 2], [3, 4]] with lambda 1e-4. */
static void known_numbers(void **state)
{
    (void)state;
    static const float x[] = {1, 2, 3, 4},
                       want[] = {0.6979342f, 1.2624602f, 1.8936903f, 2.7917366f};
    for (int b = 0; b < 2; b++) {
        const adi_exec ex = {1, NULL, NULL};
        const adi_npc d = {1, 4, 1};
        float y[4];
        assert_int_equal(
            (b ? &adi_backend_cpu : &adi_backend_ref)->kernels->simam_fwd(&ex, y, x, 1e-4, &d),
            AD_OK);
        op_close("simam", y, want, want, 4, 1e-7 + b * cpu_limit); /* written to 8 digits */
    }
    op_worst = 0.0;
}

/* All of its channel, but of no other and of no other image; in dy, too, whose sums are the
 * channel's. */
static void what_is_not_finite(void **state)
{
    (void)state;
    static const float values[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 2 * 2 * 3 * 20; i++) {
        simam_case c = simam_case_new((adi_npc){3, 5, 70}, 1e-4, 0.0, 1.0);
        const int in_dy = i % 2;
        /* a first position */
        const int64_t spot = i < 12 ? c.d.p * c.d.c : op_int(0, c.n - 1), image = c.d.p * c.d.c;
        (in_dy ? c.dy : c.x)[spot] = values[i / 4 % 3];
        for (c.backward = in_dy; c.backward < 2; c.backward++) {
            float *got = run(&c, i / 2 % 2 ? &adi_backend_cpu : &adi_backend_ref, 3);
            for (int64_t j = 0; j < c.n; j++) {
                const int lost = j / image == spot / image && j % c.d.c == spot % c.d.c;
                if (isfinite(got[j]) ? lost : !lost)
                    fail_msg("%g at %lld, for one at %lld of %s", got[j], (long long)j,
                             (long long)spot, in_dy ? "dy" : "x");
            }
            guarded_free(got, c.name);
        }
        simam_case_free(&c);
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),
        cmocka_unit_test(constant_channel),
        cmocka_unit_test(known_numbers),
        cmocka_unit_test(what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
