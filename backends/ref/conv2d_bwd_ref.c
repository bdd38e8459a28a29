/* conv2d, backward: gradients of y[n,oy,ox,k] = sum over ky,kx,c of x[n,iy,ix,c] w[ky,kx,c,k] with
 * iy = oy * stride + ky - pad_top, ix likewise, given dy.
 *   dx[n,iy,ix,c] = act(bias[c] + residual + sum over ky,kx,k of dy[n,oy,ox,k] w[ky,kx,c,k]),
 *   dw[ky,kx,c,k] = sum over n,oy,ox of x[n,iy,ix,c] dy[n,oy,ox,k],
 * over those oy, ox and iy, ix that are inside. With its epilogue the first is the forward of a
 * transposed convolution of dy. */
#include "ref.h"

size_t adi_conv2d_bwd_data_scratch_ref(const adi_conv2d_dims *d, int32_t num_threads)
{
    (void)num_threads;
    return (size_t)d->c * sizeof(double); /* one position's sums */
}

/* The output position whose window has `in` at its tap k, or -1. */
static int64_t output_of(int64_t in, int64_t k, int32_t stride, int32_t pad, int64_t out)
{
    const int64_t at = in + pad - k;
    return at >= 0 && at % stride == 0 && at / stride < out ? at / stride : -1;
}

static void gradient_at(double *sum, const float *dy, const float *w, const adi_conv2d_dims *d,
                        int64_t iy, int64_t ix)
{
    for (int64_t c = 0; c < d->c; c++)
        sum[c] = 0.0;
    for (int64_t ky = 0; ky < d->kh; ky++) {
        const int64_t oy = output_of(iy, ky, d->stride, d->pad_top, d->oh);
        if (oy < 0)
            continue;
        for (int64_t kx = 0; kx < d->kw; kx++) {
            const int64_t ox = output_of(ix, kx, d->stride, d->pad_left, d->ow);
            if (ox < 0)
                continue;
            const float *g = dy + (oy * d->ow + ox) * d->k;
            const float *wp = w + (ky * d->kw + kx) * d->c * d->k;
            for (int64_t c = 0; c < d->c; c++, wp += d->k)
                for (int64_t k = 0; k < d->k; k++)
                    sum[c] += (double)g[k] * wp[k];
        }
    }
}

ad_status adi_conv2d_bwd_data_ref(const adi_exec *ex, float *dx, const float *dy, const float *w,
                                  const adi_epilogue *e, const adi_conv2d_dims *d)
{
    double *sum = ex->scratch;
    int64_t at = 0;
    for (int64_t n = 0; n < d->n; n++)
        for (int64_t iy = 0; iy < d->h; iy++)
            for (int64_t ix = 0; ix < d->w; ix++) {
                gradient_at(sum, dy + n * d->oh * d->ow * d->k, w, d, iy, ix);
                for (int64_t c = 0; c < d->c; c++, at++) {
                    double v = sum[c] + (e->bias ? e->bias[c] : 0.0f);
                    if (e->residual)
                        v += e->residual[at];
                    dx[at] = adi_apply_act((float)v, e->act);
                }
            }
    return AD_OK;
}

size_t adi_conv2d_bwd_weight_scratch_ref(const adi_conv2d_dims *d, int32_t num_threads)
{
    (void)num_threads;
    return (size_t)d->k * sizeof(double); /* sums of one tap and input channel */
}

ad_status adi_conv2d_bwd_weight_ref(const adi_exec *ex, float *dw, const float *x, const float *dy,
                                    const adi_conv2d_dims *d)
{
    double *sum = ex->scratch;
    for (int64_t tap = 0; tap < (int64_t)d->kh * d->kw * d->c; tap++, dw += d->k) {
        const int64_t c = tap % d->c, kx = tap / d->c % d->kw, ky = tap / d->c / d->kw;
        for (int64_t k = 0; k < d->k; k++)
            sum[k] = 0.0;
        const float *g = dy;
        for (int64_t n = 0; n < d->n; n++)
            for (int64_t oy = 0; oy < d->oh; oy++)
                for (int64_t ox = 0; ox < d->ow; ox++, g += d->k) {
                    const int64_t iy = oy * d->stride + ky - d->pad_top;
                    const int64_t ix = ox * d->stride + kx - d->pad_left;
                    if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w)
                        continue;
                    const double v = x[((n * d->h + iy) * d->w + ix) * d->c + c];
                    for (int64_t k = 0; k < d->k; k++)
                        sum[k] += v * g[k];
                }
        for (int64_t k = 0; k < d->k; k++)
            dw[k] = (float)sum[k];
    }
    return AD_OK;
}
