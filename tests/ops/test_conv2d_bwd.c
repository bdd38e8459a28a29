/* conv2d, backward: data and weight gradients against central differences of a convolution in
 * double, and everywhere against the terms of a transposed convolution, laid out one after another;
 * cpu against ref. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* In units of the sum of the terms' sizes. ref sums in double and rounds once (2^-24 = 6e-8). cpu
 * sums in float, 3e-7 off here; Winograd's transforms, which large batches meet, leave up to 2e-6
 * at an image's corners, where terms are few and the errors those of a whole tile. */
static const double ref_limit = 1.2e-7, cpu_limit = 4e-6;

typedef struct bwd_case {
    adi_conv2d_dims d;
    adi_epilogue e;
    int64_t inputs, weights, outputs;
    float *x, *w, *dy, *bias, *residual; /* guarded */
    double *xd, *wd;                     /* what the differences move */
    char name[220];
} bwd_case;

static void bwd_case_set(bwd_case *c, int bias, int residual, adi_act act)
{
    const adi_conv2d_dims *d = &c->d;
    c->e = (adi_epilogue){bias ? c->bias : NULL, residual ? c->residual : NULL, act, NULL};
    snprintf(c->name, sizeof c->name,
             "n%lld %lldx%lldx%lld -> %lldx%lldx%lld kernel %dx%d stride %d pad %d,%d bias %d "
             "residual %d "
             "act %s",
             (long long)d->n, (long long)d->h, (long long)d->w, (long long)d->c, (long long)d->oh,
             (long long)d->ow, (long long)d->k, d->kh, d->kw, d->stride, d->pad_top, d->pad_left,
             bias, residual, op_act_name(act));
}

static bwd_case bwd_case_new(const adi_conv2d_dims *d)
{
    bwd_case c = {.d = *d};
    c.inputs = d->n * d->h * d->w * d->c;
    c.weights = (int64_t)d->kh * d->kw * d->c * d->k;
    c.outputs = d->n * d->oh * d->ow * d->k;
    c.x = op_floats(c.inputs, 2.0);
    c.w = op_floats(c.weights, 1.0);
    c.dy = op_floats(c.outputs, 1.0);
    c.bias = op_floats(d->c, 2.0);
    c.residual = op_floats(c.inputs, 6.0);
    c.xd = gradient_doubles(c.x, c.inputs);
    c.wd = gradient_doubles(c.w, c.weights);
    bwd_case_set(&c, 0, 0, ADI_ACT_NONE);
    return c;
}

static void bwd_case_free(bwd_case *c)
{
    void *const all[] = {c->x, c->w, c->dy, c->bias, c->residual, c->xd, c->wd};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c->name);
}

/* Scratch is exactly what the kernel asked for, and it begins as NaN. */
static float *run_data(const void *of, const adi_backend *be, int32_t threads)
{
    const bwd_case *c = of;
    float *dx = guarded_floats(c->inputs);
    void *scratch = guarded_alloc(be->kernels->conv2d_bwd_data_scratch(&c->d, threads));
    const adi_exec ex = {threads, scratch, NULL};
    assert_int_equal(be->kernels->conv2d_bwd_data(&ex, dx, c->dy, c->w, &c->e, &c->d), AD_OK);
    guarded_free(scratch, c->name);
    return dx;
}

static float *run_weight(const void *of, const adi_backend *be, int32_t threads)
{
    const bwd_case *c = of;
    float *dw = guarded_floats(c->weights);
    void *scratch = guarded_alloc(be->kernels->conv2d_bwd_weight_scratch(&c->d, threads));
    const adi_exec ex = {threads, scratch, NULL};
    assert_int_equal(be->kernels->conv2d_bwd_weight(&ex, dw, c->x, c->dy, &c->d), AD_OK);
    guarded_free(scratch, c->name);
    return dw;
}

