/* adam_step: ten steps against the same in double, and against closed forms; cpu against ref. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* w in units of the largest parameter met and of all the steps together, m and v in units of the
 * largest gradient and its square: ten steps that round a few times each. */
static const double ref_limit = 6e-7, cpu_limit = 1.5e-6;
enum { STEPS = 10 };

typedef struct adam_case {
    adi_adam o;
    int64_t n;
    float *w, *g; /* guarded; g: STEPS of them */
    char name[140];
} adam_case;

/* w, m, v. */
static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const adam_case *c = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *w = op_copy(c->w, c->n), *m = guarded_floats(c->n), *v = guarded_floats(c->n);
    memset(m, 0, (size_t)c->n * sizeof *m);
    memset(v, 0, (size_t)c->n * sizeof *v);
    for (int t = 0; t < STEPS; t++) {
        adi_adam o = c->o;
        o.step = t + 1;
        assert_int_equal(be->kernels->adam_step(&ex, w, m, v, c->g + t * c->n, &o, c->n), AD_OK);
    }
    float *all = guarded_floats(3 * c->n);
    gradient_pack(gradient_pack(gradient_pack(all, w, c->n, c->name), m, c->n, c->name), v, c->n,
                  c->name);
    return all;
}

static adam_case adam_case_new(int64_t n, double decay, double scale, double eps, double size)
{
    adam_case c = {.o = {.lr = 1e-2,
                         .beta1 = 0.9,
                         .beta2 = 0.999,
                         .eps = eps,
                         .weight_decay = decay,
                         .grad_scale = scale},
                   .n = n};
    snprintf(c.name, sizeof c.name, "%lld values of %g, decay %g, scale %g, eps %g", (long long)n,
             size, decay, scale, eps);
    c.w = op_floats(n, 1.0);
    c.g = op_floats(STEPS * n, size);
    for (int64_t i = 0; i < STEPS * n; i++) /* not so near 0 that the direction is in doubt */
        c.g[i] += (float)(c.g[i] < 0.0f ? -0.01 * size : 0.01 * size);
    return c;
}

static void adam_case_free(adam_case *c)
{
    guarded_free(c->w, c->name);
    guarded_free(c->g, c->name);
}

/* Moments as weighted means of all gradients so far: what the corrected running ones are. */
static void formula(const adam_case *c, float *want, float *unit)
{
    const adi_adam *o = &c->o;
    for (int64_t i = 0; i < c->n; i++) {
        double w = c->w[i], g[STEPS], largest = fabs(w), steepest = 0.0, m = 0.0, v = 0.0;
        for (int step = 0; step < STEPS; step++) {
            double m_weights = 0.0, v_weights = 0.0;
            m = v = 0.0;
            g[step] = o->grad_scale * c->g[step * c->n + i] + o->weight_decay * w;
            steepest = fmax(steepest, fabs(g[step]));
            for (int t = 0; t <= step; t++) {
                const double b1 = pow(o->beta1, step - t), b2 = pow(o->beta2, step - t);
                m += b1 * g[t];
                v += b2 * g[t] * g[t];
                m_weights += b1;
                v_weights += b2;
            }
            w -= o->lr * (m / m_weights) / (sqrt(v / v_weights) + o->eps);
            largest = fmax(largest, fabs(w));
        }
        want[i] = (float)w;
        want[c->n + i] = (float)(m * (1.0 - o->beta1));
        want[2 * c->n + i] = (float)(v * (1.0 - o->beta2));
        unit[i] = (float)(largest + STEPS * o->lr);
        unit[c->n + i] = (float)steepest;
        unit[2 * c->n + i] = (float)(steepest * steepest * (1.0 - o->beta2) * STEPS);
    }
}

static void check(const adam_case *c)
{
    float *want = guarded_floats(3 * c->n), *unit = guarded_floats(3 * c->n);
    formula(c, want, unit);
    float *ref = gradient_backends(c->name, run, c, unit, 3 * c->n, cpu_limit);
    gradient_close(c->name, ref, want, unit, 3 * c->n, ref_limit);
    guarded_free(ref, c->name);
    guarded_free(want, c->name);
    guarded_free(unit, c->name);
}

