/* maxpool2d: y[n,oy,ox,c] = max of x over the k x k window; positions outside x do not count.
 * Backward adds dy[n,oy,ox,c] to dx at the first maximum in the window's order, rows first. A NaN
 * is a maximum, and the last of them is taken, as PyTorch does; a window outside x gives to
 * nobody. */
#include "ref.h"

#include <math.h>

ad_status adi_maxpool2d_fwd_ref(const adi_exec *ex, float *y, const float *x,
                                const adi_pool2d_dims *d)
{
    (void)ex;
    for (int64_t n = 0; n < d->n; n++, x += d->h * d->w * d->c)
        for (int64_t oy = 0; oy < d->oh; oy++)
            for (int64_t ox = 0; ox < d->ow; ox++)
                for (int64_t c = 0; c < d->c; c++) {
                    float best = -INFINITY;
                    for (int64_t iy = oy * d->stride - d->pad_top;
                         iy < oy * d->stride - d->pad_top + d->k; iy++)
                        for (int64_t ix = ox * d->stride - d->pad_left;
                             ix < ox * d->stride - d->pad_left + d->k; ix++) {
                            if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w)
                                continue;
                            const float v = x[(iy * d->w + ix) * d->c + c];
                            if (v > best || v != v)
                                best = v;
                        }
                    *y++ = best;
                }
    return AD_OK;
}

/* The place of the window's maximum in channel 0 of x, or -1. */
static int64_t winner(const float *x, const adi_pool2d_dims *d, int64_t oy, int64_t ox)
{
    int64_t at = -1;
    for (int64_t iy = oy * d->stride - d->pad_top; iy < oy * d->stride - d->pad_top + d->k; iy++)
        for (int64_t ix = ox * d->stride - d->pad_left; ix < ox * d->stride - d->pad_left + d->k;
             ix++) {
            if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w)
                continue;
            const float v = x[(iy * d->w + ix) * d->c];
            if (at < 0 || v > x[at] || v != v)
                at = (iy * d->w + ix) * d->c;
        }
    return at;
}

ad_status adi_maxpool2d_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *x,
                                const adi_pool2d_dims *d)
{
    (void)ex;
    for (int64_t i = 0; i < d->n * d->h * d->w * d->c; i++)
        dx[i] = 0.0f;
    for (int64_t n = 0; n < d->n; n++, x += d->h * d->w * d->c, dx += d->h * d->w * d->c)
        for (int64_t oy = 0; oy < d->oh; oy++)
            for (int64_t ox = 0; ox < d->ow; ox++)
                for (int64_t c = 0; c < d->c; c++, dy++) {
                    const int64_t at = winner(x + c, d, oy, ox);
                    if (at >= 0)
                        dx[at + c] += *dy;
                }
    return AD_OK;
}
