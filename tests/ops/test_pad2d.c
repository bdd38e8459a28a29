/* pad2d: every position of the result has the bits of the nearest one inside, which is looked for;
 * the gradient of each position is the sum over its copies, and the adjoint of forward; cpu against
 * ref. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* In units of the terms' sizes. Both sum in double, in the same order, and round once. */
static const double ref_limit = 6.1e-8, cpu_limit = 0.0;

typedef struct pad_case {
    adi_pad2d_dims d;
    int backward;
    int64_t ow, in, out; /* a row of the result, and values */
    float *x, *dy;       /* guarded */
    char name[100];
} pad_case;

static pad_case pad_case_new(adi_pad2d_dims d, double scale)
{
    const int64_t oh = d.h + 2 * d.pad, ow = d.w + 2 * d.pad;
    pad_case c = {.d = d, .ow = ow, .in = d.n * d.h * d.w * d.c, .out = d.n * oh * ow * d.c};
    snprintf(c.name, sizeof c.name, "%lldx%lldx%lldx%lld, pad %lld", (long long)d.n, (long long)d.h,
             (long long)d.w, (long long)d.c, (long long)d.pad);
    c.x = op_floats(c.in, scale);
    c.dy = op_floats(c.out, scale);
    return c;
}

static void pad_case_free(pad_case *c)
{
    guarded_free(c->x, c->name);
    guarded_free(c->dy, c->name);
}

/* Where in x the value at `i` of the result comes from: of all positions of its image the
 * nearest. */
static int64_t source(const pad_case *c, int64_t i)
{
    const adi_pad2d_dims *d = &c->d;
    const int64_t channel = i % d->c, at = i / d->c % c->ow - d->pad, row = i / d->c / c->ow;
    const int64_t image = row / (d->h + 2 * d->pad), down = row % (d->h + 2 * d->pad) - d->pad;
    int64_t nearest = 0, least = INT64_MAX;
    for (int64_t p = 0; p < d->h * d->w; p++) {
        const int64_t a = p / d->w - down, b = p % d->w - at;
        if (a * a + b * b < least) {
            least = a * a + b * b;
            nearest = p;
        }
    }
    return (image * d->h * d->w + nearest) * d->c + channel;
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const pad_case *c = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *y = guarded_floats(c->backward ? c->in : c->out);
    if (c->backward)
        assert_int_equal(be->kernels->pad2d_bwd(&ex, y, c->dy, &c->d), AD_OK);
    else
        assert_int_equal(be->kernels->pad2d_fwd(&ex, y, c->x, &c->d), AD_OK);
    return y;
}

static void check(adi_pad2d_dims d)
{
    pad_case c = pad_case_new(d, 1.0);
    float *want = guarded_floats(c.in), *unit = guarded_floats(c.in),
          *copies = guarded_floats(c.out);
    double *sum = guarded_doubles(c.in), *size = guarded_doubles(c.in);
    double inner = 0.0, outer = 0.0, terms = 0.0;
    memset(sum, 0, (size_t)c.in * sizeof *sum);
    memset(size, 0, (size_t)c.in * sizeof *size);
    for (int64_t i = 0; i < c.out; i++) {
        const int64_t from = source(&c, i);
        copies[i] = c.x[from];
        sum[from] += c.dy[i];
        size[from] += fabsf(c.dy[i]);
    }
    for (int64_t i = 0; i < c.in; i++) {
        want[i] = (float)sum[i];
        unit[i] = (float)size[i];
    }
    float *y = gradient_backends(c.name, run, &c, NULL, c.out, 0.0);
    op_same_bits(c.name, y, copies, (size_t)c.out * sizeof *y);
    c.backward = 1;
    float *dx = gradient_backends(c.name, run, &c, unit, c.in, cpu_limit);
    gradient_close(c.name, dx, want, unit, c.in, ref_limit);
    for (int64_t i = 0; i < c.out; i++) {
        outer += (double)c.dy[i] * y[i];
        terms += fabs((double)c.dy[i] * y[i]);
    }
    for (int64_t i = 0; i < c.in; i++)
        inner += (double)dx[i] * c.x[i];
    assert_true(fabs(outer - inner) <= ref_limit * terms); /* each dx is rounded once */
    void *const all[] = {want, unit, copies, sum, size, y, dx};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c.name);
    pad_case_free(&c);
}

/* Borders wider than the map; channels on both sides of the 64 that are summed at once. */
static void sizes(void **state)
{
    (void)state;
    static const int64_t maps[][2] = {{1, 1}, {1, 2}, {1, 7}, {2, 1}, {6, 1},
                                      {2, 2}, {3, 5}, {7, 4}, {8, 8}};
    static const int64_t channels[] = {1, 2, 3, 7, 16, 63, 64, 65, 130};
    for (int m = 0; m < 9; m++)
        for (int64_t pad = 0; pad <= 4; pad++) {
            for (int c = 0; c < 9; c++)
                check((adi_pad2d_dims){1 + (m + c) % 3, maps[m][0], maps[m][1], channels[c], pad});
            check((adi_pad2d_dims){0, maps[m][0], maps[m][1], 5, pad});
        }
    gradient_report("pad2d", ref_limit, cpu_limit);
}

/* A NaN goes to its copies alone, and comes from them to where it was copied from. */
static void nan_survives(void **state)
{
    (void)state;
    for (int64_t pad = 0; pad <= 2; pad++)
        for (int64_t at = 0; at < 24; at++)
            for (int b = 0; b < 2; b++) {
                const adi_backend *be = b ? &adi_backend_cpu : &adi_backend_ref;
                pad_case c = pad_case_new((adi_pad2d_dims){1, 3, 4, 2, pad}, 1.0);
                c.x[at] = NAN;
                float *y = run(&c, be, 2);
                c.backward = 1;
                memcpy(c.dy, y, (size_t)c.out * sizeof *y);
                float *dx = run(&c, be, 2);
                for (int64_t i = 0; i < c.out; i++)
                    assert_int_equal(!!isnan(y[i]), source(&c, i) == at);
                for (int64_t i = 0; i < c.in; i++)
                    assert_int_equal(!!isnan(dx[i]), i == at);
                guarded_free(y, c.name);
                guarded_free(dx, c.name);
                pad_case_free(&c);
            }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes), cmocka_unit_test(nan_survives)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
