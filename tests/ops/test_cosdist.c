/* cosdist: the distance of directions against the definition in double, its gradient against
 * central differences; zero vectors, equal and opposite directions, nearly equal ones; cpu against
 * ref. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* dist = |g|^2 / 2. In float each of a and b has an error of some 1e-7, so that dist has |g| times
 * as much: units are |g|. 1 - <a, b> would be 1e-7 off however small dist is, and the product of
 * three such maps is to rank positions by 1e-9. ds: in units of scale / max(|s|, 1e-12). */
static const double ref_limit = 1.3e-7, cpu_limit = 6e-7;
static const double floor_of_g = 1e-6; /* squares of the error itself */

typedef struct dist_case {
    adi_pc d;
    float scale;
    int backward;
    int64_t n;
    float *s, *t; /* guarded */
    double *sd;
    char name[100];
} dist_case;

static double length(const double *x, int64_t c)
{
    double squares = 0.0;
    for (int64_t i = 0; i < c; i++)
        squares += x[i] * x[i];
    return squares > 1e-24 ? sqrt(squares) : 1e-12;
}

static double dist_of(const dist_case *c, int64_t p)
{
    double sum = 0.0, squares = 0.0;
    const double *s = c->sd + p * c->d.c, m = length(s, c->d.c);
    const float *t = c->t + p * c->d.c;
    for (int64_t i = 0; i < c->d.c; i++)
        squares += (double)t[i] * t[i];
    const double mt = squares > 1e-24 ? sqrt(squares) : 1e-12;
    for (int64_t i = 0; i < c->d.c; i++)
        sum += (t[i] / mt - s[i] / m) * (t[i] / mt - s[i] / m);
    return sum / 2.0;
}

static double loss(const void *of)
{
    const dist_case *c = of;
    double sum = 0.0;
    for (int64_t p = 0; p < c->d.p; p++)
        sum += c->scale * dist_of(c, p);
    return sum;
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const dist_case *c = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *y = guarded_floats(c->backward ? c->n : c->d.p);
    if (c->backward)
        assert_int_equal(be->kernels->cosdist_bwd(&ex, y, c->s, c->t, c->scale, c->d), AD_OK);
    else
        assert_int_equal(be->kernels->cosdist_fwd(&ex, y, c->s, c->t, c->d), AD_OK);
    return y;
}

/* t is near a multiple of s where `apart` is small, and any vector where it is 1. */
static dist_case dist_case_new(adi_pc d, double length_of_s, double apart)
{
    dist_case c = {.d = d, .n = d.p * d.c, .scale = (float)(0.5 + op_signed() * 0.4)};
    snprintf(c.name, sizeof c.name, "%lldx%lld of %g, %g apart", (long long)d.p, (long long)d.c,
             length_of_s, apart);
    c.s = op_floats(c.n, length_of_s);
    c.t = guarded_floats(c.n);
    for (int64_t p = 0; p < d.p; p++) {
        const double times = (2.0 + op_signed()) / length_of_s;
        c.s[p * d.c + op_int(0, d.c - 1)] = (float)length_of_s;
        for (int64_t i = p * d.c; i < (p + 1) * d.c; i++)
            c.t[i] = (float)((1.0 - apart) * times * c.s[i] + apart * op_signed());
    }
    c.sd = gradient_doubles(c.s, c.n);
    return c;
}

static void dist_case_free(dist_case *c)
{
    guarded_free(c->s, c->name);
    guarded_free(c->t, c->name);
    guarded_free(c->sd, c->name);
}

static void check(adi_pc d, double length_of_s, double apart)
{
    dist_case c = dist_case_new(d, length_of_s, apart);
    float *want = guarded_floats(d.p), *unit = guarded_floats(d.p), *unit_ds = guarded_floats(c.n);
    for (int64_t p = 0; p < d.p; p++) {
        want[p] = (float)dist_of(&c, p);
        unit[p] = (float)(sqrt(2.0 * dist_of(&c, p)) + floor_of_g);
    }
    for (int64_t i = 0; i < c.n; i++)
        unit_ds[i] = (float)(c.scale / length(c.sd + i / d.c * d.c, d.c));
    float *dist = gradient_backends(c.name, run, &c, unit, d.p, cpu_limit);
    op_close_ref(c.name, dist, want, want, d.p, 1e-6); /* ref: relative to the distance itself */
    c.backward = 1;
    float *ds = gradient_backends(c.name, run, &c, unit_ds, c.n, cpu_limit);
    gradient_check(c.name, loss, &c, c.sd, ds, unit_ds, c.n, 1e-3 * length_of_s, ref_limit);
    float *const all[] = {want, unit, unit_ds, dist, ds};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c.name);
    dist_case_free(&c);
}