/* Calls `term` with the indices of y, x and w of every product of the convolution. */
static inline void each_product(const bwd_case *c,
                                void (*term)(void *, int64_t y, int64_t x, int64_t w), void *user)
{
    const adi_conv2d_dims *d = &c->d;
    for (int64_t y = 0; y < c->outputs; y++) {
        const int64_t k = y % d->k, ox = y / d->k % d->ow, oy = y / d->k / d->ow % d->oh;
        const int64_t n = y / d->k / d->ow / d->oh;
        for (int64_t tap = 0; tap < (int64_t)d->kh * d->kw; tap++) {
            const int64_t ix = ox * d->stride - d->pad_left + tap % d->kw;
            const int64_t iy = oy * d->stride - d->pad_top + tap / d->kw;
            if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w)
                continue;
            for (int64_t ch = 0; ch < d->c; ch++)
                term(user, y, ((n * d->h + iy) * d->w + ix) * d->c + ch,
                     (tap * d->c + ch) * d->k + k);
        }
    }
}

typedef struct sums {
    const bwd_case *c;
    double loss;
    double *dx, *dw, *dx_size, *dw_size; /* gradients and the sums of their terms' sizes */
} sums;

static void add_loss(void *user, int64_t y, int64_t x, int64_t w)
{
    sums *s = user;
    s->loss += s->c->dy[y] * s->c->xd[x] * s->c->wd[w];
}

static double loss(const void *c)
{
    sums s = {.c = c};
    each_product(c, add_loss, &s);
    return s.loss;
}

static void add_gradients(void *user, int64_t y, int64_t x, int64_t w)
{
    const sums *s = user;
    const double by_x = (double)s->c->dy[y] * s->c->w[w], by_w = (double)s->c->dy[y] * s->c->x[x];
    s->dx[x] += by_x;
    s->dw[w] += by_w;
    s->dx_size[x] += fabs(by_x);
    s->dw_size[w] += fabs(by_w);
}

static sums sums_of(const bwd_case *c)
{
    sums s = {.c = c};
    double **const all[] = {&s.dx, &s.dx_size, &s.dw, &s.dw_size};
    for (int i = 0; i < 4; i++) {
        const int64_t count = i < 2 ? c->inputs : c->weights;
        *all[i] = guarded_doubles(count);
        for (int64_t j = 0; j < count; j++)
            (*all[i])[j] = 0.0;
    }
    each_product(c, add_gradients, &s);
    return s;
}

static void sums_free(sums *s)
{
    double *const all[] = {s->dx, s->dx_size, s->dw, s->dw_size};
    for (int i = 0; i < 4; i++)
        guarded_free(all[i], s->c->name);
}

/* `exactly`: the numbers are whole and small, so that nothing rounds. */
static void check_data(const bwd_case *c, const sums *s, int exactly)
{
    const int steep = op_act_limit(c->e.act) > 0.0; /* silu is steeper than 1, but not than 1.1 */
    float *want = guarded_floats(c->inputs), *unit = guarded_floats(c->inputs);
    for (int64_t i = 0; i < c->inputs; i++) {
        const double bias = c->e.bias ? c->e.bias[i % c->d.c] : 0.0;
        const double residual = c->e.residual ? c->e.residual[i] : 0.0;
        want[i] = (float)op_act_formula(s->dx[i] + bias + residual, c->e.act);
        unit[i] =
            (float)(s->dx_size[i] + fabs(bias) + fabs(residual)) + (c->e.act == ADI_ACT_SIGMOID);
    }
    const double limit = steep ? 1.1 * cpu_limit + op_act_limit(c->e.act) : cpu_limit;
    float *ref = gradient_backends(c->name, run_data, c, unit, c->inputs, exactly ? 0.0 : limit);
    op_close_ref(c->name, ref, want, unit, c->inputs, exactly ? 0.0 : 1.1 * ref_limit);
    guarded_free(ref, c->name);
    guarded_free(want, c->name);
    guarded_free(unit, c->name);
}

