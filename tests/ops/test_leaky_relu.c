/* leaky_relu, clamp, gain and divide: ref against one-line formulas, backward also against central
 * differences away from the kinks, cpu against ref; apart and in place; kinks, infinities and
 * NaN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* Relative to the result: ref rounds once, cpu the number and the product. What is not multiplied
 * is exact. */
static const double ref_limit = 6.1e-8, cpu_limit = 1.9e-7, differences_limit = 1.3e-7;

enum kind { LEAKY, LEAKY_BWD, CLAMP, CLAMP_BWD, GAIN, DIVIDE, KINDS };
static const char *const names[] = {"leaky_relu", "leaky_relu_bwd", "clamp", "clamp_bwd", "gain",
                                    "divide"};

typedef struct map_case {
    enum kind kind;
    int in_place;
    double by; /* slope, limit or factor */
    int64_t n;
    float *x, *y; /* guarded: x or dy, and the result of forward where it is wanted */
    double *xd;   /* what y was made of */
    char name[80];
} map_case;

static double forward(enum kind kind, double x, double by)
{
    if (kind == DIVIDE)
        return x / by;
    if (kind == GAIN)
        return (float)by * x;
    if (kind == LEAKY || kind == LEAKY_BWD)
        return x < 0.0 ? by * x : x;
    return x > (float)by ? (float)by : x < -(float)by ? -(float)by : x;
}

/* As PyTorch: at 0 the slope. At a limit 0, since what was beyond is there, too; NaN lets dy
 * through. */
static double want_of(const map_case *c, int64_t i)
{
    const double x = c->x[i];
    if (c->kind == LEAKY_BWD)
        return c->y[i] <= 0.0f ? c->by * x : x;
    if (c->kind == CLAMP_BWD)
        return fabsf(c->y[i]) >= (float)c->by ? 0.0 : x;
    return forward(c->kind, x, c->by);
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const map_case *c = of;
    const adi_kernels *k = be->kernels;
    const adi_exec ex = {threads, NULL, NULL};
    const float factor = (float)c->by;
    float *x = op_copy(c->x, c->n), *y = c->in_place ? x : guarded_floats(c->n);
    const ad_status status = c->kind == LEAKY ? k->leaky_relu_fwd(&ex, y, x, c->by, c->n)
                             : c->kind == LEAKY_BWD
                                 ? k->leaky_relu_bwd(&ex, y, x, c->y, c->by, c->n)
                             : c->kind == CLAMP     ? k->clamp_fwd(&ex, y, x, c->by, c->n)
                             : c->kind == CLAMP_BWD ? k->clamp_bwd(&ex, y, x, c->y, c->by, c->n)
                             : c->kind == DIVIDE    ? k->divide_fwd(&ex, y, x, c->by, c->n)
                                                    : k->gain_fwd(&ex, y, x, &factor, c->n);
    assert_int_equal(status, AD_OK);
    if (!c->in_place)
        guarded_free(x, c->name);
    return y;
}

/* Of the limit's or of any scale; special: every fourth where a kernel has to decide. */
static float *some_floats(const map_case *c, int64_t n, int special)
{
    const float by = (float)c->by;
    const float list[] = {0.0f,    -0.0f, INFINITY, -INFINITY,            NAN,       1e-45f,
                          -1e-45f, by,    -by,      nextafterf(by, 0.0f), -2.0f * by};
    float *x = op_floats(n, c->kind == CLAMP || c->kind == CLAMP_BWD ? 1.5 * c->by : 9.0);
    for (int64_t i = 0; special && i < n; i++)
        if (op_int(0, 3) == 0)
            x[i] = list[op_int(0, sizeof list / sizeof *list - 1)];
    return x;
}

static map_case map_case_new(enum kind kind, double by, int64_t n, int special)
{
    map_case c = {.kind = kind, .by = by, .n = n};
    snprintf(c.name, sizeof c.name, "%s of %g, %lld values", names[kind], by, (long long)n);
    c.x = some_floats(&c, n, special);
    c.y = some_floats(&c, n, special);
    c.xd = gradient_doubles(c.y, n);
    for (int64_t i = 0; i < n; i++)
        c.y[i] = (float)forward(kind, c.xd[i], by);
    return c;
}

