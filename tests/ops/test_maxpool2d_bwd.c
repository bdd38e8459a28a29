/* maxpool2d, backward: ref against central differences of a pool in double whose inputs keep apart;
 * where they are equal, against the rule that the first takes all; cpu against ref. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"
#include "pool_shape.h"

/* In units of the sum of the terms' sizes: at most 49 values, summed in float in any order. */
static const double ref_limit = 5e-7, cpu_limit = 1e-6;

typedef struct pool_case {
    adi_pool2d_dims d;
    int64_t inputs, outputs;
    float *x, *dy; /* guarded */
    double *xd;
    char name[POOL_NAME];
} pool_case;

/* Distinct multiples of 0.01 in a random order, so that no difference moves one past another. */
static void keep_apart(float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t j = op_int(0, i);
        x[i] = x[j];
        x[j] = 0.01f * (float)(i - count / 2);
    }
}

static pool_case pool_case_new(const adi_pool2d_dims *d)
{
    pool_case c = {.d = *d};
    c.inputs = d->n * d->h * d->w * d->c;
    c.outputs = d->n * d->oh * d->ow * d->c;
    pool_name(c.name, d);
    c.x = guarded_floats(c.inputs);
    keep_apart(c.x, c.inputs);
    c.dy = op_floats(c.outputs, 1.0);
    c.xd = gradient_doubles(c.x, c.inputs);
    return c;
}

static void pool_case_free(pool_case *c)
{
    guarded_free(c->x, c->name);
    guarded_free(c->dy, c->name);
    guarded_free(c->xd, c->name);
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const pool_case *c = of;
    float *dx = guarded_floats(c->inputs);
    const adi_exec ex = {threads, NULL, NULL};
    assert_int_equal(be->kernels->maxpool2d_bwd(&ex, dx, c->dy, c->x, &c->d), AD_OK);
    return dx;
}

/* Index into x of tap k of the window of output `at`, or -1 where it is outside. */
static int64_t tap_of(const pool_case *c, int64_t at, int64_t k)
{
    const adi_pool2d_dims *d = &c->d;
    const int64_t ch = at % d->c, ox = at / d->c % d->ow, oy = at / d->c / d->ow % d->oh;
    const int64_t iy = oy * d->stride - d->pad_top + k / d->k;
    const int64_t ix = ox * d->stride - d->pad_left + k % d->k;
    if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w)
        return -1;
    return ((at / d->c / d->ow / d->oh * d->h + iy) * d->w + ix) * d->c + ch;
}

static double loss(const void *of)
{
    const pool_case *c = of;
    double sum = 0.0;
    for (int64_t at = 0; at < c->outputs; at++) {
        double best = -INFINITY;
        for (int64_t k = 0; k < c->d.k * c->d.k; k++) {
            const int64_t i = tap_of(c, at, k);
            if (i >= 0)
                best = fmax(best, c->xd[i]);
        }
        sum += best == -INFINITY ? 0.0 : c->dy[at] * best;
    }
    return sum;
}

/* From the last tap to the first, so that of equals the first remains. A NaN is more than anything,
 * and of several the last one, as in PyTorch. */
static float *formula(const pool_case *c, float *size)
{
    float *dx = guarded_floats(c->inputs);
    double *sum = guarded_doubles(c->inputs);
    for (int64_t i = 0; i < c->inputs; i++) {
        sum[i] = 0.0;
        size[i] = 0.0f;
    }
    for (int64_t at = 0; at < c->outputs; at++) {
        int64_t taker = -1;
        for (int64_t k = c->d.k * c->d.k - 1; k >= 0; k--) {
            const int64_t i = tap_of(c, at, k);
            if (i >= 0 && (taker < 0 || (!isnan(c->x[taker]) && !(c->x[i] < c->x[taker]))))
                taker = i;
        }
        if (taker >= 0) {
            sum[taker] += c->dy[at];
            size[taker] += fabsf(c->dy[at]);
        }
    }
    for (int64_t i = 0; i < c->inputs; i++)
        dx[i] = (float)sum[i];
    guarded_free(sum, c->name);
    return dx;
}

static void check(const pool_case *c, int by_differences, double to_ref, double to_cpu)
{
    float *unit = guarded_floats(c->inputs), *want = formula(c, unit);
    float *ref = gradient_backends(c->name, run, c, unit, c->inputs, to_cpu);
    gradient_close(c->name, ref, want, unit, c->inputs, to_ref);
    if (by_differences)
        gradient_check(c->name, loss, c, c->xd, ref, unit, c->inputs, 1e-3, to_ref);
    guarded_free(ref, c->name);
    guarded_free(want, c->name);
    guarded_free(unit, c->name);
}

/* n h w c, oh ow, k stride pad top left */
static const adi_pool2d_dims shapes[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 0, 0},   {1, 1, 1, 3, 1, 1, 3, 2, 1, 1},
    {2, 9, 11, 64, 5, 6, 3, 2, 1, 1}, /* a ResNet's */
    {5, 8, 8, 16, 4, 4, 2, 2, 0, 0},  /* a U-Net's */
    {1, 8, 8, 67, 4, 4, 3, 2, 0, 0},  /* SAME at even size: padding after only */
    {1, 9, 9, 5, 3, 3, 2, 3, 0, 0},   /* inputs between windows */
    {1, 4, 4, 5, 4, 4, 3, 3, 3, 3},   /* windows that lie outside altogether */
    {1, 2, 2, 9, 1, 1, 7, 1, 2, 3},   {1, 13, 3, 31, 9, 1, 5, 1, 0, 1},
    {1, 8, 8, 3, 8, 8, 7, 1, 3, 3}, /* 49 windows over one input */
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void differences(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        const adi_pool2d_dims d = i < SHAPES ? shapes[i] : pool_random(6000);
        pool_case c = pool_case_new(&d);
        check(&c, 1, ref_limit, cpu_limit);
        pool_case_free(&c);
    }
    gradient_report("maxpool2d_bwd", ref_limit, cpu_limit);
}

/* Few different values, and whole gradients: what equals what matters everywhere, and nothing
 * rounds. */
static void first_of_equals(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++) {
        const adi_pool2d_dims d = i < SHAPES ? shapes[i] : pool_random(40000);
        pool_case c = pool_case_new(&d);
        for (int64_t j = 0; j < c.inputs; j++) /* zeros of both signs are equal, too */
            c.x[j] = (const float[]){0.0f, -0.0f, 1.0f, -INFINITY, 1e-45f}[op_int(0, i % 5)];
        for (int64_t j = 0; j < c.outputs; j++)
            c.dy[j] = (float)op_int(-9, 9);
        check(&c, 0, 0.0, 0.0);
        pool_case_free(&c);
    }
}

/* In the input: it takes the gradient as the largest would. In dy: it arrives, once. */
static void nan_survives(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        const adi_pool2d_dims d = i < SHAPES ? shapes[i] : pool_random(40000);
        pool_case c = pool_case_new(&d);
        for (int64_t j = op_int(0, 5); j < c.inputs; j += op_int(1, 40))
            c.x[j] = NAN;
        for (int64_t j = 0; j < c.outputs; j++)
            c.dy[j] = (float)op_int(-9, 9);
        check(&c, 0, 0.0, 0.0);
        c.dy[op_int(0, c.outputs - 1)] = NAN;
        check(&c, 0, 0.0, 0.0);
        pool_case_free(&c);
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences),
        cmocka_unit_test(first_of_equals),
        cmocka_unit_test(nan_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
