/* Activations, backward from their result: ref against central differences of the formula in double
 * away from its kinks, cpu against ref; apart and in place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* In units of dy, by which the slope of sigmoid, at most 1/4, is multiplied. Its 1 - y keeps the
 * rounding of y, 6e-8 at most. The others copy. */
static const double differences_limit = 1.3e-7, sigmoid_limit = 1e-7;

typedef struct act_case {
    adi_pc d;
    adi_act act;
    int in_place;
    int64_t n;
    float *x, *y, *dy; /* guarded */
    double *xd;
    char name[80];
} act_case;

static double loss(const void *of)
{
    const act_case *a = of;
    double sum = 0.0;
    for (int64_t i = 0; i < a->n; i++)
        sum += a->dy[i] * op_act_formula(a->xd[i], a->act);
    return sum;
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const act_case *a = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *dy = op_copy(a->dy, a->n), *dx = a->in_place ? dy : guarded_floats(a->n);
    assert_int_equal(be->kernels->activation_bwd(&ex, dx, dy, a->y, a->act, a->d), AD_OK);
    if (!a->in_place)
        guarded_free(dy, a->name);
    return dx;
}

static const adi_act acts[] = {ADI_ACT_RELU, ADI_ACT_RELU6, ADI_ACT_SIGMOID};

static act_case act_case_new(adi_pc d, adi_act act, double scale)
{
    act_case a = {.d = d, .act = act, .n = d.p * d.c};
    snprintf(a.name, sizeof a.name, "%lldx%lld, %s", (long long)d.p, (long long)d.c,
             op_act_name(act));
    a.x = op_floats(a.n, scale);
    for (int64_t i = 0; i < a.n; i++)
        if (fabsf(a.x[i]) < 0.01f || fabsf(a.x[i] - 6.0f) < 0.01f)
            a.x[i] += 0.05f;
    a.y = guarded_floats(a.n);
    const adi_exec one = {1, NULL, NULL};
    assert_int_equal(adi_backend_ref.kernels->activation_fwd(&one, a.y, a.x, act, d), AD_OK);
    a.dy = op_floats(a.n, 1.0);
    a.xd = gradient_doubles(a.x, a.n);
    return a;
}

static void act_case_free(act_case *a)
{
    void *const all[] = {a->x, a->y, a->dy, a->xd};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], a->name);
}

static void check(adi_pc d, adi_act act)
{
    act_case a = act_case_new(d, act, act == ADI_ACT_SIGMOID ? 5.0 : 9.0);
    float *unit = op_copy(a.dy, a.n);
    for (int64_t i = 0; i < a.n; i++)
        unit[i] = fabsf(a.dy[i]);
    const double limit = act == ADI_ACT_SIGMOID ? sigmoid_limit : 0.0;
    float *ref = gradient_backends(a.name, run, &a, unit, a.n, limit);
    gradient_check(a.name, loss, &a, a.xd, ref, unit, a.n, 1e-3, differences_limit);
    a.in_place = 1;
    float *again = gradient_backends(a.name, run, &a, unit, a.n, limit);
    op_same_bits(a.name, again, ref, (size_t)a.n * sizeof *ref);
    guarded_free(unit, a.name);
    guarded_free(ref, a.name);
    guarded_free(again, a.name);
    act_case_free(&a);
}

static void gradients(void **state)
{
    (void)state;
    static const adi_pc sizes[] = {{1, 1},  {2, 2},   {3, 5},    {49, 64},
                                   {64, 8}, {65, 31}, {129, 67}, {1, 1000}};
    for (size_t act = 0; act < 3; act++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            check(sizes[i], acts[act]);
        for (int64_t c = 1; c <= 67; c++)
            check((adi_pc){3, c}, acts[act]);
    }
    gradient_report("activation_bwd", differences_limit, sigmoid_limit);
}

/* At a kink the gradient is 0, as PyTorch's; what is flat stops even a NaN; a NaN in y is never
 * turned into 0. */
static void kinks_and_nan(void **state)
{
    (void)state;
    static const float y[] = {0.0f, -0.0f, 6.0f, 1e-45f, 5.9999995f, 3.0f, NAN, 1.0f, 0.0f, 7.0f};
    static const float dy[] = {2.0f, 2.0f, 2.0f, 2.0f, 2.0f, NAN, 2.0f, INFINITY, NAN, 2.0f};
    static const float relu[] = {0, 0, 2, 2, 2, NAN, 2, INFINITY, 0, 2};
    static const float relu6[] = {0, 0, 0, 2, 2, NAN, 2, INFINITY, 0, 0};
    enum { N = sizeof y / sizeof *y };
    for (int be = 0; be < 2; be++)
        for (int six = 0; six < 2; six++)
            for (int64_t c = 1; c < 40; c++) { /* every place in a vector */
                const adi_pc d = {N, c};
                float *wide_y = guarded_floats(N * c), *dx = guarded_floats(N * c);
                float *want = guarded_floats(N * c);
                for (int64_t i = 0; i < N * c; i++) {
                    wide_y[i] = y[i % N];
                    dx[i] = dy[i % N];
                    want[i] = (six ? relu6 : relu)[i % N];
                }
                const adi_exec ex = {2, NULL, NULL};
                const adi_kernels *k = (be ? &adi_backend_cpu : &adi_backend_ref)->kernels;
                const adi_act act = six ? ADI_ACT_RELU6 : ADI_ACT_RELU;
                assert_int_equal(k->activation_bwd(&ex, dx, dx, wide_y, act, d), AD_OK);
                op_close(be ? "cpu" : "ref", dx, want, NULL, N * c, 0.0);
                guarded_free(wide_y, "y");
                guarded_free(dx, "dx");
                guarded_free(want, "want");
            }
}

/* Sigmoid at its ends, and NaN in either. */
static void sigmoid_ends(void **state)
{
    (void)state;
    float y[] = {0.0f, 1.0f, 0.5f, NAN, 0.5f}, dy[] = {2.0f, 2.0f, 2.0f, 2.0f, NAN}, dx[5];
    const float want[] = {0.0f, 0.0f, 0.5f, NAN, NAN};
    for (int be = 0; be < 2; be++) {
        const adi_exec ex = {1, NULL, NULL};
        const adi_kernels *k = (be ? &adi_backend_cpu : &adi_backend_ref)->kernels;
        assert_int_equal(k->activation_bwd(&ex, dx, dy, y, ADI_ACT_SIGMOID, (adi_pc){1, 5}), AD_OK);
        op_close("sigmoid", dx, want, NULL, 5, 0.0);
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),
        cmocka_unit_test(kinks_and_nan),
        cmocka_unit_test(sigmoid_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
