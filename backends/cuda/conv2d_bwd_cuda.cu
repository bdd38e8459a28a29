/* conv2d, backward: products of matrices as forward. By data, which is also a transposed
 * convolution: rows are input positions, columns input channels, depth taps times output channels.
 * By weight: rows are taps times input channels, columns output channels, depth output positions.
 */
#include "kernels_cuda.h"
#include "window_cuda.h"

struct backward_data : adi_window_cuda { /* the source of gemm_cuda.h */
    enum : bool { A_ALONG_DEPTH = true, B_ALONG_DEPTH = true };
    int rows, columns, depth;

    explicit backward_data(const adi_conv2d_dims *d)
        : adi_window_cuda(d), rows((int)(d->n * d->h * d->w)), columns((int)d->c),
          depth((int)(d->kh * d->kw * d->k))
    {
    }
    /* dy at the output position whose window has input position `row` at tap d / k. */
    template <int STEP>
    __device__ __forceinline__ void a(float *out, const float *dy, int row, int d) const
    {
        const int tap = d / k, ix = row % w, iy = row / w % h, n = row / w / h;
        const int y = iy + pad_top - tap / kw, x = ix + pad_left - tap % kw;
        if (y < 0 || x < 0 || y % stride || x % stride || y / stride >= oh || x / stride >= ow)
            return;
        adi_load_cuda<STEP>(out,
                            dy + (((int64_t)n * oh + y / stride) * ow + x / stride) * k + d % k);
    }
    /* weights [tap, c, k] at tap d / k, channel `column`, output channels d % k on. */
    template <int STEP>
    __device__ __forceinline__ void b(float *out, const float *weights, int d, int column) const
    {
        adi_load_cuda<STEP>(out, weights + ((int64_t)(d / k) * columns + column) * k + d % k);
    }
};

size_t adi_conv2d_bwd_data_scratch_cuda(const adi_conv2d_dims *d, int32_t num_threads)
{
    (void)num_threads;
    return adi_gemm_scratch_cuda(d->n * d->h * d->w, d->c, (int64_t)d->kh * d->kw * d->k);
}

ad_status adi_conv2d_bwd_data_cuda(const adi_exec *ex, float *dx, const float *dy, const float *w,
                                   const adi_epilogue *e, const adi_conv2d_dims *d)
{
    adi_call_cuda on(ex);
    if (!on.suits(d->n * d->h * d->w) || !on.suits(d->kh * d->kw * d->k))
        return on.launched();
    const backward_data v(d);
    const bool wide = adi_suits4_cuda(dy, d->k) && adi_suits4_cuda(w, d->k);
    adi_gemm_cuda(on, ex->scratch, wide, dx, dy, w, e, v);
    return on.launched();
}

struct backward_weight : adi_window_cuda {
    enum : bool { A_ALONG_DEPTH = false, B_ALONG_DEPTH = false };
    int rows, columns, depth;

    explicit backward_weight(const adi_conv2d_dims *d)
        : adi_window_cuda(d), rows((int)(d->kh * d->kw * d->c)), columns((int)d->k),
          depth((int)(d->n * d->oh * d->ow))
    {
    }
    /* The input under tap row / c of output position d, in channels row % c on. */
    template <int STEP>
    __device__ __forceinline__ void a(float *out, const float *x, int row, int d) const
    {
        input<STEP>(out, x, d, row / c, row % c);
    }
    template <int STEP>
    __device__ __forceinline__ void b(float *out, const float *dy, int d, int column) const
    {
        adi_load_cuda<STEP>(out, dy + (int64_t)d * columns + column);
    }
};

size_t adi_conv2d_bwd_weight_scratch_cuda(const adi_conv2d_dims *d, int32_t num_threads)
{
    (void)num_threads;
    return adi_gemm_scratch_cuda((int64_t)d->kh * d->kw * d->c, d->k, d->n * d->oh * d->ow);
}

ad_status adi_conv2d_bwd_weight_cuda(const adi_exec *ex, float *dw, const float *x, const float *dy,
                                     const adi_conv2d_dims *d)
{
    static const adi_epilogue none = {NULL, NULL, ADI_ACT_NONE, NULL};
    adi_call_cuda on(ex);
    if (!on.suits(d->n * d->oh * d->ow) || !on.suits(d->kh * d->kw * d->c))
        return on.launched();
    const backward_weight v(d);
    const bool wide = adi_suits4_cuda(x, d->c) && adi_suits4_cuda(dy, d->k);
    adi_gemm_cuda(on, ex->scratch, wide, dw, x, dy, &none, v);
    return on.launched();
}