static void check_weight(const bwd_case *c, const sums *s, int exactly)
{
    float *want = guarded_floats(c->weights), *unit = guarded_floats(c->weights);
    for (int64_t i = 0; i < c->weights; i++) {
        want[i] = (float)s->dw[i];
        unit[i] = (float)s->dw_size[i];
    }
    float *ref =
        gradient_backends(c->name, run_weight, c, unit, c->weights, exactly ? 0.0 : cpu_limit);
    op_close_ref(c->name, ref, want, unit, c->weights, exactly ? 0.0 : ref_limit);
    guarded_free(ref, c->name);
    guarded_free(want, c->name);
    guarded_free(unit, c->name);
}

/* A random shape with at most `work` multiplications; inputs that no window reads are among
 * them. */
static adi_conv2d_dims random_dims(int64_t work)
{
    static const int32_t kernels[] = {1, 2, 3, 5, 7};
    static const int64_t channels[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 64, 67};
    for (;;) {
        adi_conv2d_dims d = {.n = op_int(1, 5),
                             .h = op_int(1, 17),
                             .w = op_int(1, 17),
                             .c = channels[op_int(0, 15)],
                             .k = channels[op_int(0, 15)],
                             .kh = kernels[op_int(0, 4)],
                             .kw = kernels[op_int(0, 4)],
                             .stride = (int32_t)op_int(1, 3),
                             .pad_top = (int32_t)op_int(0, 3),
                             .pad_left = (int32_t)op_int(0, 3)};
        const int64_t high = d.h + d.pad_top + op_int(0, 3) - d.kh;
        const int64_t wide = d.w + d.pad_left + op_int(0, 3) - d.kw;
        if (high < 0 || wide < 0)
            continue;
        d.oh = high / d.stride + 1;
        d.ow = wide / d.stride + 1;
        if (d.n * d.oh * d.ow * d.k * d.kh * d.kw * d.c <= work)
            return d;
    }
}

/* n h w c, oh ow k, kh kw, stride, pad top left */
static const adi_conv2d_dims shapes[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, /* the smallest */
    {1, 1, 1, 3, 1, 1, 5, 3, 3, 1, 1, 1}, /* all but the centre outside */
    {2, 1, 1, 2, 1, 1, 2, 7, 7, 2, 3, 3},
    {2, 9, 11, 3, 5, 6, 64, 7, 7, 2, 3, 3}, /* a ResNet's stem */
    {3, 7, 5, 64, 7, 5, 67, 1, 1, 1, 0, 0},
    {4, 20, 17, 17, 20, 17, 31, 1, 1, 1, 0, 0}, /* sums over more positions than one chunk has */
    {2, 7, 5, 17, 4, 3, 31, 1, 1, 2, 0, 0},     /* 1x1 with a stride: three of four inputs unseen */
    /* rows and columns between windows and after the last */
    {1, 8, 9, 5, 3, 3, 7, 2, 2, 3, 0, 0},
    {1, 7, 5, 17, 8, 6, 31, 1, 1, 1, 1, 1}, /* 1x1 with padding before */
    {2, 8, 8, 16, 4, 4, 24, 2, 2, 2, 0, 0}, /* a U-Net's way up */
    {5, 6, 7, 33, 3, 4, 40, 3, 3, 2, 1, 1},
    {1, 5, 5, 4, 3, 3, 8, 3, 3, 2, 0, 0}, /* SAME at odd size: padding after only */
    {1, 2, 3, 8, 3, 4, 8, 3, 5, 1, 1, 2}, /* window wider than the image */
    {1, 4, 4, 3, 3, 3, 4, 1, 1, 3, 0, 0}, /* the last windows lie outside altogether */
    {1, 4, 4, 3, 4, 4, 4, 3, 3, 3, 3, 3}, /* and the first ones too */
    {1, 14, 14, 48, 14, 14, 67, 3, 3, 1, 1, 1},
    {4, 13, 13, 8, 13, 13, 35, 3, 3, 1, 1, 1}, /* tiles that begin inside an image */
    {6, 15, 13, 33, 15, 13, 35, 3, 3, 1, 1, 1}, /* a batch that faster algorithms take */
    {7, 17, 18, 32, 15, 16, 48, 3, 3, 1, 0, 0},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void fixed_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        bwd_case c = bwd_case_new(&shapes[i]);
        sums s = sums_of(&c);
        check_weight(&c, &s, 0);
        for (int bits = 0; bits < 4 * OP_ACTS; bits++) {
            bwd_case_set(&c, bits & 1, bits >> 1 & 1, (adi_act)(bits / 4));
            if (c.inputs < 2000 || bits == 0 || bits == 7)
                check_data(&c, &s, 0);
        }
        sums_free(&s);
        bwd_case_free(&c);
    }
    op_report("conv2d_bwd, fixed", cpu_limit);
}

