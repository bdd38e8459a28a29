/* batchnorm, activation, leaky ReLU, clamp, gain, add and mul: one value in, one value out.
 * copy_channels: some channels of every position, from rows of one length to rows of another. */
#include "epilogue_cuda.h"
#include "kernels_cuda.h"
#include "queue_cuda.h"

static __global__ void batchnorm_kernel(float *y, const float *x, const float *scale,
                                        const float *shift, int act, int n, int c)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        y[i] = adi_activate_cuda(fmaf(x[i], scale[(int)i % c], shift[(int)i % c]), act);
}

ad_status adi_batchnorm_fwd_cuda(const adi_exec *ex, float *y, const float *x, const float *scale,
                                 const float *shift, adi_act act, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.p * d.c))
        ADI_LAUNCH(batchnorm_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA, on.stream(), y,
                   x, scale, shift, act, d.p * d.c, d.c);
    return on.launched();
}

static __global__ void activation_kernel(float *y, const float *x, int act, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        y[i] = adi_activate_cuda(x[i], act);
}

ad_status adi_activation_fwd_cuda(const adi_exec *ex, float *y, const float *x, adi_act act,
                                  adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(activation_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA, on.stream(), y,
                   x, act, d.p * d.c);
    return on.launched();
}

static __global__ void add_kernel(float *y, const float *a, const float *b, int act, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        y[i] = adi_activate_cuda(a[i] + b[i], act);
}

ad_status adi_add_fwd_cuda(const adi_exec *ex, float *y, const float *a, const float *b,
                           adi_act act, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(add_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA, on.stream(), y, a, b,
                   act, d.p * d.c);
    return on.launched();
}

static __global__ void mul_kernel(float *y, const float *a, const float *gate, int n, int c)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        y[i] = a[i] * gate[(int)i % c];
}

ad_status adi_mul_fwd_cuda(const adi_exec *ex, float *y, const float *a, const float *gate,
                           adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.p * d.c))
        ADI_LAUNCH(mul_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA, on.stream(), y, a,
                   gate, d.p * d.c, d.c);
    return on.launched();
}

/* From y = act(x). Where y is on a flat part nothing comes through; NaN lets dy through, as in
 * PyTorch. */
static __global__ void activation_bwd_kernel(float *dx, const float *dy, const float *y, int act,
                                             int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i >= n)
        return;
    const bool flat = y[i] <= 0.0f || (act == ADI_ACT_RELU6 && y[i] >= 6.0f);
    if (act == ADI_ACT_SIGMOID)
        dx[i] = dy[i] * (y[i] * (1.0f - y[i]));
    else
        dx[i] = flat ? 0.0f : dy[i];
}

ad_status adi_activation_bwd_cuda(const adi_exec *ex, float *dx, const float *dy, const float *y,
                                  adi_act act, adi_pc d)
{
    if (act != ADI_ACT_RELU && act != ADI_ACT_RELU6 && act != ADI_ACT_SIGMOID)
        return AD_ERR_UNSUPPORTED; /* SiLU does not follow from its result */
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(activation_bwd_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA, on.stream(),
                   dx, dy, y, act, d.p * d.c);
    return on.launched();
}

/* ---- With a number ---- */

static __global__ void leaky_relu_kernel(float *y, const float *x, double slope, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        y[i] = x[i] < 0.0f ? (float)(slope * x[i]) : x[i];
}

/* At 0 the gradient is the slope's, as in PyTorch. */
static __global__ void leaky_relu_bwd_kernel(float *dx, const float *dy, const float *y,
                                             double slope, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        dx[i] = y[i] <= 0.0f ? (float)(slope * dy[i]) : dy[i];
}

/* NaN stays NaN. */
static __global__ void clamp_kernel(float *y, const float *x, double limit, int64_t n)
{
    const int64_t i = adi_index_cuda();
    const float most = (float)limit;
    if (i < n)
        y[i] = x[i] > most ? most : x[i] < -most ? -most : x[i];
}

static __global__ void clamp_bwd_kernel(float *dx, const float *dy, const float *y, double limit,
                                        int64_t n)
{
    const int64_t i = adi_index_cuda();
    const float most = (float)limit;
    if (i < n)
        dx[i] = y[i] >= most || y[i] <= -most ? 0.0f : dy[i];
}

static __global__ void divide_kernel(float *y, const float *x, double divisor, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        y[i] = (float)(x[i] / divisor);
}

static __global__ void gain_kernel(float *y, const float *x, const float *factor, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        y[i] = (float)((double)factor[0] * x[i]);
}

ad_status adi_leaky_relu_fwd_cuda(const adi_exec *ex, float *y, const float *x, double slope,
                                  int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(leaky_relu_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, x,
                   slope, n);
    return on.launched();
}

ad_status adi_leaky_relu_bwd_cuda(const adi_exec *ex, float *dx, const float *dy, const float *y,
                                  double slope, int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(leaky_relu_bwd_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), dx, dy,
                   y, slope, n);
    return on.launched();
}

ad_status adi_clamp_fwd_cuda(const adi_exec *ex, float *y, const float *x, double limit, int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(clamp_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, x, limit, n);
    return on.launched();
}

ad_status adi_clamp_bwd_cuda(const adi_exec *ex, float *dx, const float *dy, const float *y,
                             double limit, int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(clamp_bwd_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), dx, dy, y,
                   limit, n);
    return on.launched();
}

ad_status adi_divide_fwd_cuda(const adi_exec *ex, float *y, const float *x, double divisor,
                              int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(divide_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, x, divisor,
                   n);
    return on.launched();
}

ad_status adi_gain_fwd_cuda(const adi_exec *ex, float *y, const float *x, const float *factor,
                            int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(gain_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, x, factor, n);
    return on.launched();
}

/* ---- Channels ---- */

static __global__ void copy_channels_kernel(float *y, int64_t y_stride, const float *x,
                                            int64_t x_stride, int n, int c)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        y[(int)i / c * y_stride + (int)i % c] = x[(int)i / c * x_stride + (int)i % c];
}

ad_status adi_copy_channels_cuda(const adi_exec *ex, float *y, int64_t y_stride, const float *x,
                                 int64_t x_stride, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.p * d.c))
        ADI_LAUNCH(copy_channels_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA, on.stream(),
                   y, y_stride, x, x_stride, d.p * d.c, d.c);
    return on.launched();
}
