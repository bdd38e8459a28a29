/* resize: bilinear with half-pixel centres, and its transpose; a value a thread. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

struct source {
    int i0, i1;
    double f;
    bool inside; /* false: the output lies outside of the input */
};

/* whole 0: the input is all there is. */
static __device__ __forceinline__ source source_of(int64_t o, int64_t in, int64_t out,
                                                   int64_t whole, int64_t before)
{
    const double s =
        ((double)o + 0.5) * (double)(whole ? whole : in) / (double)out - 0.5 - (double)before;
    const double clamped = fmin(fmax(s, 0.0), (double)(in - 1));
    const int i0 = (int)clamped;
    return {i0, i0 + 1 < in ? i0 + 1 : (int)in - 1, clamped - i0,
            !(s < -0.5 || s > (double)in - 0.5)};
}

static __global__ void resize_kernel(float *y, const float *x, adi_resize_dims d, int n)
{
    const int64_t at = adi_index_cuda();
    if (at >= n)
        return;
    const int c = (int)at % (int)d.c, position = (int)at / (int)d.c;
    const int ox = position % (int)d.ow, oy = position / (int)d.ow;
    const source v = source_of(oy, d.h, d.oh, d.whole_h, d.top);
    const source u = source_of(ox, d.w, d.ow, d.whole_w, d.left);
    float result = 0.0f;
    if (v.inside && u.inside) {
        const double a = x[(v.i0 * d.w + u.i0) * d.c + c], b = x[(v.i0 * d.w + u.i1) * d.c + c];
        const double e = x[(v.i1 * d.w + u.i0) * d.c + c], f = x[(v.i1 * d.w + u.i1) * d.c + c];
        result = (float)((1 - v.f) * ((1 - u.f) * a + u.f * b) + v.f * ((1 - u.f) * e + u.f * f));
    }
    y[oy * d.y_stride + ox * d.c + c] = result;
}

ad_status adi_resize_fwd_cuda(const adi_exec *ex, float *y, const float *x,
                              const adi_resize_dims *d)
{
    const int64_t n = d->oh * d->ow * d->c;
    adi_call_cuda on(ex);
    if (on.suits(n))
        ADI_LAUNCH(resize_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, x, *d, n);
    return on.launched();
}

/* Outputs that may read input i: those of i - 1 <= s < i + 1, and one more at either end against
 * rounding. */
static __device__ __forceinline__ void readers(int i, int64_t in, int64_t out, int *first,
                                               int *last)
{
    const double scale = (double)out / (double)in;
    *first = (int)fmax(0.0, floor((i - 0.5) * scale - 0.5) - 1.0);
    *last = (int)fmin((double)out - 1.0, ceil((i + 1.5) * scale - 0.5) + 1.0);
}

/* The weight of input i in output o; false where it is not read at all. */
static __device__ __forceinline__ bool weight_of(int o, int i, int64_t in, int64_t out, double *w)
{
    const source s = source_of(o, in, out, 0, 0);
    *w = (i == s.i0 ? 1 - s.f : 0.0) + (i == s.i1 ? s.f : 0.0);
    return i == s.i0 || i == s.i1;
}

static __global__ void resize_bwd_kernel(float *dx, const float *dy, adi_resize_dims d, int n)
{
    const int64_t at = adi_index_cuda();
    if (at >= n)
        return;
    const int c = (int)at % (int)d.c, position = (int)at / (int)d.c;
    const int ix = position % (int)d.w, iy = position / (int)d.w;
    int top, bottom, left, right;
    double sum = 0.0, wy, wx;
    readers(iy, d.h, d.oh, &top, &bottom);
    readers(ix, d.w, d.ow, &left, &right);
    for (int oy = top; oy <= bottom; oy++) {
        if (!weight_of(oy, iy, d.h, d.oh, &wy))
            continue;
        for (int ox = left; ox <= right; ox++)
            if (weight_of(ox, ix, d.w, d.ow, &wx))
                sum += wy * wx * dy[oy * d.y_stride + ox * d.c + c];
    }
    dx[at] = (float)sum;
}

ad_status adi_resize_bwd_cuda(const adi_exec *ex, float *dx, const float *dy,
                              const adi_resize_dims *d)
{
    const int64_t n = d->h * d->w * d->c;
    adi_call_cuda on(ex);
    if (on.suits(n))
        ADI_LAUNCH(resize_bwd_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), dx, dy, *d,
                   n);
    return on.launched();
}
