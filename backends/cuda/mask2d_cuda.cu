/* Random masks of positions: the numbers of adi_mix64. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

/* adi_mix64 of mix64.h, which is a function of the host. */
static __device__ __forceinline__ uint64_t mix64(uint64_t z)
{
    z += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static __global__ void mask2d_kernel(float *y, const float *x, uint64_t key, double rate, int n,
                                     int c)
{
    const int64_t i = adi_index_cuda();
    if (i >= n)
        return;
    const double r = (double)(mix64(key + (uint64_t)((int)i / c)) >> 40) * 0x1p-24;
    y[i] = r < rate ? 0.0f : x[i];
}

ad_status adi_mask2d_cuda(const adi_exec *ex, float *y, const float *x, uint64_t key, double rate,
                          adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.p * d.c))
        ADI_LAUNCH(mask2d_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA, on.stream(), y, x,
                   key, rate, d.p * d.c, d.c);
    return on.launched();
}
