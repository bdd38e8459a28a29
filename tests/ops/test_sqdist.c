/* sqdist and weighted_difference: ref against their formulas, cpu against ref; one vector or two,
 * with weights or without, apart and in place; one as the other's gradient, by central
 * differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* Relative to the result: sums are in double on both, and rounded once. cpu's differences are
 * float: the factor, a - b and their product are rounded. */
static const double ref_limit = 6.1e-8, cpu_limit = 1.3e-7, difference_limit = 2.5e-7;

typedef struct dist_case {
    adi_pc d;
    int difference, in; /* y is 0: apart, 1: a, 2: b */
    double alpha;
    int64_t n;
    float *a, *b, *weight; /* guarded; b and weight may be NULL */
    double *ad;
    char name[100];
} dist_case;

static dist_case dist_case_new(adi_pc d, int with_b, int with_weight, double scale, double apart)
{
    dist_case c = {.d = d, .n = d.p * d.c, .alpha = 3.0 * op_signed()};
    snprintf(c.name, sizeof c.name, "%lldx%lld of %g, %g apart%s%s", (long long)d.p, (long long)d.c,
             scale, apart, with_b ? ", two" : "", with_weight ? ", weights" : "");
    c.a = op_floats(c.n, scale);
    c.b = with_b ? op_floats(c.n, scale) : NULL;
    c.weight = with_weight ? op_floats(d.p, 2.0) : NULL;
    for (int64_t i = 0; with_b && i < c.n; i++)
        c.b[i] = (float)((1.0 - apart) * c.a[i] + apart * c.b[i]);
    c.ad = gradient_doubles(c.a, c.n);
    return c;
}

static void dist_case_free(dist_case *c)
{
    void *const all[] = {c->a, c->b, c->weight, c->ad};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c->name);
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const dist_case *c = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *y = guarded_floats(c->difference ? c->n : c->d.p);
    if (!c->difference) {
        assert_int_equal(be->kernels->sqdist_fwd(&ex, y, c->a, c->b, c->d), AD_OK);
        return y;
    }
    if (c->in)
        memcpy(y, c->in == 1 ? c->a : c->b, (size_t)c->n * sizeof *y);
    assert_int_equal(be->kernels->weighted_difference(&ex, y, c->in == 1 ? y : c->a,
                                                      c->in == 2 ? y : c->b, c->weight, c->alpha,
                                                      c->d),
                     AD_OK);
    return y;
}

static void check_dist(dist_case *c)
{
    float *want = guarded_floats(c->d.p), *unit = guarded_floats(c->d.p);
    for (int64_t p = 0; p < c->d.p; p++) {
        long double sum = 0.0L;
        for (int64_t i = p * c->d.c; i < (p + 1) * c->d.c; i++) {
            const long double e = (long double)c->a[i] - (c->b ? c->b[i] : 0.0f);
            sum += e * e;
        }
        want[p] = (float)sum;
        unit[p] = (float)(sum + 1e-36L);
    }
    c->difference = 0;
    float *dist = gradient_backends(c->name, run, c, unit, c->d.p, cpu_limit);
    gradient_close(c->name, dist, want, unit, c->d.p, ref_limit);
    float *const all[] = {want, unit, dist};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c->name);
}

static void check_difference(dist_case *c)
{
    float *want = guarded_floats(c->n), *unit = guarded_floats(c->n);
    for (int64_t i = 0; i < c->n; i++) {
        const long double factor =
            c->alpha * (c->weight ? (long double)c->weight[i / c->d.c] : 1.0L);
        const long double y = factor * ((long double)c->a[i] - (c->b ? c->b[i] : 0.0f));
        want[i] = (float)y;
        unit[i] = (float)(fabsl(y) + 1e-36L);
    }
    c->difference = 1;
    c->in = 0;
    float *y = gradient_backends(c->name, run, c, unit, c->n, difference_limit);
    gradient_close(c->name, y, want, unit, c->n, ref_limit);
    for (int b = 0; b < 2; b++) {
        const adi_backend *be = b ? &adi_backend_cpu : &adi_backend_ref;
        c->in = 0;
        float *apart = run(c, be, 2);
        for (c->in = 1; c->in <= (c->b ? 2 : 1); c->in++) {
            float *again = run(c, be, 3);
            op_same_bits(c->name, again, apart, (size_t)c->n * sizeof *apart);
            guarded_free(again, c->name);
        }
        guarded_free(apart, c->name);
    }
    float *const all[] = {want, unit, y};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c->name);
}

/* Every kind of call; also of vectors that are nearly equal, and of sums that no float holds. */
static void check(adi_pc d)
{
    static const double scales[][2] = {{1.0, 1.0}, {1.0, 1e-4}, {1e25, 1.0}, {1e-25, 1.0}};
    for (int s = 0; s < 4; s++)
        for (int with = 0; with < 4; with++) {
            dist_case c = dist_case_new(d, with & 1, with & 2, scales[s][0], scales[s][1]);
            if (with < 2)
                check_dist(&c);
            check_difference(&c);
            if (c.n)
                (with & 1 && op_int(0, 1) ? c.b : c.a)[op_int(0, c.n - 1)] = NAN;
            if (with < 2)
                check_dist(&c);
            if (d.p && c.weight)
                c.weight[op_int(0, d.p - 1)] = NAN;
            check_difference(&c);
            dist_case_free(&c);
        }
}

static void formulas(void **state)
{
    (void)state;
    static const adi_pc sizes[] = {{1, 1},   {1, 1000}, {2, 2},   {3, 5}, {49, 64},
                                   {5, 257}, {129, 67}, {577, 8}, {0, 5}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check(sizes[i]);
    for (int64_t c = 1; c <= 40; c++)
        check((adi_pc){4, c});
    gradient_report("sqdist and weighted_difference", ref_limit, difference_limit);
}

static double loss(const void *of)
{
    const dist_case *c = of;
    double sum = 0.0;
    for (int64_t i = 0; i < c->n; i++) {
        const double e = c->ad[i] - (c->b ? c->b[i] : 0.0f);
        sum += c->alpha / 2.0 * (c->weight ? c->weight[i / c->d.c] : 1.0f) * e * e;
    }
    return sum;
}

/* weighted_difference, of half the sum of distances. */
static void gradient(void **state)
{
    (void)state;
    for (int64_t channels = 1; channels <= 40; channels += 3)
        for (int with = 0; with < 4; with++)
            for (int b = 0; b < 2; b++) {
                dist_case c = dist_case_new((adi_pc){5, channels}, with & 1, with & 2, 1.0, 1.0);
                c.difference = 1;
                float *got = run(&c, b ? &adi_backend_cpu : &adi_backend_ref, 2);
                gradient_check(c.name, loss, &c, c.ad, got, NULL, c.n, 1e-3, difference_limit);
                guarded_free(got, c.name);
                dist_case_free(&c);
            }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {cmocka_unit_test(formulas), cmocka_unit_test(gradient)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