static void ten_steps(void **state)
{
    (void)state;
    static const double decays[] = {0.0, 1e-4, 0.1}, scales[] = {1.0, 0.37}, eps[] = {1e-8, 1e-3};
    static const double sizes[] = {1.0, 1e-4, 1e3};
    for (int d = 0; d < 3; d++)
        for (int s = 0; s < 2; s++)
            for (int e = 0; e < 2; e++)
                for (int z = 0; z < 3; z++)
                    for (int64_t n = 1; n <= 67; n += 22) {
                        /* decay does not let large weights cross small gradients */
                        adam_case c = adam_case_new(n, sizes[z] < 1.0 ? 0.0 : decays[d], scales[s],
                                                    eps[e], sizes[z]);
                        check(&c);
                        adam_case_free(&c);
                    }
    for (int64_t n = 1; n <= 70; n++) {
        adam_case c = adam_case_new(n, 1e-4, 1.0, 1e-8, 1.0);
        check(&c);
        adam_case_free(&c);
    }
    adam_case c = adam_case_new(40009, 1e-4, 0.25, 1e-8, 1.0);
    check(&c);
    adam_case_free(&c);
    gradient_report("adam", ref_limit, cpu_limit);
}

/* A constant gradient moves by lr g / (|g| + eps) each step; one of 0 does not move at all. */
static void closed_forms(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++) {
        adam_case c = adam_case_new(37, 0.0, 1.0, 1e-3, 1.0);
        for (int64_t i = 0; i < STEPS * c.n; i++)
            c.g[i] = i % c.n ? c.g[i % c.n] : 0.0f;
        float *got = run(&c, b ? &adi_backend_cpu : &adi_backend_ref, 2);
        for (int64_t i = 0; i < c.n; i++) {
            const double each = c.o.lr * c.g[i] / (fabs(c.g[i]) + c.o.eps);
            assert_true(fabs(got[i] - (c.w[i] - STEPS * each)) <= 1e-6);
        }
        assert_true(got[0] == c.w[0] && got[c.n] == 0.0f && got[2 * c.n] == 0.0f);
        guarded_free(got, "constant");
        adam_case_free(&c);
    }
}

/* After many steps the correction is 1, and neither its powers nor their difference from 1 go
 * wrong. */
static void late_steps(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++)
        for (int64_t step = 1000; step <= 1000000000000; step *= 1000) {
            const adi_exec ex = {1, NULL, NULL};
            const adi_adam o = {0.1, 0.9, 0.999, 1e-8, 0.0, 1.0, step};
            float w[] = {1.0f}, m[] = {0.5f}, v[] = {0.25f}, g[] = {0.5f};
            const adi_kernels *k = (b ? &adi_backend_cpu : &adi_backend_ref)->kernels;
            assert_int_equal(k->adam_step(&ex, w, m, v, g, &o, 1), AD_OK);
            const double correct = step > 1000 ? 1.0 : 1.0 - pow(0.999, 1000.0);
            assert_true(fabs(w[0] - (1.0 - 0.1 * sqrt(correct))) <= 2e-7);
        }
}

/* In a gradient, at any step: its parameter is NaN from then on, and no other. */
static void nan_survives(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++)
        for (int i = 0; i < 40; i++) {
            adam_case c = adam_case_new(op_int(1, 40), 0.0, i % 3 ? 1.0 : 0.0, 1e-8, 1.0);
            const int64_t at = op_int(0, c.n - 1);
            c.g[op_int(0, STEPS - 1) * c.n + at] = i % 2 ? NAN : INFINITY;
            float *all = run(&c, b ? &adi_backend_cpu : &adi_backend_ref, 2);
            for (int64_t j = 0; j < c.n; j++)
                assert_int_equal(!!isnan(all[j]), j == at);
            guarded_free(all, c.name);
            adam_case_free(&c);
        }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps),
        cmocka_unit_test(closed_forms),
        cmocka_unit_test(late_steps),
        cmocka_unit_test(nan_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
