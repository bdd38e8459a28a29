/* resize: bilinear, align_corners = false; an output row per task. Positions and weights are computed
 * in double as in ref, the blend in float. */
#include "cpu.h"

#include <math.h>

typedef struct tap {
    int64_t i0, i1;
    float f;
} tap;

static tap source(int64_t o, int64_t in, int64_t out)
{
    const double s = fmax(0.0, ((double)o + 0.5) * (double)in / (double)out - 0.5);
    const int64_t i0 = adi_min((int64_t)s, in - 1);
    return (tap){i0, adi_min(i0 + 1, in - 1), (float)(s - (double)i0)};
}

ad_status adi_resize_fwd_cpu(const adi_exec *ex, float *y, const float *x, const adi_resize_dims *d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t row = 0; row < d->oh; row++) {
        const tap v = source(row, d->h, d->oh);
        float *out = y + row * d->y_stride;
        for (int64_t ox = 0; ox < d->ow; ox++, out += d->c) {
            const tap u = source(ox, d->w, d->ow);
            const float *a = x + (v.i0 * d->w + u.i0) * d->c, *b = x + (v.i0 * d->w + u.i1) * d->c;
            const float *e = x + (v.i1 * d->w + u.i0) * d->c, *f = x + (v.i1 * d->w + u.i1) * d->c;
            for (int64_t c = 0; c < d->c; c++) {
                const float top = (1.0f - u.f) * a[c] + u.f * b[c];
                const float bottom = (1.0f - u.f) * e[c] + u.f * f[c];
                out[c] = (1.0f - v.f) * top + v.f * bottom;
            }
        }
    }
    return AD_OK;
}
