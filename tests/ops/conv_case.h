/* Shared by the dense and the depthwise convolution: one shape with its data, run on ref, on cpu
 * with several thread counts, and by a formula of its own. */
#ifndef ADFEAT_TESTS_CONV_CASE_H
#define ADFEAT_TESTS_CONV_CASE_H

#include "harness/op_case.h"

typedef struct conv_case {
    adi_conv2d_dims d;
    int depthwise;
    adi_epilogue e;
    int64_t inputs, weights, outputs;
    float *x, *w, *bias, *residual; /* guarded */
    char name[200];
} conv_case;

static void conv_case_name(conv_case *c)
{
    const adi_conv2d_dims *d = &c->d;
    snprintf(
        c->name, sizeof c->name,
        "n%lld %lldx%lldx%lld -> %lldx%lldx%lld kernel %dx%d stride %d pad %d,%d bias %d residual "
        "%d act %s",
        (long long)d->n, (long long)d->h, (long long)d->w, (long long)d->c, (long long)d->oh,
        (long long)d->ow, (long long)d->k, d->kh, d->kw, d->stride, d->pad_top, d->pad_left,
        !!c->e.bias, !!c->e.residual, op_act_name(c->e.act));
}

static void conv_case_set(conv_case *c, int bias, int residual, adi_act act)
{
    c->e = (adi_epilogue){bias ? c->bias : NULL, residual ? c->residual : NULL, act, NULL};
    conv_case_name(c);
}

static conv_case conv_case_new(const adi_conv2d_dims *d, int depthwise)
{
    conv_case c = {.d = *d, .depthwise = depthwise};
    c.inputs = d->n * d->h * d->w * d->c;
    c.weights = (int64_t)d->kh * d->kw * d->c * (depthwise ? 1 : d->k);
    c.outputs = d->n * d->oh * d->ow * d->k;
    c.x = op_floats(c.inputs, 2.0);
    c.w = op_floats(c.weights, 1.0);
    c.bias = op_floats(d->k, 2.0);
    c.residual = op_floats(c.outputs, 6.0); /* often past relu6's 6 when summed */
    conv_case_set(&c, 1, 1, ADI_ACT_NONE);
    return c;
}

static void conv_case_free(conv_case *c)
{
    guarded_free(c->x, c->name);
    guarded_free(c->w, c->name);
    guarded_free(c->bias, c->name);
    guarded_free(c->residual, c->name);
}

/* A fresh output; scratch is exactly what the kernel asked for. */
static float *conv_case_run(const conv_case *c, const adi_backend *be, int32_t threads)
{
    float *y = guarded_floats(c->outputs);
    void *scratch =
        c->depthwise ? NULL : guarded_alloc(be->kernels->conv2d_scratch(&c->d, threads));
    const adi_exec ex = {threads, scratch, NULL};
    const ad_status status = c->depthwise
                                 ? be->kernels->dwconv2d_fwd(&ex, y, c->x, c->w, &c->e, &c->d)
                                 : be->kernels->conv2d_fwd(&ex, y, c->x, c->w, &c->e, &c->d);
    assert_int_equal(status, AD_OK);
    guarded_free(scratch, c->name);
    return y;
}

/* The definition, one output at a time. `unit` (may be NULL) gets the sum of the terms' sizes,
 * which is what rounding errors are proportional to. */
static void conv_case_formula(const conv_case *c, float *y, float *unit)
{
    const adi_conv2d_dims *d = &c->d;
    for (int64_t at = 0; at < c->outputs; at++) {
        const int64_t k = at % d->k, ox = at / d->k % d->ow, oy = at / d->k / d->ow % d->oh;
        const float *x = c->x + at / d->k / d->ow / d->oh * d->h * d->w * d->c;
        double sum = 0.0, size = 0.0;
        for (int ky = 0; ky < d->kh; ky++)
            for (int kx = 0; kx < d->kw; kx++) {
                const int64_t iy = oy * d->stride + ky - d->pad_top;
                const int64_t ix = ox * d->stride + kx - d->pad_left;
                if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w)
                    continue;
                for (int64_t i = c->depthwise ? k : 0; i < (c->depthwise ? k + 1 : d->c); i++) {
                    const float *w = c->w + (ky * d->kw + kx) * d->c * (c->depthwise ? 1 : d->k);
                    const double term = (double)x[(iy * d->w + ix) * d->c + i] *
                                        (c->depthwise ? w[k] : w[i * d->k + k]);
                    sum += term;
                    size += fabs(term);
                }
            }
        const double bias = c->e.bias ? c->e.bias[k] : 0.0;
        const double residual = c->e.residual ? c->e.residual[at] : 0.0;
        y[at] = (float)op_act_formula(sum + bias + residual, c->e.act);
        if (unit)
            unit[at] = (float)(size + fabs(bias) + fabs(residual)) + (c->e.act == ADI_ACT_SIGMOID);
    }
}

