/* dwconv2d: an output row per task, vectorised over channels, the epilogue on each finished row. */
#include "cpu.h"

#include <string.h>

static void tap(float *restrict y, const float *restrict x, const float *restrict w, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        y[i] += x[i] * w[i];
}

ad_status adi_dwconv2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                               const adi_epilogue *e, const adi_conv2d_dims *d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t row = 0; row < d->n * d->oh; row++) {
        const int64_t n = row / d->oh, oy = row % d->oh;
        for (int64_t ox = 0; ox < d->ow; ox++) {
            float *out = y + (row * d->ow + ox) * d->c;
            memset(out, 0, (size_t)d->c * sizeof *out);
            for (int64_t ky = 0; ky < d->kh; ky++) {
                const int64_t iy = oy * d->stride + ky - d->pad_top;
                for (int64_t kx = 0; kx < d->kw && iy >= 0 && iy < d->h; kx++) {
                    const int64_t ix = ox * d->stride + kx - d->pad_left;
                    if (ix >= 0 && ix < d->w)
                        tap(out, x + ((n * d->h + iy) * d->w + ix) * d->c,
                            w + (ky * d->kw + kx) * d->c, d->c);
                }
            }
        }
        adi_epilogue_cpu(y, e, d->c, row * d->ow, (row + 1) * d->ow, 0, d->c);
    }
    return AD_OK;
}
