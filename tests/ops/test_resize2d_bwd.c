/* resize of a map, backward: ref against central differences of an interpolation in double and
 * against its transpose everywhere, cpu against ref; nothing is read between the rows of dy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* In units of the sum of the terms' sizes. ref sums in double and rounds once, and what lies
 * half-way between two floats, as sums with weights of 1/2 and 1/4 do, may go to either; cpu may
 * take its fractions and sums in float. */
static const double ref_limit = 1.2e-7, cpu_limit = 6e-7, differences_limit = 1.3e-7;

typedef struct resize_case {
    adi_resize_dims d;
    int64_t inputs, rows; /* values of x; floats from the first of dy to its last */
    float *dy;            /* guarded; NaN between the rows */
    double *xd;
    char name[120];
} resize_case;

static resize_case resize_case_new(const adi_resize_dims *d)
{
    resize_case c = {.d = *d, .inputs = d->h * d->w * d->c};
    c.rows = (d->oh - 1) * d->y_stride + d->ow * d->c;
    snprintf(c.name, sizeof c.name, "%lldx%lldx%lld -> %lldx%lld, rows of %lld", (long long)d->h,
             (long long)d->w, (long long)d->c, (long long)d->oh, (long long)d->ow,
             (long long)d->y_stride);
    c.dy = op_floats(c.rows, 1.0);
    for (int64_t i = 0; i < c.rows; i++)
        if (i % d->y_stride >= d->ow * d->c)
            c.dy[i] = NAN;
    float *x = op_floats(c.inputs, 1.0);
    c.xd = gradient_doubles(x, c.inputs);
    guarded_free(x, c.name);
    return c;
}

static void resize_case_free(resize_case *c)
{
    guarded_free(c->dy, c->name);
    guarded_free(c->xd, c->name);
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const resize_case *c = of;
    float *dx = guarded_floats(c->inputs);
    const adi_exec ex = {threads, NULL, NULL};
    assert_int_equal(be->kernels->resize_bwd(&ex, dx, c->dy, &c->d), AD_OK);
    return dx;
}

/* Weight of input i in output o, as the tent of one sample's width around the clamped source. */
static double weight(int64_t o, int64_t i, int64_t in, int64_t out)
{
    double s = (double)((2 * o + 1) * in - out) / (double)(2 * out);
    s = s < 0.0 ? 0.0 : s > (double)(in - 1) ? (double)(in - 1) : s;
    const double t = 1.0 - fabs(s - (double)i);
    return t > 0.0 ? t : 0.0;
}

static double loss(const void *of)
{
    const resize_case *c = of;
    const adi_resize_dims *d = &c->d;
    double sum = 0.0;
    for (int64_t o = 0; o < d->oh * d->ow * d->c; o++) {
        const int64_t ch = o % d->c, ox = o / d->c % d->ow, oy = o / d->c / d->ow;
        const double sy = fmax(0.0, ((double)oy + 0.5) * (double)d->h / (double)d->oh - 0.5);
        const double sx = fmax(0.0, ((double)ox + 0.5) * (double)d->w / (double)d->ow - 0.5);
        const int64_t y0 = (int64_t)sy, x0 = (int64_t)sx;
        const int64_t down = y0 + 1 < d->h ? d->w * d->c : 0, right = x0 + 1 < d->w ? d->c : 0;
        const double *x = c->xd + (y0 * d->w + x0) * d->c + ch;
        const double top = x[0] + (sx - (double)x0) * (x[right] - x[0]);
        const double bottom = x[down] + (sx - (double)x0) * (x[down + right] - x[down]);
        sum +=
            c->dy[oy * d->y_stride + ox * d->c + ch] * (top + (sy - (double)y0) * (bottom - top));
    }
    return sum;
}

/* The transpose; unit gets the sums of the terms' sizes. */
static void formula(const resize_case *c, float *dx, float *unit)
{
    const adi_resize_dims *d = &c->d;
    for (int64_t i = 0; i < c->inputs; i++) {
        const int64_t ch = i % d->c, ix = i / d->c % d->w, iy = i / d->c / d->w;
        double sum = 0.0, size = 0.0;
        for (int64_t oy = 0; oy < d->oh; oy++) {
            const double wy = weight(oy, iy, d->h, d->oh);
            for (int64_t ox = 0; ox < d->ow && wy > 0.0; ox++) {
                const double term =
                    wy * weight(ox, ix, d->w, d->ow) * c->dy[oy * d->y_stride + ox * d->c + ch];
                sum += term;
                size += fabs(term);
            }
        }
        dx[i] = (float)sum;
        unit[i] = (float)size;
    }
}

