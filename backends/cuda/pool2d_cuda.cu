/* maxpool2d: a value a thread. Backward gathers: an input asks the windows that it is in, in their
 * order, whether it is their first maximum. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

static __global__ void maxpool2d_kernel(float *y, const float *x, adi_pool2d_dims d, int n)
{
    const int64_t at = adi_index_cuda();
    if (at >= n)
        return;
    const int c = (int)at % (int)d.c, position = (int)at / (int)d.c, ow = (int)d.ow;
    const int ox = position % ow, oy = position / ow % (int)d.oh, image = position / ow / (int)d.oh;
    float best = -INFINITY;
    for (int u = 0; u < d.k; u++)
        for (int v = 0; v < d.k; v++) {
            const int iy = oy * d.stride + u - d.pad_top, ix = ox * d.stride + v - d.pad_left;
            if (iy < 0 || iy >= d.h || ix < 0 || ix >= d.w)
                continue;
            const float f = x[((image * d.h + iy) * d.w + ix) * d.c + c];
            if (f > best || f != f)
                best = f;
        }
    y[at] = best;
}

ad_status adi_maxpool2d_fwd_cuda(const adi_exec *ex, float *y, const float *x,
                                 const adi_pool2d_dims *d)
{
    const int64_t n = d->n * d->oh * d->ow * d->c;
    adi_call_cuda on(ex);
    if (on.suits(n))
        ADI_LAUNCH(maxpool2d_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, x, *d,
                   n);
    return on.launched();
}

/* The position of a window's maximum in an image, or -1. x: the image's first value of a channel.
 */
static __device__ int winner(const float *x, const adi_pool2d_dims &d, int oy, int ox)
{
    int at = -1;
    float best = 0.0f;
    for (int u = 0; u < d.k; u++)
        for (int v = 0; v < d.k; v++) {
            const int iy = oy * d.stride + u - d.pad_top, ix = ox * d.stride + v - d.pad_left;
            if (iy < 0 || iy >= d.h || ix < 0 || ix >= d.w)
                continue;
            const float f = x[(iy * d.w + ix) * d.c];
            if (at < 0 || f > best || f != f) {
                best = f;
                at = iy * (int)d.w + ix;
            }
        }
    return at;
}

/* The first and last output whose window has input i. */
static __device__ __forceinline__ void windows_of(int i, int k, int stride, int pad, int out,
                                                  int *first, int *last)
{
    const int lowest = i + pad - k + 1;
    *first = lowest > 0 ? (lowest + stride - 1) / stride : 0;
    *last = min((i + pad) / stride, out - 1);
}

static __global__ void maxpool2d_bwd_kernel(float *dx, const float *dy, const float *x,
                                            adi_pool2d_dims d, int n)
{
    const int64_t at = adi_index_cuda();
    if (at >= n)
        return;
    const int c = (int)at % (int)d.c, position = (int)at / (int)d.c, w = (int)d.w;
    const int ix = position % w, iy = position / w % (int)d.h, image = position / w / (int)d.h;
    int top, bottom, left, right;
    windows_of(iy, d.k, d.stride, d.pad_top, (int)d.oh, &top, &bottom);
    windows_of(ix, d.k, d.stride, d.pad_left, (int)d.ow, &left, &right);
    float sum = 0.0f;
    for (int oy = top; oy <= bottom; oy++)
        for (int ox = left; ox <= right; ox++)
            if (winner(x + (int64_t)image * d.h * d.w * d.c + c, d, oy, ox) == iy * w + ix)
                sum += dy[((image * d.oh + oy) * d.ow + ox) * d.c + c];
    dx[at] = sum;
}

ad_status adi_maxpool2d_bwd_cuda(const adi_exec *ex, float *dx, const float *dy, const float *x,
                                 const adi_pool2d_dims *d)
{
    const int64_t n = d->n * d->h * d->w * d->c;
    adi_call_cuda on(ex);
    if (on.suits(n))
        ADI_LAUNCH(maxpool2d_bwd_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), dx, dy,
                   x, *d, n);
    return on.launched();
}
