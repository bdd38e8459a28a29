/* resize: bilinear with half-pixel centres (PyTorch's align_corners = false), never antialiased.
 *   s = max(0, (o + 0.5) * in / out - 0.5),  i0 = floor(s),  i1 = min(i0 + 1, in - 1),  f = s - i0
 * where the input is a part of a whole, beginning at b: s = (o + 0.5) * whole / out - 0.5 - b,
 * clamped to the input, and y is 0 where s is more than half a sample away from it.
 *   y = (1 - fy) ((1 - fx) x[y0,x0] + fx x[y0,x1]) + fy ((1 - fx) x[y1,x0] + fx x[y1,x1])
 * Backward is the transpose: dx[iy,ix] = sum over oy,ox of the weight of x[iy,ix] in y[oy,ox] times
 * dy. */
#include "ref.h"

#include <math.h>

/* 0 where the output lies outside of the input; whole 0: the input is all there is. */
static int source(int64_t o, int64_t in, int64_t out, int64_t whole, int64_t before, int64_t *i0,
                  int64_t *i1, double *f)
{
    const double s =
        ((double)o + 0.5) * (double)(whole ? whole : in) / (double)out - 0.5 - (double)before;
    if (s < -0.5 || s > (double)in - 0.5)
        return 0;
    const double clamped = fmin(fmax(s, 0.0), (double)(in - 1));
    *i0 = (int64_t)clamped;
    *i1 = *i0 + 1 < in ? *i0 + 1 : in - 1;
    *f = clamped - (double)*i0;
    return 1;
}

ad_status adi_resize_fwd_ref(const adi_exec *ex, float *y, const float *x, const adi_resize_dims *d)
{
    (void)ex;
    for (int64_t oy = 0; oy < d->oh; oy++) {
        float *out = y + oy * d->y_stride;
        int64_t y0 = 0, y1 = 0, x0 = 0, x1 = 0;
        double fy = 0.0, fx = 0.0;
        const int inside = source(oy, d->h, d->oh, d->whole_h, d->top, &y0, &y1, &fy);
        for (int64_t ox = 0; ox < d->ow; ox++, out += d->c) {
            const int there = inside && source(ox, d->w, d->ow, d->whole_w, d->left, &x0, &x1, &fx);
            for (int64_t c = 0; c < d->c; c++) {
                if (!there) {
                    out[c] = 0.0f;
                    continue;
                }
                const double a = x[(y0 * d->w + x0) * d->c + c], b = x[(y0 * d->w + x1) * d->c + c];
                const double e = x[(y1 * d->w + x0) * d->c + c], f = x[(y1 * d->w + x1) * d->c + c];
                out[c] = (float)((1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * e + fx * f));
            }
        }
    }
    return AD_OK;
}

/* Outputs that may read input i: those of i - 1 <= s < i + 1, and one more at either end against
 * rounding. */
static void readers(int64_t i, int64_t in, int64_t out, int64_t *first, int64_t *last)
{
    const double scale = (double)out / (double)in;
    *first = (int64_t)fmax(0.0, floor(((double)i - 0.5) * scale - 0.5) - 1.0);
    *last = (int64_t)fmin((double)out - 1.0, ceil(((double)i + 1.5) * scale - 0.5) + 1.0);
}

/* Weight of input i in output o; returns 0 where it is not read at all. */
static int weight(int64_t o, int64_t i, int64_t in, int64_t out, double *w)
{
    int64_t i0 = 0, i1 = 0;
    double f = 0.0;
    source(o, in, out, 0, 0, &i0, &i1, &f);
    *w = (i == i0 ? 1 - f : 0.0) + (i == i1 ? f : 0.0);
    return i == i0 || i == i1;
}

static double gradient_at(const float *dy, const adi_resize_dims *d, int64_t iy, int64_t ix)
{
    int64_t top, bottom, left, right;
    double sum = 0.0, wy, wx;
    readers(iy, d->h, d->oh, &top, &bottom);
    readers(ix, d->w, d->ow, &left, &right);
    for (int64_t oy = top; oy <= bottom; oy++) {
        if (!weight(oy, iy, d->h, d->oh, &wy))
            continue;
        for (int64_t ox = left; ox <= right; ox++)
            if (weight(ox, ix, d->w, d->ow, &wx))
                sum += wy * wx * dy[oy * d->y_stride + ox * d->c];
    }
    return sum;
}

ad_status adi_resize_bwd_ref(const adi_exec *ex, float *dx, const float *dy,
                             const adi_resize_dims *d)
{
    (void)ex;
    for (int64_t iy = 0; iy < d->h; iy++)
        for (int64_t ix = 0; ix < d->w; ix++)
            for (int64_t c = 0; c < d->c; c++)
                *dx++ = (float)gradient_at(dy + c, d, iy, ix);
    return AD_OK;
}