static void check(const adi_resize_dims *d)
{
    resize_case c = resize_case_new(d);
    float *want = guarded_floats(c.inputs), *unit = guarded_floats(c.inputs);
    formula(&c, want, unit);
    for (int64_t i = 0; i < c.inputs; i++)
        /* fractions in float give small weights an error of the large ones' size */
        unit[i] += 0.1f;
    float *ref = gradient_backends(c.name, run, &c, unit, c.inputs, cpu_limit);
    op_close_ref(c.name, ref, want, unit, c.inputs, ref_limit);
    gradient_check(c.name, loss, &c, c.xd, ref, unit, c.inputs, 1e-3, differences_limit);
    guarded_free(ref, c.name);
    guarded_free(want, c.name);
    guarded_free(unit, c.name);
    resize_case_free(&c);
}

static void shapes(void **state)
{
    (void)state;
    static const int64_t sides[] = {1, 2, 3, 5, 7, 14, 16, 31};
    for (int i = 0; i < 200; i++) {
        adi_resize_dims d = {.h = sides[op_int(0, 7)],
                             .w = sides[op_int(0, 7)],
                             .c = op_int(0, 3) ? op_int(1, 5) : op_int(6, 67),
                             .oh = op_int(1, 33),
                             .ow = op_int(1, 33)};
        if (d.h * d.w * d.c > 3000 || d.oh * d.ow * d.c > 3000)
            d.c = 1;
        d.y_stride = d.ow * d.c + op_int(0, 1) * op_int(1, 9);
        check(&d);
    }
    /* thousands of terms */
    check(&(adi_resize_dims){.h = 2, .w = 2, .c = 3, .oh = 128, .ow = 128, .y_stride = 384});
    /* a U-Net's way up */
    check(&(adi_resize_dims){.h = 8, .w = 8, .c = 16, .oh = 16, .ow = 16, .y_stride = 256});
    gradient_report("resize_bwd", differences_limit, cpu_limit);
}

/* Equal sizes copy; what comes in goes out, whatever the sizes: weights of an output sum to 1. */
static void exact_cases(void **state)
{
    (void)state;
    for (int64_t side = 1; side < 40; side += 3) {
        const adi_resize_dims same = {.h = side, .w = side + 1, .c = 3, .oh = side, .ow = side + 1,
                                      .y_stride = 3 * (side + 1)};
        resize_case c = resize_case_new(&same);
        for (int b = 0; b < 2; b++) {
            float *dx = run(&c, b ? &adi_backend_cpu : &adi_backend_ref, 2);
            op_same_bits("equal sizes", dx, c.dy, (size_t)c.inputs * sizeof *dx);
            guarded_free(dx, c.name);
        }
        resize_case_free(&c);
        const adi_resize_dims other = {
            .h = side, .w = 7, .c = 1, .oh = op_int(1, 50), .ow = op_int(1, 50), .y_stride = 51};
        resize_case o = resize_case_new(&other);
        for (int b = 0; b < 2; b++) {
            float *dx = run(&o, b ? &adi_backend_cpu : &adi_backend_ref, 2);
            double in = 0.0, out = 0.0, size = 0.0;
            for (int64_t i = 0; i < o.rows; i++) {
                in += isnan(o.dy[i]) ? 0.0 : o.dy[i];
                size += isnan(o.dy[i]) ? 0.0 : fabsf(o.dy[i]);
            }
            for (int64_t i = 0; i < o.inputs; i++)
                out += dx[i];
            assert_true(fabs(in - out) <= 1e-6 * size);
            guarded_free(dx, o.name);
        }
        resize_case_free(&o);
    }
}

/* A NaN reaches the inputs that its output has a weight of, and none that it does not read. */
static void nan_survives(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        const adi_resize_dims d = {.h = op_int(1, 9),
                                   .w = op_int(1, 9),
                                   .c = 1,
                                   .oh = op_int(1, 20),
                                   .ow = op_int(1, 20),
                                   .y_stride = 20};
        resize_case c = resize_case_new(&d);
        const int64_t oy = op_int(0, d.oh - 1), ox = op_int(0, d.ow - 1);
        c.dy[oy * d.y_stride + ox] = NAN;
        for (int b = 0; b < 2; b++) {
            float *dx = run(&c, b ? &adi_backend_cpu : &adi_backend_ref, 3);
            for (int64_t at = 0; at < c.inputs; at++) {
                const double sy = ((double)oy + 0.5) * (double)d.h / (double)d.oh - 0.5;
                const double sx = ((double)ox + 0.5) * (double)d.w / (double)d.ow - 0.5;
                const double away = fmax(fabs(fmax(sy, 0.0) - (double)(at / d.w)),
                                         fabs(fmax(sx, 0.0) - (double)(at % d.w)));
                const int read = weight(oy, at / d.w, d.h, d.oh) > 1e-6 &&
                                 weight(ox, at % d.w, d.w, d.ow) > 1e-6;
                if (read)
                    assert_true(isnan(dx[at]));
                else if (away > 1.001)
                    assert_false(isnan(dx[at]));
            }
            guarded_free(dx, c.name);
        }
        resize_case_free(&c);
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(exact_cases),
        cmocka_unit_test(nan_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
