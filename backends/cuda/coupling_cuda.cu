/* The affine coupling of a normalising flow, a value a thread, and the logarithm of its
 * determinant, a warp a position. */
#include "kernels_cuda.h"
#include "reduce_cuda.h"

static __device__ __forceinline__ double soft(double s, double alpha)
{
    return ADI_COUPLING_SOFTNESS * alpha * atan(s / alpha);
}

static __device__ __forceinline__ double soft_slope(double s, double alpha)
{
    return ADI_COUPLING_SOFTNESS / (1.0 + (s / alpha) * (s / alpha));
}

static __global__ void coupling_kernel(float *y, const float *x, const float *st, int inverse,
                                       double alpha, int n, int c)
{
    const int64_t i = adi_index_cuda();
    if (i >= n)
        return;
    const int64_t at = (int)i / c * (int64_t)(2 * c) + (int)i % c;
    const double e = soft(st[at], alpha), t = st[at + c];
    y[i] = (float)(inverse ? (x[i] - t) * exp(-e) : exp(e) * x[i] + t);
}

ad_status adi_coupling_fwd_cuda(const adi_exec *ex, float *y, const float *x, const float *st,
                                int32_t inverse, const adi_coupling_dims *d)
{
    adi_call_cuda on(ex);
    if (on.suits(d->p * d->c))
        ADI_LAUNCH(coupling_kernel, adi_blocks_cuda(d->p * d->c), ADI_THREADS_CUDA, on.stream(), y,
                   x, st, inverse, d->alpha, d->p * d->c, d->c);
    return on.launched();
}

static __global__ void coupling_bwd_kernel(float *dx, float *dst, const float *dy, const float *x,
                                           const float *st, double alpha, int n, int c)
{
    const int64_t i = adi_index_cuda();
    if (i >= n)
        return;
    const int64_t at = (int)i / c * (int64_t)(2 * c) + (int)i % c;
    const double factor = exp(soft(st[at], alpha)), g = dy[i];
    if (dx)
        dx[i] = (float)(g * factor);
    if (!dst)
        return;
    dst[at] = (float)(g * x[i] * factor * soft_slope(st[at], alpha));
    dst[at + c] = (float)g;
}

ad_status adi_coupling_bwd_cuda(const adi_exec *ex, float *dx, float *dst, const float *dy,
                                const float *x, const float *st, const adi_coupling_dims *d)
{
    adi_call_cuda on(ex);
    if (on.suits(d->p * d->c))
        ADI_LAUNCH(coupling_bwd_kernel, adi_blocks_cuda(d->p * d->c), ADI_THREADS_CUDA, on.stream(),
                   dx, dst, dy, x, st, d->alpha, d->p * d->c, d->c);
    return on.launched();
}

static __global__ void logdet_kernel(float *y, const float *st, double alpha, int64_t count, int c)
{
    const int64_t p = adi_position_cuda();
    if (p >= count)
        return;
    double sum = 0.0;
    for (int i = adi_lane_cuda(); i < c; i += 32)
        sum += soft(st[2 * p * c + i], alpha);
    sum = adi_warp_sum_cuda(sum);
    if (!adi_lane_cuda())
        y[p] = (float)sum;
}

ad_status adi_logdet_fwd_cuda(const adi_exec *ex, float *y, const float *st,
                              const adi_coupling_dims *d)
{
    adi_call_cuda on(ex);
    if (on.suits(d->c))
        ADI_LAUNCH(logdet_kernel, adi_blocks_cuda(d->p, ADI_WARPS_CUDA), ADI_THREADS_CUDA,
                   on.stream(), y, st, d->alpha, d->p, d->c);
    return on.launched();
}

static __global__ void logdet_bwd_kernel(float *dst, const float *dy, const float *st, double alpha,
                                         int n, int c)
{
    const int64_t i = adi_index_cuda();
    if (i >= n)
        return;
    const int64_t at = (int)i / c * (int64_t)(2 * c) + (int)i % c;
    dst[at] = (float)(dy[(int)i / c] * soft_slope(st[at], alpha));
    dst[at + c] = 0.0f;
}

ad_status adi_logdet_bwd_cuda(const adi_exec *ex, float *dst, const float *dy, const float *st,
                              const adi_coupling_dims *d)
{
    adi_call_cuda on(ex);
    if (on.suits(d->p * d->c))
        ADI_LAUNCH(logdet_bwd_kernel, adi_blocks_cuda(d->p * d->c), ADI_THREADS_CUDA, on.stream(),
                   dst, dy, st, d->alpha, d->p * d->c, d->c);
    return on.launched();
}
