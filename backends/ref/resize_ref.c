/* resize: bilinear with half-pixel centres (PyTorch's align_corners = false), never antialiased.
 *   s = max(0, (o + 0.5) * in / out - 0.5),  i0 = floor(s),  i1 = min(i0 + 1, in - 1),  f = s - i0
 *   y = (1 - fy) ((1 - fx) x[y0,x0] + fx x[y0,x1]) + fy ((1 - fx) x[y1,x0] + fx x[y1,x1]) */
#include "ref.h"

#include <math.h>

static void source(int64_t o, int64_t in, int64_t out, int64_t *i0, int64_t *i1, double *f)
{
    const double s = fmax(0.0, ((double)o + 0.5) * (double)in / (double)out - 0.5);
    *i0 = (int64_t)s < in - 1 ? (int64_t)s : in - 1;
    *i1 = *i0 + 1 < in ? *i0 + 1 : in - 1;
    *f = s - (double)*i0;
}

ad_status adi_resize_fwd_ref(const adi_exec *ex, float *y, const float *x, const adi_resize_dims *d)
{
    (void)ex;
    for (int64_t oy = 0; oy < d->oh; oy++) {
        float *out = y + oy * d->y_stride;
        int64_t y0, y1, x0, x1;
        double fy, fx;
        source(oy, d->h, d->oh, &y0, &y1, &fy);
        for (int64_t ox = 0; ox < d->ow; ox++, out += d->c) {
            source(ox, d->w, d->ow, &x0, &x1, &fx);
            for (int64_t c = 0; c < d->c; c++) {
                const double a = x[(y0 * d->w + x0) * d->c + c], b = x[(y0 * d->w + x1) * d->c + c];
                const double e = x[(y1 * d->w + x0) * d->c + c], f = x[(y1 * d->w + x1) * d->c + c];
                out[c] = (float)((1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * e + fx * f));
            }
        }
    }
    return AD_OK;
}
