/* conv2d: y[n,oy,ox,k] = act(bias[k] + residual + sum over ky,kx,c of x[n,iy,ix,c] w[ky,kx,c,k]),
 * iy = oy * stride + ky - pad_top, ix likewise; samples outside x are 0. */
#include "ref.h"

size_t adi_conv2d_scratch_ref(const adi_conv2d_dims *d, int32_t num_threads)
{
    (void)num_threads;
    return (size_t)d->k * sizeof(double); /* one position's sums */
}

static void conv_position(double *sum, const float *x, const float *w, const adi_conv2d_dims *d,
                          int64_t oy, int64_t ox)
{
    for (int64_t k = 0; k < d->k; k++)
        sum[k] = 0.0;
    for (int64_t ky = 0; ky < d->kh; ky++) {
        const int64_t iy = oy * d->stride + ky - d->pad_top;
        if (iy < 0 || iy >= d->h)
            continue;
        for (int64_t kx = 0; kx < d->kw; kx++) {
            const int64_t ix = ox * d->stride + kx - d->pad_left;
            if (ix < 0 || ix >= d->w)
                continue;
            const float *xp = x + (iy * d->w + ix) * d->c;
            const float *wp = w + (ky * d->kw + kx) * d->c * d->k;
            for (int64_t c = 0; c < d->c; c++, wp += d->k)
                for (int64_t k = 0; k < d->k; k++)
                    sum[k] += (double)xp[c] * wp[k];
        }
    }
}

ad_status adi_conv2d_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *w,
                             const adi_epilogue *e, const adi_conv2d_dims *d)
{
    double *sum = ex->scratch;
    int64_t at = 0;
    for (int64_t n = 0; n < d->n; n++)
        for (int64_t oy = 0; oy < d->oh; oy++)
            for (int64_t ox = 0; ox < d->ow; ox++) {
                conv_position(sum, x + n * d->h * d->w * d->c, w, d, oy, ox);
                for (int64_t k = 0; k < d->k; k++, at++) {
                    double v = sum[k] + (e->bias ? e->bias[k] : 0.0f);
                    if (e->residual)
                        v += e->residual[at];
                    y[at] = adi_apply_act((float)v, e->act);
                }
            }
    return AD_OK;
}

/* Packed filters: w itself. */
adi_conv2d_algorithm adi_conv2d_choose_ref(const adi_conv2d_dims *d, adi_conv2d_algorithm wanted)
{
    (void)d;
    (void)wanted;
    return ADI_CONV2D_DIRECT;
}

size_t adi_conv2d_packed_bytes_ref(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm)
{
    (void)d;
    (void)algorithm;
    return 0;
}

void adi_conv2d_pack_ref(void *packed, const float *w, const adi_conv2d_dims *d,
                         adi_conv2d_algorithm algorithm)
{
    (void)packed;
    (void)w;
    (void)d;
    (void)algorithm;
}

size_t adi_conv2d_packed_scratch_ref(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm,
                                     int32_t num_threads)
{
    (void)algorithm;
    return adi_conv2d_scratch_ref(d, num_threads);
}

ad_status adi_conv2d_packed_fwd_ref(const adi_exec *ex, float *y, const float *x,
                                    const void *packed, const adi_epilogue *e,
                                    const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm)
{
    (void)algorithm;
    return adi_conv2d_fwd_ref(ex, y, x, packed, e, d);
}
