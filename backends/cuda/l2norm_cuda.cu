/* l2norm: feature vectors of unit length along channels; a warp a position. */
#include "l2norm_cuda.h"

#include "kernels_cuda.h"

static __global__ void l2norm_kernel(float *y, const float *x, int64_t count, int c)
{
    const int64_t p = adi_position_cuda();
    if (p >= count)
        return;
    const double m = adi_length_cuda(x + p * c, c);
    for (int i = adi_lane_cuda(); i < c; i += 32)
        y[p * c + i] = (float)(x[p * c + i] / m);
}

ad_status adi_l2norm_fwd_cuda(const adi_exec *ex, float *y, const float *x, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.c))
        ADI_LAUNCH(l2norm_kernel, adi_blocks_cuda(d.p, ADI_WARPS_CUDA), ADI_THREADS_CUDA,
                   on.stream(), y, x, d.p, d.c);
    return on.launched();
}

static __global__ void l2norm_bwd_kernel(float *dx, const float *dy, const float *x, int64_t count,
                                         int c)
{
    const int64_t p = adi_position_cuda();
    if (p >= count)
        return;
    const double m = adi_length_cuda(x + p * c, c);
    double dot = 0.0;
    for (int i = adi_lane_cuda(); i < c; i += 32)
        dot += dy[p * c + i] * (x[p * c + i] / m);
    dot = m > ADI_LEAST_LENGTH_CUDA ? adi_warp_sum_cuda(dot) : 0.0;
    for (int i = adi_lane_cuda(); i < c; i += 32)
        dx[p * c + i] = (float)((dy[p * c + i] - x[p * c + i] / m * dot) / m);
}

ad_status adi_l2norm_bwd_cuda(const adi_exec *ex, float *dx, const float *dy, const float *x,
                              adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.c))
        ADI_LAUNCH(l2norm_bwd_kernel, adi_blocks_cuda(d.p, ADI_WARPS_CUDA), ADI_THREADS_CUDA,
                   on.stream(), dx, dy, x, d.p, d.c);
    return on.launched();
}