static void map_case_free(map_case *c)
{
    guarded_free(c->x, c->name);
    guarded_free(c->y, c->name);
    guarded_free(c->xd, c->name);
}

static void check(enum kind kind, double by, int64_t n, int special)
{
    map_case c = map_case_new(kind, by, n, special);
    float *want = guarded_floats(n), *unit = guarded_floats(n);
    for (int64_t i = 0; i < n; i++) {
        want[i] = (float)want_of(&c, i);
        const int copied = want[i] == c.x[i] || kind == CLAMP || kind == CLAMP_BWD;
        unit[i] = copied ? 1e-30f : fabsf(want[i]) + 1e-36f; /* of 1e-30 no error is small enough */
    }
    float *ref = gradient_backends(c.name, run, &c, unit, n, cpu_limit);
    gradient_close(c.name, ref, want, unit, n, ref_limit);
    for (int b = 0; b < 2; b++) {
        const adi_backend *be = b ? &adi_backend_cpu : &adi_backend_ref;
        c.in_place = 0;
        float *apart = run(&c, be, 2);
        c.in_place = 1;
        float *again = run(&c, be, 3);
        op_same_bits(c.name, again, apart, (size_t)n * sizeof *apart);
        guarded_free(apart, c.name);
        guarded_free(again, c.name);
    }
    float *const all[] = {want, unit, ref};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c.name);
    map_case_free(&c);
}

/* Slopes and limits as the graph's format allows them; the last sizes are on either side of a
 * task's block. */
static void formulas(void **state)
{
    (void)state;
    static const double slopes[] = {0.2, 0.01, 1e-6, 1.0}, limits[] = {6.0, 1e6, 0.1, 1e30};
    static const double factors[] = {0.0, 1.0, -1.0, 0.3, -1e-3, 1e5};
    static const int64_t sizes[] = {1000, 8191, 8192, 8193, 20011};
    for (int special = 0; special < 2; special++)
        for (int64_t i = 0; i <= 45; i++) {
            const int64_t n = i <= 40 ? i : sizes[i - 41];
            for (int64_t j = i % 2; j < 4; j += 2) {
                check(LEAKY, slopes[j], n, special);
                check(LEAKY_BWD, slopes[j], n, special);
                check(CLAMP, limits[j], n, special);
                check(CLAMP_BWD, limits[j], n, special);
            }
            for (int64_t j = i % 2; j < 6; j += 2)
                check(GAIN, factors[j], n, special);
            for (int64_t j = 1 + i % 2; j < 6; j += 2)
                check(DIVIDE, 3.0 * factors[j], n, special);
        }
    gradient_report("leaky_relu, clamp and gain", ref_limit, cpu_limit);
}

static double loss(const void *of)
{
    const map_case *c = of;
    double sum = 0.0;
    for (int64_t i = 0; i < c->n; i++)
        sum += c->x[i] * forward(c->kind, c->xd[i], c->by);
    return sum;
}

static void gradients(void **state)
{
    (void)state;
    for (int64_t n = 1; n < 400; n += 57)
        for (int kind = LEAKY_BWD; kind <= CLAMP_BWD; kind += CLAMP_BWD - LEAKY_BWD) {
            map_case c = map_case_new((enum kind)kind, kind == LEAKY_BWD ? 0.2 : 4.0, n, 0);
            for (int64_t i = 0; i < n; i++) { /* not at a kink */
                const double kink = kind == LEAKY_BWD ? 0.0 : copysign(4.0, c.xd[i]);
                c.xd[i] += fabs(c.xd[i] - kink) < 0.01 ? 0.05 : 0.0;
                c.y[i] = (float)forward(c.kind, c.xd[i], c.by);
            }
            float *got = run(&c, &adi_backend_ref, 1);
            gradient_check(c.name, loss, &c, c.xd, got, NULL, n, 1e-3, differences_limit);
            guarded_free(got, c.name);
            map_case_free(&c);
        }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {cmocka_unit_test(formulas), cmocka_unit_test(gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
