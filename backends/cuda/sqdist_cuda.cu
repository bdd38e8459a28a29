/* sqdist: squared distances of feature vectors, a warp a position; weighted_difference, their
 * gradient. */
#include "kernels_cuda.h"
#include "reduce_cuda.h"

static __global__ void sqdist_kernel(float *dist, const float *a, const float *b, int64_t count,
                                     int c)
{
    const int64_t p = adi_position_cuda();
    if (p >= count)
        return;
    double sum = 0.0;
    for (int i = adi_lane_cuda(); i < c; i += 32) {
        const double e = (double)a[p * c + i] - (b ? b[p * c + i] : 0.0f);
        sum += e * e;
    }
    sum = adi_warp_sum_cuda(sum);
    if (!adi_lane_cuda())
        dist[p] = (float)sum;
}

ad_status adi_sqdist_fwd_cuda(const adi_exec *ex, float *dist, const float *a, const float *b,
                              adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.c))
        ADI_LAUNCH(sqdist_kernel, adi_blocks_cuda(d.p, ADI_WARPS_CUDA), ADI_THREADS_CUDA,
                   on.stream(), dist, a, b, d.p, d.c);
    return on.launched();
}

static __global__ void weighted_difference_kernel(float *y, const float *a, const float *b,
                                                  const float *weight, double alpha, int n, int c)
{
    const int64_t i = adi_index_cuda();
    if (i >= n)
        return;
    const double factor = weight ? alpha * weight[(int)i / c] : alpha;
    y[i] = (float)(factor * ((double)a[i] - (b ? b[i] : 0.0f)));
}

ad_status adi_weighted_difference_cuda(const adi_exec *ex, float *y, const float *a, const float *b,
                                       const float *weight, double alpha, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.p * d.c))
        ADI_LAUNCH(weighted_difference_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA,
                   on.stream(), y, a, b, weight, alpha, d.p * d.c, d.c);
    return on.launched();
}