static void random_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < 120; i++) {
        const adi_conv2d_dims d = random_dims(i % 40 == 0 ? 2000000 : 150000);
        bwd_case c = bwd_case_new(&d);
        sums s = sums_of(&c);
        check_weight(&c, &s, 0);
        bwd_case_set(&c, (int)op_int(0, 1), (int)op_int(0, 1), (adi_act)op_int(0, OP_ACTS - 1));
        check_data(&c, &s, 0);
        sums_free(&s);
        bwd_case_free(&c);
    }
    op_report("conv2d_bwd, random", cpu_limit);
}

/* Relative to the largest gradient, of both backends. */
static void differences(void **state)
{
    (void)state;
    const double near_ref = 2e-7, near_cpu = 4e-6;
    for (size_t i = 0; i < 60; i++) {
        const adi_conv2d_dims d = i < SHAPES ? shapes[i] : random_dims(8000);
        if (d.n * d.oh * d.ow * d.k * d.kh * d.kw * d.c > 30000)
            continue;
        bwd_case c = bwd_case_new(&d);
        for (int b = 0; b < 2; b++) {
            float *dx = run_data(&c, b ? &adi_backend_cpu : &adi_backend_ref, 2);
            float *dw = run_weight(&c, b ? &adi_backend_cpu : &adi_backend_ref, 2);
            const double limit = b ? near_cpu : near_ref;
            gradient_check(c.name, loss, &c, c.xd, dx, NULL, c.inputs, 1e-3, limit);
            gradient_check(c.name, loss, &c, c.wd, dw, NULL, c.weights, 1e-3, limit);
            guarded_free(dx, c.name);
            guarded_free(dw, c.name);
        }
        bwd_case_free(&c);
    }
    gradient_report("conv2d_bwd, differences of both", near_cpu, near_cpu);
}

/* Results that are exact in float are exact. */
static void whole_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        const adi_conv2d_dims d = random_dims(100000);
        bwd_case c = bwd_case_new(&d);
        float *const all[] = {c.x, c.w, c.dy, c.bias, c.residual};
        const int64_t counts[] = {c.inputs, c.weights, c.outputs, d.c, c.inputs};
        for (int a = 0; a < 5; a++)
            for (int64_t j = 0; j < counts[a]; j++)
                all[a][j] = (float)op_int(-8, 8);
        sums s = sums_of(&c);
        check_weight(&c, &s, 1);
        bwd_case_set(&c, 1, 1, (adi_act)(i % 3));
        check_data(&c, &s, 1);
        sums_free(&s);
        bwd_case_free(&c);
    }
}

/* Of windows that do not touch an input nothing arrives: bias, residual and activation alone
 * remain. */
