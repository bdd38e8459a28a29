/* gather_channels: channels of a map, from the nearest position; a value a thread. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

static __global__ void gather_channels_kernel(float *y, const float *x, const float *pick,
                                              adi_gather_dims d, int n)
{
    const int64_t at = adi_index_cuda();
    if (at >= n)
        return;
    const int k = (int)at % (int)d.count, position = (int)at / (int)d.count;
    const int64_t i = position / (int)d.ow, j = position % (int)d.ow;
    const int from = (int)pick[2 * k], to = (int)pick[2 * k + 1];
    y[position * d.y_stride + to] = x[(i * d.h / d.oh * d.w + j * d.w / d.ow) * d.c + from];
}

ad_status adi_gather_channels_cuda(const adi_exec *ex, float *y, const float *x, const float *pick,
                                   const adi_gather_dims *d)
{
    const int64_t n = d->oh * d->ow * d->count;
    adi_call_cuda on(ex);
    if (on.suits(n))
        ADI_LAUNCH(gather_channels_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, x,
                   pick, *d, n);
    return on.launched();
}
