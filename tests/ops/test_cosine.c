/* cosine: ref against the angle between unit vectors in long double, its gradient against a
 * projection and central differences; zero vectors, tiny and huge ones, clamping; a row as long as
 * a layer; cpu against ref; PyTorch's numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* dist in units of itself and 5e-8: next to 1 a double's sums are a few 1e-15 off. da in units of
 * scale |b| / m. ref and cpu round once, and so does what they are compared with. */
static const double ref_limit = 1.25e-7, cpu_limit = 1.25e-7;
static const long double floor_of_dist = 5e-8L, clamp = 1e-8L;

typedef struct cos_case {
    adi_pc d;
    float scale;
    int backward;
    int64_t n;
    float *a, *b; /* guarded */
    double *ad;   /* what the differences move */
    char name[100];
} cos_case;

typedef struct lengths {
    long double a, b, m;
} lengths;

/* hypot: the square of a number may have no room. */
static lengths lengths_of(const cos_case *c, int64_t p)
{
    lengths l = {0};
    for (int64_t i = p * c->d.c; i < (p + 1) * c->d.c; i++) {
        l.a = hypotl(l.a, c->ad[i]);
        l.b = hypotl(l.b, c->b[i]);
    }
    l.m = fmaxl(l.a * l.b, clamp);
    return l;
}

/* |u - v|^2 / 2 of the unit vectors is 1 - cos; below the clamp there is only the definition. */
static long double dist_of(const cos_case *c, int64_t p)
{
    const lengths l = lengths_of(c, p);
    long double sum = 0.0L;
    for (int64_t i = p * c->d.c; i < (p + 1) * c->d.c; i++) {
        const long double apart = c->ad[i] / l.a - c->b[i] / l.b;
        sum += l.a * l.b < clamp ? -(long double)c->ad[i] * c->b[i] / clamp : apart * apart / 2.0L;
    }
    return l.a * l.b < clamp ? 1.0L + sum : sum;
}

static double loss(const void *of)
{
    const cos_case *c = of;
    long double sum = 0.0L;
    for (int64_t p = 0; p < c->d.p; p++)
        sum += c->scale * dist_of(c, p);
    return (double)sum;
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const cos_case *c = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *y = guarded_floats(c->backward ? c->n : c->d.p);
    if (c->backward)
        assert_int_equal(be->kernels->cosine_bwd(&ex, y, c->a, c->b, c->scale, c->d), AD_OK);
    else
        assert_int_equal(be->kernels->cosine_fwd(&ex, y, c->a, c->b, c->d), AD_OK);
    return y;
}

/* Values of a and b are up to these; b is near a multiple of a where `apart` is small, and any
 * vector where it is 1. */
static cos_case cos_case_new(adi_pc d, double of_a, double of_b, double apart)
{
    cos_case c = {.d = d, .n = d.p * d.c, .scale = (float)(0.5 + 0.4 * op_signed())};
    snprintf(c.name, sizeof c.name, "%lldx%lld of %g and %g, %g apart", (long long)d.p,
             (long long)d.c, of_a, of_b, apart);
    c.a = op_floats(c.n, of_a);
    c.b = guarded_floats(c.n);
    for (int64_t i = 0; i < d.p; i++)
        c.a[i * d.c + op_int(0, d.c - 1)] = (float)of_a;
    for (int64_t i = 0; i < c.n; i++)
        c.b[i] = (float)(of_b * ((1.0 - apart) * (c.a[i] / of_a) + apart * op_signed()));
    for (int64_t i = 0; apart == 1.0 && i < d.p; i++)
        c.b[i * d.c + op_int(0, d.c - 1)] = (float)of_b;
    c.ad = gradient_doubles(c.a, c.n);
    return c;
}

static void cos_case_free(cos_case *c)
{
    guarded_free(c->a, c->name);
    guarded_free(c->b, c->name);
    guarded_free(c->ad, c->name);
}

/* dist, or da: the part of -b / m across a; below the clamp all of it. */
static void formula(const cos_case *c, float *want, float *unit)
{
    for (int64_t p = 0; p < c->d.p; p++) {
        const lengths l = lengths_of(c, p);
        const long double dist = dist_of(c, p), cosine = l.a * l.b < clamp ? 0.0L : 1.0L - dist;
        if (!c->backward) {
            want[p] = (float)dist;
            unit[p] = (float)(fabsl(dist) + floor_of_dist);
        }
        for (int64_t i = p * c->d.c; c->backward && i < (p + 1) * c->d.c; i++) {
            const long double along = l.a > 0.0L ? cosine * (c->a[i] / l.a) * l.b : 0.0L;
            want[i] = (float)(c->scale * (along - c->b[i]) / l.m);
            /* of which a float has no digits any more */
            unit[i] = (float)(c->scale * l.b / l.m + 2e-38L);
        }
    }
}

