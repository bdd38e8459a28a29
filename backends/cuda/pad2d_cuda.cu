/* pad2d: a border that repeats the nearest position inside, and the sums that are its gradient. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

struct place {
    int c, j, i, n;
};

/* Of value `at` in [n, h, w, c]. */
static __device__ __forceinline__ place place_of(int at, int c, int w, int h)
{
    return {at % c, at / c % w, at / c / w % h, at / c / w / h};
}

static __global__ void pad2d_kernel(float *y, const float *x, int h, int w, int c, int pad, int n)
{
    const int64_t at = adi_index_cuda();
    if (at >= n)
        return;
    const place o = place_of((int)at, c, w + 2 * pad, h + 2 * pad);
    const int i = min(max(o.i - pad, 0), h - 1), j = min(max(o.j - pad, 0), w - 1);
    y[at] = x[(((int64_t)o.n * h + i) * w + j) * c + o.c];
}

ad_status adi_pad2d_fwd_cuda(const adi_exec *ex, float *y, const float *x, const adi_pad2d_dims *d)
{
    const int64_t n = d->n * (d->h + 2 * d->pad) * (d->w + 2 * d->pad) * d->c;
    adi_call_cuda on(ex);
    if (on.suits(n))
        ADI_LAUNCH(pad2d_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, x, d->h,
                   d->w, d->c, d->pad, n);
    return on.launched();
}

/* The outputs [first, end) along one axis that copy input i. */
static __device__ __forceinline__ void copies_of(int i, int n, int pad, int *first, int *end)
{
    *first = i == 0 ? 0 : i + pad;
    *end = i == n - 1 ? n + 2 * pad : i + pad + 1;
}

static __global__ void pad2d_bwd_kernel(float *dx, const float *dy, int h, int w, int c, int pad,
                                        int n)
{
    const int64_t at = adi_index_cuda();
    if (at >= n)
        return;
    const place o = place_of((int)at, c, w, h);
    const int64_t oh = h + 2 * pad, ow = w + 2 * pad;
    int i0, i1, j0, j1;
    copies_of(o.i, h, pad, &i0, &i1);
    copies_of(o.j, w, pad, &j0, &j1);
    double sum = 0.0;
    for (int y = i0; y < i1; y++)
        for (int x = j0; x < j1; x++)
            sum += dy[((o.n * oh + y) * ow + x) * c + o.c];
    dx[at] = (float)sum;
}

ad_status adi_pad2d_bwd_cuda(const adi_exec *ex, float *dx, const float *dy,
                             const adi_pad2d_dims *d)
{
    const int64_t n = d->n * d->h * d->w * d->c;
    adi_call_cuda on(ex);
    if (on.suits(n))
        ADI_LAUNCH(pad2d_bwd_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), dx, dy,
                   d->h, d->w, d->c, d->pad, n);
    return on.launched();
}
