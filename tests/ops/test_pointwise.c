/* batchnorm, activation, add and mul: ref against one-line formulas, cpu against ref; separate
 * and in place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/op_case.h"

/* Batch norm, in units of |x scale| + |shift|: cpu multiplies and adds in float, two roundings or,
 * where the compiler contracts them, one. Activation and add round at most once on both: exact. */
static const double batchnorm_limit = 1.3e-7;

static const adi_pc sizes[] = {{1, 1},  {1, 3},   {2, 2},   {3, 5},    {49, 64},  {63, 17},
                               {64, 8}, {65, 31}, {5, 257}, {129, 67}, {1, 1000}, {0, 5}};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* Numbers of every kind, so that each activation meets its edges. */
static float *special_floats(int64_t count)
{
    static const float special[] = {0.0f,       -0.0f,    6.0f,      -6.0f, 6.0000005f,
                                    5.9999995f, INFINITY, -INFINITY, NAN,   -NAN,
                                    1e-45f,     -1e-45f,  3e38f,     -3e38f};
    float *x = op_floats(count, 10.0);
    for (int64_t i = 0; i < count; i++)
        if (op_int(0, 3) == 0)
            x[i] = special[op_int(0, 13)];
    return x;
}

enum kind { BATCHNORM, ACTIVATION, ADD, MUL };

/* b: the second operand of add; scale and shift of batchnorm, and the gate of mul, are in p. */
static void call(enum kind kind, const adi_backend *be, int32_t threads, float *y, const float *x,
                 const float *b, const float *p, adi_act act, adi_pc d)
{
    const adi_exec ex = {threads, NULL, NULL};
    const adi_kernels *k = be->kernels;
    const ad_status status = kind == BATCHNORM ? k->batchnorm_fwd(&ex, y, x, p, p + d.c, act, d)
                             : kind == ADD     ? k->add_fwd(&ex, y, x, b, act, d)
                             : kind == MUL     ? k->mul_fwd(&ex, y, x, p, d)
                                               : k->activation_fwd(&ex, y, x, act, d);
    assert_int_equal(status, AD_OK);
}

static void check(enum kind kind, adi_pc d, adi_act act, int special)
{
    const int64_t n = d.p * d.c;
    const size_t bytes = (size_t)n * sizeof(float);
    const double limit = 1.1 * (kind == BATCHNORM ? batchnorm_limit : 0.0) + op_act_limit(act);
    char name[80];
    snprintf(name, sizeof name, "op %d, %lldx%lld, %s", (int)kind, (long long)d.p, (long long)d.c,
             op_act_name(act));
    float *x = special ? special_floats(n) : op_floats(n, 10.0);
    float *b = special ? special_floats(n) : op_floats(n, 10.0), *p = op_floats(2 * d.c, 2.0);
    float *want = guarded_floats(n), *unit = guarded_floats(n), *ref = guarded_floats(n);
    for (int64_t i = 0; i < n; i++) {
        const float scale = p[i % d.c], shift = p[d.c + i % d.c];
        const double before = kind == BATCHNORM ? (double)x[i] * scale + shift
                              : kind == ADD     ? x[i] + b[i]
                              : kind == MUL     ? x[i] * scale
                                                : x[i];
        want[i] = (float)op_act_formula(
            kind == BATCHNORM && act > ADI_ACT_RELU6 ? (float)before : before, act);
        unit[i] = kind == BATCHNORM ? fabsf(x[i] * scale) + fabsf(shift) : fabsf((float)before);
        if (!(unit[i] >= 1.0f && act != ADI_ACT_SIGMOID && unit[i] < INFINITY))
            unit[i] = 1.0f;
    }
    call(kind, &adi_backend_ref, 1, ref, x, b, p, act, d);
    op_close(name, ref, want, unit, n, 0.0);
    float *first = NULL;
    for (int t = 0; t < OP_THREADS; t++)
        for (int place = 0; place < (kind == ADD ? 3 : 2); place++) { /* apart, in x, in b */
            float *cx = op_copy(x, n), *cb = op_copy(b, n), *out = guarded_floats(n);
            float *y = place == 0 ? out : place == 1 ? cx : cb;
            call(kind, &adi_backend_cpu, op_threads[t], y, cx, cb, p, act, d);
            op_close(name, y, ref, unit, n, limit);
            if (!first)
                first = op_copy(y, n);
            op_same_bits(name, y, first, bytes);
            guarded_free(cx, name);
            guarded_free(cb, name);
            guarded_free(out, name);
        }
    call(kind, &adi_backend_ref, 1, x, x, b, p, act, d); /* ref in place */
    op_same_bits(name, x, ref, bytes);
    float *const all[] = {x, b, p, want, unit, ref, first};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], name);
}