/* ref against the formula, cpu against ref, and the same bits whatever the threads. */
static inline void conv_case_check(const conv_case *c, double ref_limit, double cpu_limit)
{
    float *want = guarded_floats(c->outputs), *unit = guarded_floats(c->outputs);
    conv_case_formula(c, want, unit);
    if (op_act_limit(c->e.act) > 0.0) { /* silu is steeper than 1, but not than 1.1 */
        ref_limit *= 1.1;
        cpu_limit = 1.1 * cpu_limit + op_act_limit(c->e.act);
    }
    float *ref = conv_case_run(c, &adi_backend_ref, 1);
    op_close_ref(c->name, ref, want, unit, c->outputs, ref_limit);
    float *first = NULL;
    for (int t = 0; t < OP_THREADS; t++) {
        float *y = conv_case_run(c, &adi_backend_cpu, op_threads[t]);
        op_close(c->name, y, ref, unit, c->outputs, cpu_limit);
        if (first)
            op_same_bits(c->name, y, first, (size_t)c->outputs * sizeof *y);
        if (first)
            guarded_free(y, c->name);
        else
            first = y;
    }
    guarded_free(first, c->name);
    guarded_free(ref, c->name);
    guarded_free(want, c->name);
    guarded_free(unit, c->name);
}

static inline void conv_case_check_all_epilogues(conv_case *c, double ref_limit, double cpu_limit)
{
    for (int bits = 0; bits < 4 * OP_ACTS; bits++) {
        conv_case_set(c, bits & 1, bits >> 1 & 1, (adi_act)(bits / 4));
        conv_case_check(c, ref_limit, cpu_limit);
    }
}

/* The sums over rows of a depthwise convolution against those of its own result, in units of their
 * sizes. */
static inline void conv_case_check_row_sums(const char *what, const float *sums, const float *y,
                                            const adi_conv2d_dims *d)
{
    for (int64_t row = 0; row < d->n * d->oh; row++)
        for (int64_t c = 0; c < d->c; c++) {
            double sum = 0.0, size = 0.0;
            for (int64_t ox = 0; ox < d->ow; ox++) {
                sum += y[(row * d->ow + ox) * d->c + c];
                size += fabsf(y[(row * d->ow + ox) * d->c + c]);
            }
            const double error = fabs(sums[row * d->c + c] - sum);
            if (!(error <= 6e-8 * (double)d->ow * size))
                fail_msg("%s: sum of row %lld, channel %lld is %.9g, not %.9g", what,
                         (long long)row, (long long)c, sums[row * d->c + c], sum);
        }
}

/* Output size for `before` and `after` samples of padding; 0 where the window does not fit. */
static int64_t conv_case_out(int64_t in, int k, int stride, int before, int after)
{
    const int64_t room = in + before + after - k;
    return room < 0 ? 0 : room / stride + 1;
}

/* A random shape with at most `work` multiplications. */
static inline adi_conv2d_dims conv_case_random(int depthwise, int64_t work)
{
    static const int kernels[] = {1, 3, 5, 7};
    static const int64_t channels[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 67, 257};
    for (;;) {
        adi_conv2d_dims d = {.n = op_int(1, 3),
                             .h = op_int(1, 17),
                             .w = op_int(1, 17),
                             .kh = kernels[op_int(0, 3)],
                             .kw = kernels[op_int(0, 3)],
                             .stride = (int32_t)op_int(1, 3),
                             .pad_top = (int32_t)op_int(0, 3),
                             .pad_left = (int32_t)op_int(0, 3)};
        d.c = channels[op_int(0, 14)];
        d.k = depthwise ? d.c : channels[op_int(0, 14)];
        d.oh = conv_case_out(d.h, d.kh, d.stride, d.pad_top, (int)op_int(0, 3));
        d.ow = conv_case_out(d.w, d.kw, d.stride, d.pad_left, (int)op_int(0, 3));
        if (d.oh > 0 && d.ow > 0 &&
            d.n * d.oh * d.ow * d.k * d.kh * d.kw * (depthwise ? 1 : d.c) <= work)
            return d;
    }
}

/* NaN and infinity in the input or the residual reach every output that reads them, through every
 * activation. The bit patterns of what they do not reach are as ref's, within the limit. */
static inline void conv_case_check_nan(conv_case *c, double cpu_limit)
{
    for (int act = 0; act < OP_ACTS; act++)
        for (int where = 0; where < 3; where++) {
            float *spot = where == 0   ? &c->x[op_int(0, c->inputs - 1)]
                          : where == 1 ? &c->residual[op_int(0, c->outputs - 1)]
                                       : &c->bias[op_int(0, c->d.k - 1)];
            const float old = *spot;
            *spot = NAN;
            conv_case_set(c, 1, 1, (adi_act)act);
            float *want = guarded_floats(c->outputs), *unit = guarded_floats(c->outputs);
            conv_case_formula(c, want, unit);
            float *ref = conv_case_run(c, &adi_backend_ref, 1);
            float *cpu = conv_case_run(c, &adi_backend_cpu, 2);
            const double limit = 1.1 * cpu_limit + op_act_limit((adi_act)act);
            op_close(c->name, ref, want, unit, c->outputs, limit);
            op_close(c->name, cpu, want, unit, c->outputs, limit);
            guarded_free(want, c->name);
            guarded_free(unit, c->name);
            guarded_free(ref, c->name);
            guarded_free(cpu, c->name);
            *spot = old;
        }
}

#endif
