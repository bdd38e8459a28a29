/* mahalanobis: the squared length of A (x - mean) at every position. Scratch: x - mean [p, c], its
 * product z with A^T [p, r], and that of the product. */
#include "gemm_cuda.h"
#include "kernels_cuda.h"
#include "reduce_cuda.h"

struct whitening { /* the source of gemm_cuda.h */
    enum : bool { A_ALONG_DEPTH = true, B_ALONG_DEPTH = false };
    int rows, columns, depth;

    template <int STEP>
    __device__ __forceinline__ void a(float *out, const float *x, int row, int d) const
    {
        adi_load_cuda<STEP>(out, x + (int64_t)row * depth + d);
    }
    template <int STEP>
    __device__ __forceinline__ void b(float *out, const float *at, int d, int column) const
    {
        adi_load_cuda<STEP>(out, at + (int64_t)d * columns + column);
    }
};

/* ---- Of shapes, on the host ---- */

size_t adi_mahalanobis_packed_bytes_cuda(const double *a, int64_t c, int64_t r)
{
    (void)a;
    return (size_t)(c * r) * sizeof(float);
}

void adi_mahalanobis_pack_cuda(void *packed, const double *a, int64_t c, int64_t r)
{
    float *const at = (float *)packed; /* A^T */
    for (int64_t i = 0; i < c; i++)
        for (int64_t j = 0; j < r; j++)
            at[i * r + j] = (float)a[j * c + i];
}

/* A multiple of 16 bytes. */
static size_t floats_of(int64_t count)
{
    return (size_t)(count + 3) / 4 * 4;
}

size_t adi_mahalanobis_scratch_cuda(adi_pc d, int64_t r, int32_t num_threads)
{
    (void)num_threads;
    return (floats_of(d.p * d.c) + floats_of(d.p * r)) * sizeof(float) +
           adi_gemm_scratch_cuda(d.p, r, d.c);
}

/* ---- On the device ---- */

static __global__ void centre_kernel(float *z, const float *x, const float *mean, int n, int c)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        z[i] = x[i] - mean[(int)i % c];
}

static __global__ void squares_kernel(float *dist, const float *z, int64_t count, int r)
{
    const int64_t p = adi_position_cuda();
    if (p >= count)
        return;
    double sum = 0.0;
    for (int i = adi_lane_cuda(); i < r; i += 32)
        sum += (double)z[p * r + i] * z[p * r + i];
    sum = adi_warp_sum_cuda(sum);
    if (!adi_lane_cuda())
        dist[p] = (float)sum;
}

ad_status adi_mahalanobis_fwd_cuda(const adi_exec *ex, float *dist, const float *x,
                                   const float *mean, const void *packed, adi_pc d, int64_t r)
{
    static const adi_epilogue none = {NULL, NULL, ADI_ACT_NONE, NULL};
    float *const centred = (float *)ex->scratch, *const z = centred + floats_of(d.p * d.c);
    adi_call_cuda on(ex);
    if (!on.suits(d.p * d.c) || !on.suits(d.p * r))
        return on.launched();
    ADI_LAUNCH(centre_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA, on.stream(), centred, x,
               mean, d.p * d.c, d.c);
    const whitening v = {(int)d.p, (int)r, (int)d.c};
    const bool wide = d.c % 4 == 0 && adi_suits4_cuda(packed, r);
    adi_gemm_cuda(on, z + floats_of(d.p * r), wide, z, centred, (const float *)packed, &none, v);
    ADI_LAUNCH(squares_kernel, adi_blocks_cuda(d.p, ADI_WARPS_CUDA), ADI_THREADS_CUDA, on.stream(),
               dist, z, d.p, r);
    return on.launched();
}
