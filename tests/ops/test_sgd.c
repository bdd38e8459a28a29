/* sgd_step: ten steps against the same in double, and against closed forms; cpu against ref. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* In units of the largest parameter or velocity met: ten steps that round twice each. */
static const double ref_limit = 6e-7, cpu_limit = 1.2e-6;
enum { STEPS = 10 };

typedef struct sgd_case {
    adi_sgd o;
    int with_velocity;
    int64_t n;
    float *w, *g; /* guarded; g: STEPS of them */
    char name[120];
} sgd_case;

/* w, and the velocity where there is one. It begins as NaN, which the first step does not read. */
static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const sgd_case *c = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *w = op_copy(c->w, c->n), *v = c->with_velocity ? guarded_floats(c->n) : NULL;
    for (int t = 0; t < STEPS; t++) {
        adi_sgd o = c->o;
        o.first = t == 0;
        assert_int_equal(be->kernels->sgd_step(&ex, w, v, c->g + t * c->n, &o, c->n), AD_OK);
    }
    float *all = guarded_floats(2 * c->n), *next = gradient_pack(all, w, c->n, c->name);
    if (v)
        gradient_pack(next, v, c->n, c->name);
    else
        memset(next, 0, (size_t)c->n * sizeof *next);
    return all;
}

static sgd_case sgd_case_new(int64_t n, double momentum, double decay, double scale,
                             int with_velocity)
{
    sgd_case c = {
        .o = {.lr = 0.4, .momentum = momentum, .weight_decay = decay, .grad_scale = scale},
        .with_velocity = with_velocity,
        .n = n};
    snprintf(c.name, sizeof c.name, "%lld values, momentum %g, decay %g, scale %g, velocity %d",
             (long long)n, momentum, decay, scale, with_velocity);
    c.w = op_floats(n, 1.0);
    c.g = op_floats(STEPS * n, 1.0);
    return c;
}

static void sgd_case_free(sgd_case *c)
{
    guarded_free(c->w, c->name);
    guarded_free(c->g, c->name);
}

/* v_T = sum over t of momentum^(T - t) g'_t, each time from the beginning. */
static void formula(const sgd_case *c, float *want, float *unit)
{
    for (int64_t i = 0; i < c->n; i++) {
        double w = c->w[i], decayed[STEPS], largest = fabs(w), fastest = 0.0, v = 0.0;
        for (int step = 0; step < STEPS; step++) {
            decayed[step] = c->o.grad_scale * c->g[step * c->n + i] + c->o.weight_decay * w;
            v = 0.0;
            for (int t = 0; t <= step; t++)
                v += (t == step ? 1.0 : pow(c->o.momentum, step - t)) * decayed[t];
            w -= c->o.lr * v;
            largest = fmax(largest, fabs(w));
            fastest = fmax(fastest, fabs(v));
        }
        want[i] = (float)w;
        want[c->n + i] = c->with_velocity ? (float)v : 0.0f;
        unit[i] = (float)(largest + c->o.lr * fastest);
        unit[c->n + i] = (float)(fastest + c->o.weight_decay * largest);
    }
}

static void check(const sgd_case *c)
{
    float *want = guarded_floats(2 * c->n), *unit = guarded_floats(2 * c->n);
    formula(c, want, unit);
    float *ref = gradient_backends(c->name, run, c, unit, 2 * c->n, cpu_limit);
    gradient_close(c->name, ref, want, unit, 2 * c->n, ref_limit);
    guarded_free(ref, c->name);
    guarded_free(want, c->name);
    guarded_free(unit, c->name);
}

static void ten_steps(void **state)
{
    (void)state;
    static const double momenta[] = {0.0, 0.9, 0.5}, decays[] = {0.0, 1e-4, 0.1},
                        scales[] = {1.0, 0.37};
    for (int m = 0; m < 3; m++)
        for (int d = 0; d < 3; d++)
            for (int s = 0; s < 2; s++)
                for (int v = m > 0; v < 2; v++)
                    for (int64_t n = 1; n <= 67; n += 11) {
                        sgd_case c = sgd_case_new(n, momenta[m], decays[d], scales[s], v);
                        check(&c);
                        sgd_case_free(&c);
                    }
    for (int64_t n = 1; n <= 70; n++) {
        sgd_case c = sgd_case_new(n, 0.9, 1e-4, 1.0, 1);
        check(&c);
        sgd_case_free(&c);
    }
    sgd_case c = sgd_case_new(40009, 0.9, 1e-4, 0.25, 1);
    check(&c);
    sgd_case_free(&c);
    gradient_report("sgd", ref_limit, cpu_limit);
}

/* A constant gradient: v_t = g (1 - mu^t) / (1 - mu). A gradient of 0: w (1 - lr decay)^t. */
static void closed_forms(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++) {
        const adi_backend *be = b ? &adi_backend_cpu : &adi_backend_ref;
        sgd_case c = sgd_case_new(37, 0.9, 0.0, 1.0, 1), z = sgd_case_new(37, 0.0, 0.1, 1.0, 0);
        for (int64_t i = 0; i < STEPS * c.n; i++) {
            c.g[i] = c.g[i % c.n];
            z.g[i] = 0.0f;
        }
        float *got = run(&c, be, 2), *shrunk = run(&z, be, 2);
        for (int64_t i = 0; i < c.n; i++) {
            double w = c.w[i], v = 0.0;
            for (int t = 1; t <= STEPS; t++) {
                v = c.g[i] * (1.0 - pow(0.9, t)) / (1.0 - 0.9);
                w -= 0.4 * v;
            }
            assert_true(fabs(got[i] - w) <= 2e-5 && fabs(got[c.n + i] - v) <= 4e-6);
            assert_true(fabs(shrunk[i] - z.w[i] * pow(1.0 - 0.4 * 0.1, STEPS)) <= 6e-7);
        }
        guarded_free(got, "constant");
        guarded_free(shrunk, "zero");
        sgd_case_free(&c);
        sgd_case_free(&z);
    }
}

/* With momentum 0 it is all the same whether there is a velocity. */
static void velocity_is_optional(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++) {
        sgd_case c = sgd_case_new(67, 0.0, 1e-4, 0.5, 0);
        float *without = run(&c, b ? &adi_backend_cpu : &adi_backend_ref, 1);
        c.with_velocity = 1;
        float *with = run(&c, b ? &adi_backend_cpu : &adi_backend_ref, 1);
        op_same_bits(c.name, with, without, (size_t)c.n * sizeof *with);
        guarded_free(with, c.name);
        guarded_free(without, c.name);
        sgd_case_free(&c);
    }
}

/* In a gradient, at any step: its parameter is NaN from then on, and no other. */
static void nan_survives(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++)
        for (int i = 0; i < 40; i++) {
            sgd_case c = sgd_case_new(op_int(1, 40), i % 2 ? 0.9 : 0.0, 0.0, i % 3 ? 1.0 : 0.0, 1);
            const int64_t at = op_int(0, c.n - 1);
            c.g[op_int(0, STEPS - 1) * c.n + at] = NAN;
            float *all = run(&c, b ? &adi_backend_cpu : &adi_backend_ref, 2);
            for (int64_t j = 0; j < c.n; j++)
                assert_int_equal(!!isnan(all[j]), j == at);
            guarded_free(all, c.name);
            sgd_case_free(&c);
        }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps),
        cmocka_unit_test(closed_forms),
        cmocka_unit_test(velocity_is_optional),
        cmocka_unit_test(nan_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