static void check(adi_pc d, double of_a, double of_b, double apart)
{
    cos_case c = cos_case_new(d, of_a, of_b, apart);
    for (c.backward = 0; c.backward < 2; c.backward++) {
        const int64_t all = c.backward ? c.n : d.p;
        float *want = guarded_floats(all), *unit = guarded_floats(all);
        formula(&c, want, unit);
        float *ref = gradient_backends(c.name, run, &c, unit, all, cpu_limit);
        gradient_close(c.name, ref, want, unit, all, ref_limit);
        /* 1 / |a| is a float; no kink is near */
        const int known = of_a > 1e-35 && of_a * of_b > 2e-8;
        /* a long row's differences would take long */
        if (c.backward && known && d.c < 10000)
            gradient_check(c.name, loss, &c, c.ad, ref, unit, c.n, 2e-3 * of_a, ref_limit);
        float *const buffers[] = {want, unit, ref};
        for (int i = 0; i < 3; i++)
            guarded_free(buffers[i], c.name);
    }
    cos_case_free(&c);
}

static void formulas(void **state)
{
    (void)state;
    static const adi_pc sizes[] = {{1, 1},   {1, 1000}, {2, 2},    {3, 5},
                                   {49, 64}, {5, 257},  {129, 67}, {0, 5}};
    /* the second half: below the clamp and, with a as small, above it, where the gradient is no
     * float any more */
    static const double values[][2] = {{1, 1},        {1e-20, 1e20}, {3e18, 1e-5}, {1e30, 1e-30},
                                       {1e-3, 2e-5},  {1e37, 1e37},  {1e-9, 1},    {1e-30, 1e-30},
                                       {1e-40, 1e20}, {1e-44, 1e38}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t v = 0; v < sizeof values / sizeof *values; v++)
            check(sizes[i], values[v][0], values[v][1], 1.0);
    for (size_t i = 1; i < sizeof sizes / sizeof *sizes; i++)
        for (double apart = 0.1; apart > 1e-6; apart *= 0.1)
            check(sizes[i], 1.0, 2.0, apart);
    for (int64_t c = 1; c <= 67; c++)
        check((adi_pc){4, c}, 1.0, 3.0, 1.0);
    /* an image's whole layer, as one loss has it */
    check((adi_pc){2, 256 * 64 * 64 + 1}, 1.0, 2.0, 1.0);
    gradient_report("cosine", ref_limit, cpu_limit);
}

/* |a| |b| a little below 1e-8 and a little above: of vectors a = (x, 0), b = (3, 4) y / 5. */
static void around_the_clamp(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * 2 * 4; i++) {
        const adi_kernels *k = (i % 2 ? &adi_backend_cpu : &adi_backend_ref)->kernels;
        const double product = i / 2 % 2 ? 1.001e-8 : 0.999e-8, x = pow(10.0, -6.0 + i / 4 * 2.0);
        const float a[] = {(float)x, 0.0f},
                    b[] = {(float)(0.6 * product / x), (float)(0.8 * product / x)};
        const adi_exec ex = {1, NULL, NULL};
        const double m = i / 2 % 2 ? (double)a[0] * hypot(b[0], b[1]) : 1e-8;
        float dist, da[2];
        assert_int_equal(k->cosine_fwd(&ex, &dist, a, b, (adi_pc){1, 2}), AD_OK);
        assert_int_equal(k->cosine_bwd(&ex, da, a, b, 2.0f, (adi_pc){1, 2}), AD_OK);
        const double cosine = (double)a[0] * b[0] / m, unit = 2.0 * hypot(b[0], b[1]) / m;
        assert_true(fabs(dist - (1.0 - cosine)) <= ref_limit);
        assert_true(fabs(da[0] - (i / 2 % 2 ? 0.0 : -2.0 * b[0] / m)) <= ref_limit * unit);
        assert_true(fabs(da[1] + 2.0 * b[1] / m) <= ref_limit * unit);
    }
}

