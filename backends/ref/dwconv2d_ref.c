/* dwconv2d: one filter per channel.
 *   y[n,oy,ox,c] = act(bias[c] + residual + sum over ky,kx of x[n,iy,ix,c] w[ky,kx,c])
 *   row_sums[n,oy,c] = sum over ox of y[n,oy,ox,c] */
#include "ref.h"

ad_status adi_dwconv2d_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *w,
                               const adi_epilogue *e, const adi_conv2d_dims *d)
{
    const float *result = y;
    int64_t at = 0;
    for (int64_t n = 0; n < d->n; n++, x += d->h * d->w * d->c)
        for (int64_t oy = 0; oy < d->oh; oy++)
            for (int64_t ox = 0; ox < d->ow; ox++)
                for (int64_t c = 0; c < d->c; c++, at++) {
                    double sum = e->bias ? e->bias[c] : 0.0f;
                    for (int64_t ky = 0; ky < d->kh; ky++)
                        for (int64_t kx = 0; kx < d->kw; kx++) {
                            const int64_t iy = oy * d->stride + ky - d->pad_top;
                            const int64_t ix = ox * d->stride + kx - d->pad_left;
                            if (iy >= 0 && iy < d->h && ix >= 0 && ix < d->w)
                                sum += (double)x[(iy * d->w + ix) * d->c + c]
                                       * w[(ky * d->kw + kx) * d->c + c];
                        }
                    if (e->residual)
                        sum += e->residual[at];
                    y[at] = adi_apply_act((float)sum, e->act);
                }
    if (e->row_sums)
        return adi_row_sums_ref(ex, e->row_sums, result, d->n * d->oh, d->ow, d->c);
    return AD_OK;
}