static void gradients(void **state)
{
    (void)state;
    static const adi_pc sizes[] = {{1, 1},   {1, 1000}, {2, 2},    {3, 5},
                                   {49, 64}, {5, 257},  {129, 67}, {0, 5}};
    static const double lengths[] = {1.0, 1e-5, 1e5, 1e-14};
    for (int i = 0; i < 8; i++)
        for (int l = 0; l < 4; l++)
            check(sizes[i], lengths[l], 1.0);
    for (int i = 1; i < 8; i++)
        for (double apart = 0.1; apart > 1e-6; apart *= 0.1)
            check(sizes[i], 1.0, apart);
    for (int64_t c = 1; c <= 67; c++)
        check((adi_pc){4, c}, 1.0, 1.0);
    gradient_report("cosdist", ref_limit, cpu_limit);
}

static void run_small(const adi_backend *be, float *dist, float *ds, const float *s, const float *t,
                      adi_pc d)
{
    const adi_exec ex = {2, NULL, NULL};
    assert_int_equal(be->kernels->cosdist_fwd(&ex, dist, s, t, d), AD_OK);
    assert_int_equal(be->kernels->cosdist_bwd(&ex, ds, s, t, 1.0f, d), AD_OK);
}

/* 1 - cos of 45 degrees; equal directions of different length; opposite ones; and the gradient of
 * each. */
static void known_angles(void **state)
{
    (void)state;
    const float s[] = {1, 1, 3, 4, 0.5f, 0}, t[] = {1, 0, 6, 8, -7, 0};
    const double root = sqrt(0.5);
    const float dist[] = {(float)(1.0 - root), 0.0f, 2.0f};
    /* -(b - <b, a> a) / |s|: for the first a = (r, r), |s| = 2 r, r = sqrt(1/2) */
    const float ds[] = {(float)(-0.25 / root), (float)(0.25 / root), 0, 0, 0, 0};
    assert_true(fabs(dist[0] - 0.292893) < 1e-6);
    for (int b = 0; b < 2; b++) {
        float got[3], gradient[6];
        run_small(b ? &adi_backend_cpu : &adi_backend_ref, got, gradient, s, t, (adi_pc){3, 2});
        op_close("distances", got, dist, NULL, 3, 1.3e-7);
        op_close("gradients", gradient, ds, NULL, 6, 5e-7);
        assert_true(got[1] <= 1e-13f); /* not 1e-7 */
    }
}

/* A zero student, a zero teacher, both. Of the first the gradient is that of the clamped length. */
static void zero_vectors(void **state)
{
    (void)state;
    for (int64_t c = 1; c < 40; c += 3)
        for (int b = 0; b < 2; b++) {
            float *s = op_floats(3 * c, 1.0), *t = op_floats(3 * c, 1.0),
                  *ds = guarded_floats(3 * c);
            float dist[3], half[] = {0.5f, 0.5f, 0.0f};
            double squares = 0.0;
            memset(s, 0, (size_t)c * sizeof *s);
            memset(t + c, 0, (size_t)c * sizeof *t);
            memset(s + 2 * c, 0, (size_t)c * sizeof *s);
            memset(t + 2 * c, 0, (size_t)c * sizeof *t);
            run_small(b ? &adi_backend_cpu : &adi_backend_ref, dist, ds, s, t, (adi_pc){3, c});
            op_close("halves", dist, half, NULL, 3, 1.3e-7);
            for (int64_t i = 0; i < c; i++)
                squares += (double)t[i] * t[i];
            for (int64_t i = 0; i < c; i++) {
                assert_true(fabs(ds[i] / 1e12 + t[i] / sqrt(squares)) <= 4e-7);
                assert_true(fabsf(ds[c + i]) <= 1e-6f / (float)length((double[]){s[c + i]}, 1));
                assert_true(ds[2 * c + i] == 0.0f);
            }
            guarded_free(s, "s");
            guarded_free(t, "t");
            guarded_free(ds, "ds");
        }
}

/* In either vector: the distance and the whole gradient of that position alone. */
static void nan_survives(void **state)
{
    (void)state;
    for (int64_t c = 1; c < 40; c++)
        for (int b = 0; b < 2; b++)
            for (int in_t = 0; in_t < 2; in_t++)
                for (int zero = 0; zero < 2; zero++) { /* beside a zero vector, too */
                    dist_case n = dist_case_new((adi_pc){5, c}, 1.0, 1.0);
                    memset((in_t ? n.s : n.t) + 2 * c, 0, (size_t)(zero ? c : 0) * sizeof *n.s);
                    (in_t ? n.t : n.s)[2 * c + op_int(0, c - 1)] = NAN;
                    for (n.backward = 0; n.backward < 2; n.backward++) {
                        float *got = run(&n, b ? &adi_backend_cpu : &adi_backend_ref, 2);
                        const int64_t each = n.backward ? c : 1;
                        for (int64_t i = 0; i < 5 * each; i++)
                            assert_int_equal(!!isnan(got[i]), i / each == 2);
                        guarded_free(got, n.name);
                    }
                    dist_case_free(&n);
                }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),
        cmocka_unit_test(known_angles),
        cmocka_unit_test(zero_vectors),
        cmocka_unit_test(nan_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