static void check_all(enum kind kind)
{
    for (int i = 0; i < SIZES; i++)
        for (int act = 0; act < (kind == MUL ? 1 : OP_ACTS); act++)
            for (int special = 0; special < 2; special++)
                check(kind, sizes[i], (adi_act)act, special);
    for (int64_t c = 1; c <= 67; c++)
        check(kind, (adi_pc){7, c}, (adi_act)(kind == MUL ? 0 : c % OP_ACTS), 1);
}

static void batchnorm(void **state)
{
    (void)state;
    check_all(BATCHNORM);
    op_report("batchnorm", batchnorm_limit);
}

static void activation(void **state)
{
    (void)state;
    check_all(ACTIVATION);
}

static void add(void **state)
{
    (void)state;
    check_all(ADD);
}

static void mul(void **state)
{
    (void)state;
    check_all(MUL);
}

/* Everywhere that a float can be, and where sigmoid and silu end. */
static void exponentials(void **state)
{
    (void)state;
    enum { N = 1 << 16 };
    const adi_pc d = {N / 64, 64};
    float *x = guarded_floats(N), *y = guarded_floats(N);
    for (int act = ADI_ACT_SILU; act <= ADI_ACT_SIGMOID; act++)
        for (int range = 0; range < 3; range++) {
            for (int64_t i = 0; i < N; i++)
                x[i] = (float)((range == 0   ? 1.0
                                : range == 1 ? 20.0
                                             : 100.0) *
                               (2.0 * i / (N - 1) - 1.0));
            call(ACTIVATION, &adi_backend_cpu, 2, y, x, NULL, NULL, (adi_act)act, d);
            for (int64_t i = 0; i < N; i++) {
                const double want = op_act_formula(x[i], (adi_act)act);
                const double error = fabs(y[i] - want) / fmax(fabs(want), 1e-30);
                op_worst = fmax(op_worst, x[i] > -87.0f ? error : 0.0); /* beyond, denormals or 0 */
                assert_true(error <= 4e-7 || (x[i] <= -87.0f && fabs(y[i] - want) < 1e-35));
            }
        }
    op_report("silu and sigmoid, relative", 4e-7);
    guarded_free(x, "exponentials");
    guarded_free(y, "exponentials");
}

/* A tensor added to itself. */
static void add_to_itself(void **state)
{
    (void)state;
    const adi_pc d = {65, 9};
    const int64_t n = d.p * d.c;
    float *x = op_floats(n, 4.0), *y = guarded_floats(n);
    call(ADD, &adi_backend_cpu, 3, y, x, x, NULL, ADI_ACT_RELU6, d);
    for (int64_t i = 0; i < n; i++)
        assert_true(y[i] == (float)op_act_formula(2.0f * x[i], ADI_ACT_RELU6));
    guarded_free(x, "add");
    guarded_free(y, "add");
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batchnorm),
        cmocka_unit_test(activation),
        cmocka_unit_test(add),
        cmocka_unit_test(mul),
        cmocka_unit_test(exponentials),
        cmocka_unit_test(add_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
