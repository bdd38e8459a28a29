/* cosdist: how far the directions of two feature vectors are apart; a warp a position. */
#include "kernels_cuda.h"
#include "l2norm_cuda.h"

static __global__ void cosdist_kernel(float *dist, const float *s, const float *t, int64_t count,
                                      int c)
{
    const int64_t p = adi_position_cuda();
    if (p >= count)
        return;
    const double m = adi_length_cuda(s + p * c, c), mt = adi_length_cuda(t + p * c, c);
    double sum = 0.0;
    for (int i = adi_lane_cuda(); i < c; i += 32) {
        const double g = s[p * c + i] / m - t[p * c + i] / mt;
        sum += g * g;
    }
    sum = adi_warp_sum_cuda(sum);
    if (!adi_lane_cuda())
        dist[p] = (float)(sum / 2.0);
}

ad_status adi_cosdist_fwd_cuda(const adi_exec *ex, float *dist, const float *s, const float *t,
                               adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.c))
        ADI_LAUNCH(cosdist_kernel, adi_blocks_cuda(d.p, ADI_WARPS_CUDA), ADI_THREADS_CUDA,
                   on.stream(), dist, s, t, d.p, d.c);
    return on.launched();
}

static __global__ void cosdist_bwd_kernel(float *ds, const float *s, const float *t, float scale,
                                          int64_t count, int c)
{
    const int64_t p = adi_position_cuda();
    if (p >= count)
        return;
    const double m = adi_length_cuda(s + p * c, c), mt = adi_length_cuda(t + p * c, c);
    double dot = 0.0;
    for (int i = adi_lane_cuda(); i < c; i += 32)
        dot += (s[p * c + i] / m - t[p * c + i] / mt) * (s[p * c + i] / m);
    dot = m > ADI_LEAST_LENGTH_CUDA ? adi_warp_sum_cuda(dot) : 0.0;
    for (int i = adi_lane_cuda(); i < c; i += 32) {
        const double a = s[p * c + i] / m, g = a - t[p * c + i] / mt;
        ds[p * c + i] = (float)(scale * (g - a * dot) / m);
    }
}

ad_status adi_cosdist_bwd_cuda(const adi_exec *ex, float *ds, const float *s, const float *t,
                               float scale, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.c))
        ADI_LAUNCH(cosdist_bwd_kernel, adi_blocks_cuda(d.p, ADI_WARPS_CUDA), ADI_THREADS_CUDA,
                   on.stream(), ds, s, t, scale, d.p, d.c);
    return on.launched();
}