/* A zero a, a zero b, both: the distance is 1 exactly, and the gradient that of the clamped
 * product. */
static void zero_vectors(void **state)
{
    (void)state;
    for (int64_t c = 1; c < 80; c++) {
        cos_case z = cos_case_new((adi_pc){3, c / 2 + 1}, 1.0, 1.0, 1.0);
        const size_t row = (size_t)z.d.c;
        memset(z.a, 0, row * sizeof *z.a);
        memset(z.b + row, 0, 2 * row * sizeof *z.b);
        memset(z.a + 2 * row, 0, row * sizeof *z.a);
        for (z.backward = 0; z.backward < 2; z.backward++) {
            float *got = run(&z, c % 2 ? &adi_backend_cpu : &adi_backend_ref, 2);
            for (size_t i = 0; i < 3 && !z.backward; i++)
                assert_true(got[i] == 1.0f);
            for (size_t i = 0; i < 3 * row && z.backward; i++)
                assert_true(fabs(got[i] + (i < row ? z.scale * 1e8 * z.b[i] : 0.0)) <=
                            ref_limit * fabsf(got[i]));
            guarded_free(got, z.name);
        }
        cos_case_free(&z);
    }
}

/* 1 - torch.nn.functional.cosine_similarity(a, b, 1) of PyTorch 1.13 in float64, and the gradient
 * of a quarter of its sum: a[p, c] = (5 p + 3 c) % 7 - 3, b[p, c] = (2 p + 5 c) % 9 / 2 - 1. (Which
 * clamps each length by itself.) */
static void numbers_of_pytorch(void **state)
{
    (void)state;
    static const float want[] = {1.03806935f, 1.78334945f, 1.76802948f};
    static const float want_da[] = {
        0.0202760665f,  -0.028552012f,  0.00827594552f, -0.0376555521f, -0.000827594552f,
        -0.021759707f,  -0.0145064713f, -0.0181330892f, -0.0108798535f, -0.0145064713f,
        -0.0202113021f, -0.0117899262f, -0.019649877f,  -0.0112285012f, -0.019088452f};
    float a[15], b[15], dist[3], da[15];
    const adi_exec ex = {2, NULL, NULL};
    for (int i = 0; i < 15; i++) {
        a[i] = (float)((5 * (i / 5) + 3 * (i % 5)) % 7 - 3);
        b[i] = (float)((2 * (i / 5) + 5 * (i % 5)) % 9) / 2.0f - 1.0f;
    }
    for (int i = 0; i < 2; i++) {
        const adi_kernels *k = (i ? &adi_backend_cpu : &adi_backend_ref)->kernels;
        assert_int_equal(k->cosine_fwd(&ex, dist, a, b, (adi_pc){3, 5}), AD_OK);
        assert_int_equal(k->cosine_bwd(&ex, da, a, b, 0.25f, (adi_pc){3, 5}), AD_OK);
        op_close("distances", dist, want, want, 3, ref_limit);
        op_close("gradients", da, want_da, NULL, 15, ref_limit * 0.04); /* the largest is 0.04 */
    }
}

/* In either vector: the distance and the whole gradient of that position alone; beside a zero
 * vector, too. */
static void what_is_not_finite(void **state)
{
    (void)state;
    static const float values[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3 * 2 * 2 * 2 * 40; i++) {
        cos_case c = cos_case_new((adi_pc){5, 1 + i / 24}, 1.0, 1.0, 1.0);
        const int in_b = i / 3 % 2, zero = i / 6 % 2;
        memset((in_b ? c.a : c.b) + 2 * c.d.c, 0, (size_t)(zero ? c.d.c : 0) * sizeof *c.a);
        (in_b ? c.b : c.a)[2 * c.d.c + op_int(0, c.d.c - 1)] = values[i % 3];
        for (c.backward = 0; c.backward < 2; c.backward++) {
            float *got = run(&c, i / 12 % 2 ? &adi_backend_cpu : &adi_backend_ref, 2);
            const int64_t each = c.backward ? c.d.c : 1;
            for (int64_t j = 0; j < c.d.p * each; j++)
                assert_int_equal(!!isnan(got[j]), j / each == 2);
            guarded_free(got, c.name);
        }
        cos_case_free(&c);
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),           cmocka_unit_test(around_the_clamp),
        cmocka_unit_test(zero_vectors),       cmocka_unit_test(numbers_of_pytorch),
        cmocka_unit_test(what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
