/* maxpool2d: a copy of one of its inputs, so ref, cpu and the definition agree to the bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pool_shape.h"

typedef struct pool_case {
    adi_pool2d_dims d;
    int64_t inputs, outputs;
    float *x; /* guarded */
    char name[POOL_NAME];
} pool_case;

static pool_case pool_case_new(const adi_pool2d_dims *d)
{
    pool_case c = {.d = *d};
    c.inputs = d->n * d->h * d->w * d->c;
    c.outputs = d->n * d->oh * d->ow * d->c;
    c.x = op_floats(c.inputs, 3.0);
    pool_name(c.name, d);
    return c;
}

static float *pool_case_run(const pool_case *c, const adi_backend *be, int32_t threads)
{
    float *y = guarded_floats(c->outputs);
    const adi_exec ex = {threads, NULL, NULL};
    assert_int_equal(be->kernels->maxpool2d_fwd(&ex, y, c->x, &c->d), AD_OK);
    return y;
}

/* The largest of what the window covers; NaN where it covers one; -infinity where it covers
 * nothing. */
static float *pool_case_formula(const pool_case *c)
{
    const adi_pool2d_dims *d = &c->d;
    float *y = guarded_floats(c->outputs);
    for (int64_t at = 0; at < c->outputs; at++) {
        const int64_t ch = at % d->c, ox = at / d->c % d->ow, oy = at / d->c / d->ow % d->oh;
        const float *x = c->x + at / d->c / d->ow / d->oh * d->h * d->w * d->c;
        float best = -INFINITY;
        int nan = 0;
        for (int64_t iy = 0; iy < d->h; iy++)
            for (int64_t ix = 0; ix < d->w; ix++) {
                const int64_t ky = iy + d->pad_top - oy * d->stride;
                const int64_t kx = ix + d->pad_left - ox * d->stride;
                if (ky < 0 || ky >= d->k || kx < 0 || kx >= d->k)
                    continue;
                const float v = x[(iy * d->w + ix) * d->c + ch];
                nan |= isnan(v);
                best = v > best ? v : best;
            }
        y[at] = nan ? NAN : best;
    }
    return y;
}

static void pool_case_check(const pool_case *c)
{
    float *want = pool_case_formula(c), *ref = pool_case_run(c, &adi_backend_ref, 1), *first = NULL;
    char name[160];
    snprintf(name, sizeof name, "ref %s", c->name);
    op_close(name, ref, want, NULL, c->outputs, 0.0);
    for (int t = 0; t < OP_THREADS; t++) {
        float *y = pool_case_run(c, &adi_backend_cpu, op_threads[t]);
        snprintf(name, sizeof name, "cpu %s", c->name);
        op_close(name, y, want, NULL, c->outputs, 0.0);
        if (first) {
            op_same_bits(name, y, first, (size_t)c->outputs * sizeof *y);
            guarded_free(y, name);
        } else {
            first = y;
        }
    }
    guarded_free(first, name);
    guarded_free(ref, name);
    guarded_free(want, name);
}

static void fixed_shapes(void **state)
{
    (void)state;
    /* n h w c, oh ow, k stride pad top left */
    static const adi_pool2d_dims shapes[] = {
        {1, 1, 1, 1, 1, 1, 1, 1, 0, 0},   {1, 1, 1, 3, 1, 1, 3, 2, 1, 1},
        {2, 9, 11, 64, 5, 6, 3, 2, 1, 1}, /* a ResNet's */
        {1, 8, 8, 67, 4, 4, 3, 2, 0, 0},  /* SAME at even size: padding after only */
        {3, 5, 7, 257, 2, 3, 2, 2, 0, 0}, {1, 7, 5, 17, 3, 2, 3, 3, 1, 1},
        {1, 4, 4, 5, 4, 4, 3, 3, 3, 3}, /* windows that lie outside altogether */
        {1, 2, 2, 9, 1, 1, 7, 1, 2, 3},   {1, 13, 3, 31, 9, 1, 5, 1, 0, 1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        pool_case c = pool_case_new(&shapes[i]);
        pool_case_check(&c);
        guarded_free(c.x, c.name);
    }
}

static void random_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++) {
        const adi_pool2d_dims d = pool_random(400000);
        pool_case c = pool_case_new(&d);
        for (int64_t j = 0; j < c.inputs;
             j += 11) /* both zeros, infinities, the smallest numbers */
            c.x[j] =
                (const float[]){0.0f, -0.0f, INFINITY, -INFINITY, 1e-45f, -1e-45f}[op_int(0, 5)];
        pool_case_check(&c);
        guarded_free(c.x, c.name);
    }
}

/* All-negative maps: padding must not count as zero. */
static void padding_is_not_zero(void **state)
{
    (void)state;
    const adi_pool2d_dims d = {1, 5, 5, 8, 3, 3, 3, 2, 1, 1};
    pool_case c = pool_case_new(&d);
    for (int64_t j = 0; j < c.inputs; j++)
        c.x[j] = -1.0f - fabsf(c.x[j]);
    pool_case_check(&c);
    guarded_free(c.x, c.name);
}

/* NaN at any place of a window, not only the last that is looked at. */
static void nan_survives(void **state)
{
    (void)state;
    for (int64_t place = 0; place < 9; place++)
        for (int64_t channels = 1; channels <= 20; channels++) {
            const adi_pool2d_dims d = {1, 3, 3, channels, 1, 1, 3, 1, 0, 0};
            pool_case c = pool_case_new(&d);
            for (int64_t j = 0; j < channels; j += 2)
                c.x[place * channels + j] = NAN;
            pool_case_check(&c);
            guarded_free(c.x, c.name);
        }
    for (int i = 0; i < 100; i++) {
        const adi_pool2d_dims d = pool_random(400000);
        pool_case c = pool_case_new(&d);
        c.x[op_int(0, c.inputs - 1)] = NAN;
        c.x[op_int(0, c.inputs - 1)] = -NAN;
        pool_case_check(&c);
        guarded_free(c.x, c.name);
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_shapes),
        cmocka_unit_test(random_shapes),
        cmocka_unit_test(padding_is_not_zero),
        cmocka_unit_test(nan_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
