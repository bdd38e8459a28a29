/* permute: the channels of every position in another order, and back. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

static __global__ void permute_kernel(float *y, const float *x, const float *index, int inverse,
                                      int n, int c)
{
    const int64_t i = adi_index_cuda();
    if (i >= n)
        return;
    const int64_t row = (int)i / c * (int64_t)c, other = row + (int)index[(int)i % c];
    y[inverse ? other : i] = x[inverse ? i : other];
}

ad_status adi_permute_fwd_cuda(const adi_exec *ex, float *y, const float *x, const float *index,
                               int32_t inverse, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.p * d.c))
        ADI_LAUNCH(permute_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA, on.stream(), y, x,
                   index, inverse, d.p * d.c, d.c);
    return on.launched();
}
