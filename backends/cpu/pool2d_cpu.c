/* maxpool2d: an output row per task, vectorised over channels. */
#include "cpu.h"

#include <math.h>

static void raise_to(float *restrict y, const float *restrict x, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i]; /* NaN comes in and stays, as in ref */
}

ad_status adi_maxpool2d_fwd_cpu(const adi_exec *ex, float *y, const float *x,
                                const adi_pool2d_dims *d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t row = 0; row < d->n * d->oh; row++) {
        const int64_t n = row / d->oh, top = row % d->oh * d->stride - d->pad_top;
        for (int64_t ox = 0; ox < d->ow; ox++) {
            float *out = y + (row * d->ow + ox) * d->c;
            for (int64_t c = 0; c < d->c; c++)
                out[c] = -INFINITY;
            const int64_t left = ox * d->stride - d->pad_left;
            for (int64_t iy = top < 0 ? 0 : top; iy < adi_min(top + d->k, d->h); iy++)
                for (int64_t ix = left < 0 ? 0 : left; ix < adi_min(left + d->k, d->w); ix++)
                    raise_to(out, x + ((n * d->h + iy) * d->w + ix) * d->c, d->c);
        }
    }
    return AD_OK;
}
