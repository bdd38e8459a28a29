/* conv2d: an implicit GEMM. Rows: output positions, columns: output channels, depth: taps times
 * input channels, as the weights have them, so that nothing is packed. */
#include "kernels_cuda.h"
#include "window_cuda.h"

struct unfolded : adi_window_cuda { /* the source of gemm_cuda.h */
    enum : bool { A_ALONG_DEPTH = true, B_ALONG_DEPTH = false };
    int rows, columns, depth;

    explicit unfolded(const adi_conv2d_dims *d)
        : adi_window_cuda(d), rows((int)(d->n * d->oh * d->ow)), columns((int)d->k),
          depth((int)(d->kh * d->kw * d->c))
    {
    }
    /* The input at output position `row`, under tap d / c, in channels d % c on. */
    template <int STEP>
    __device__ __forceinline__ void a(float *out, const float *x, int row, int d) const
    {
        input<STEP>(out, x, row, d / c, d % c);
    }
    template <int STEP>
    __device__ __forceinline__ void b(float *out, const float *weights, int d, int column) const
    {
        adi_load_cuda<STEP>(out, weights + (int64_t)d * columns + column);
    }
};

size_t adi_conv2d_scratch_cuda(const adi_conv2d_dims *d, int32_t num_threads)
{
    (void)num_threads;
    return adi_gemm_scratch_cuda(d->n * d->oh * d->ow, d->k, (int64_t)d->kh * d->kw * d->c);
}

ad_status adi_conv2d_fwd_cuda(const adi_exec *ex, float *y, const float *x, const float *w,
                              const adi_epilogue *e, const adi_conv2d_dims *d)
{
    adi_call_cuda on(ex);
    if (!on.suits(d->n * d->oh * d->ow) || !on.suits(d->kh * d->kw * d->c))
        return on.launched();
    const unfolded v(d);
    const bool wide = adi_suits4_cuda(x, d->c) && adi_suits4_cuda(w, d->k);
    adi_gemm_cuda(on, ex->scratch, wide, y, x, w, e, v);
    return on.launched();
}

/* ---- Packed filters: w itself ---- */

adi_conv2d_algorithm adi_conv2d_choose_cuda(const adi_conv2d_dims *d, adi_conv2d_algorithm wanted)
{
    (void)d;
    (void)wanted;
    return ADI_CONV2D_DIRECT;
}

size_t adi_conv2d_packed_bytes_cuda(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm)
{
    (void)d;
    (void)algorithm;
    return 0;
}

void adi_conv2d_pack_cuda(void *packed, const float *w, const adi_conv2d_dims *d,
                          adi_conv2d_algorithm algorithm)
{
    (void)packed;
    (void)w;
    (void)d;
    (void)algorithm;
}

size_t adi_conv2d_packed_scratch_cuda(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm,
                                      int32_t num_threads)
{
    (void)algorithm;
    return adi_conv2d_scratch_cuda(d, num_threads);
}

ad_status adi_conv2d_packed_fwd_cuda(const adi_exec *ex, float *y, const float *x,
                                     const void *packed, const adi_epilogue *e,
                                     const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm)
{
    (void)algorithm;
    return adi_conv2d_fwd_cuda(ex, y, x, (const float *)packed, e, d);
}
