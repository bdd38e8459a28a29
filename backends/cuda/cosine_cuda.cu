/* Cosine distance, as PyTorch's cosine_similarity computes it; a warp a position. */
#include "kernels_cuda.h"
#include "reduce_cuda.h"

struct products {
    double ab, aa, m;
    bool clamped;
};

static __device__ __forceinline__ products products_of(const float *a, const float *b, int c)
{
    products s = {0.0, 0.0, 0.0, false};
    double bb = 0.0;
    for (int i = adi_lane_cuda(); i < c; i += 32) {
        s.ab += (double)a[i] * b[i];
        s.aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    s.ab = adi_warp_sum_cuda(s.ab);
    s.aa = adi_warp_sum_cuda(s.aa);
    s.m = sqrt(s.aa) * sqrt(adi_warp_sum_cuda(bb));
    s.clamped = s.m < 1e-8;
    s.m = s.clamped ? 1e-8 : s.m;
    return s;
}

static __global__ void cosine_kernel(float *dist, const float *a, const float *b, int64_t count,
                                     int c)
{
    const int64_t p = adi_position_cuda();
    if (p >= count)
        return;
    const products s = products_of(a + p * c, b + p * c, c);
    if (!adi_lane_cuda())
        dist[p] = (float)(1.0 - s.ab / s.m);
}

ad_status adi_cosine_fwd_cuda(const adi_exec *ex, float *dist, const float *a, const float *b,
                              adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.c))
        ADI_LAUNCH(cosine_kernel, adi_blocks_cuda(d.p, ADI_WARPS_CUDA), ADI_THREADS_CUDA,
                   on.stream(), dist, a, b, d.p, d.c);
    return on.launched();
}

static __global__ void cosine_bwd_kernel(float *da, const float *a, const float *b, float scale,
                                         int64_t count, int c)
{
    const int64_t p = adi_position_cuda();
    if (p >= count)
        return;
    const products s = products_of(a + p * c, b + p * c, c);
    const double by = s.clamped ? 0.0 : scale * s.ab / s.aa / s.m;
    for (int i = adi_lane_cuda(); i < c; i += 32)
        da[p * c + i] = (float)(by * a[p * c + i] - scale / s.m * b[p * c + i]);
}

ad_status adi_cosine_bwd_cuda(const adi_exec *ex, float *da, const float *a, const float *b,
                              float scale, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.c))
        ADI_LAUNCH(cosine_bwd_kernel, adi_blocks_cuda(d.p, ADI_WARPS_CUDA), ADI_THREADS_CUDA,
                   on.stream(), da, a, b, scale, d.p, d.c);
    return on.launched();
}