static void unseen_inputs(void **state)
{
    (void)state;
    const adi_conv2d_dims d = {2, 7, 8, 5, 2, 3, 9, 2, 2, 3, 0, 0};
    bwd_case c = bwd_case_new(&d);
    for (int64_t i = 0; i < c.outputs; i++)
        c.dy[i] = NAN;
    bwd_case_set(&c, 1, 1, ADI_ACT_RELU);
    for (int b = 0; b < 2; b++) {
        float *dx = run_data(&c, b ? &adi_backend_cpu : &adi_backend_ref, 3);
        for (int64_t i = 0; i < c.inputs; i++) {
            const int64_t ix = i / d.c % d.w, iy = i / d.c / d.w % d.h;
            const int seen = iy % 3 < 2 && iy < 6 && ix % 3 < 2;
            const float alone =
                (float)op_act_formula((double)c.bias[i % d.c] + c.residual[i], ADI_ACT_RELU);
            assert_true(seen ? isnan(dx[i]) : fabsf(dx[i] - alone) <= 1e-6f);
        }
        guarded_free(dx, c.name);
    }
    bwd_case_free(&c);
}

/* A NaN reaches what the definition says it reaches. A faster algorithm may let it reach more, of
 * its own image and, for weights, its own channel. */
static void nan_survives(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        bwd_case c = bwd_case_new(&shapes[i]);
        for (int act = 0; act < OP_ACTS; act++) {
            const int64_t at = op_int(0, c.outputs - 1), k = at % c.d.k;
            const int64_t per_image = c.inputs / c.d.n;
            const int64_t n = at / (c.outputs / c.d.n), from = op_int(0, c.inputs - 1);
            const float dy = c.dy[at], x = c.x[from];
            bwd_case_set(&c, 1, 1, (adi_act)act);
            c.dy[at] = NAN;
            float *ref = run_data(&c, &adi_backend_ref, 1),
                  *cpu = run_data(&c, &adi_backend_cpu, 2);
            for (int64_t j = 0; j < c.inputs; j++)
                assert_true(isnan(ref[j]) ? isnan(cpu[j]) : !isnan(cpu[j]) || j / per_image == n);
            guarded_free(ref, c.name);
            guarded_free(cpu, c.name);
            ref = run_weight(&c, &adi_backend_ref, 1);
            cpu = run_weight(&c, &adi_backend_cpu, 2);
            for (int64_t j = 0; j < c.weights; j++)
                assert_true(isnan(ref[j]) ? isnan(cpu[j]) : !isnan(cpu[j]) || j % c.d.k == k);
            guarded_free(ref, c.name);
            guarded_free(cpu, c.name);
            c.dy[at] = dy;
            c.x[from] = NAN;
            ref = run_weight(&c, &adi_backend_ref, 1);
            cpu = run_weight(&c, &adi_backend_cpu, 2);
            for (int64_t j = 0; j < c.weights; j++)
                assert_true(isnan(ref[j]) ? isnan(cpu[j])
                                          : !isnan(cpu[j]) || j / c.d.k % c.d.c == from % c.d.c);
            guarded_free(ref, c.name);
            guarded_free(cpu, c.name);
            c.x[from] = x;
        }
        bwd_case_free(&c);
    }
}

/* More threads never need less scratch. */
static void scratch_grows_with_threads(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        const adi_conv2d_dims d = random_dims(6000000);
        size_t data = 0, weight = 0;
        for (int32_t t = 1; t <= 16; t++) {
            const adi_kernels *k = adi_backend_cpu.kernels;
            assert_true(k->conv2d_bwd_data_scratch(&d, t) >= data);
            assert_true(k->conv2d_bwd_weight_scratch(&d, t) >= weight);
            data = k->conv2d_bwd_data_scratch(&d, t);
            weight = k->conv2d_bwd_weight_scratch(&d, t);
        }
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_shapes),  cmocka_unit_test(random_shapes),
        cmocka_unit_test(differences),   cmocka_unit_test(whole_numbers),
        cmocka_unit_test(unseen_inputs), cmocka_unit_test(nan_survives),
        cmocka_unit_test(scratch_grows_with_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
