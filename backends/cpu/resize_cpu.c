/* resize: bilinear, align_corners = false; a row of the result per task, in backward a row of dx.
 * Positions and weights are computed in double as in ref, the blend in float. */
#include "cpu.h"

#include <math.h>
#include <string.h>

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

/* Output rows that may read input row i: those of i - 1 <= s < i + 1, and one more at either end against
 * rounding. */
static void readers(int64_t i, int64_t in, int64_t out, int64_t *first, int64_t *last)
{
    const double scale = (double)out / (double)in;
    *first = (int64_t)fmax(0.0, floor(((double)i - 0.5) * scale - 0.5) - 1.0);
    *last = (int64_t)fmin((double)out - 1.0, ceil(((double)i + 1.5) * scale - 0.5) + 1.0);
}

static void add_scaled(float *restrict dx, const float *restrict dy, float by, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        dx[i] += by * dy[i];
}

ad_status adi_resize_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const adi_resize_dims *d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t row = 0; row < d->h; row++) {
        float *to = dx + row * d->w * d->c;
        int64_t first, last;
        readers(row, d->h, d->oh, &first, &last);
        memset(to, 0, (size_t)(d->w * d->c) * sizeof *to);
        for (int64_t oy = first; oy <= last; oy++) {
            const tap v = source(oy, d->h, d->oh);
            if (v.i0 != row && v.i1 != row)
                continue;
            const float wy = (v.i0 == row ? 1.0f - v.f : 0.0f) + (v.i1 == row ? v.f : 0.0f);
            for (int64_t ox = 0; ox < d->ow; ox++) {
                const tap u = source(ox, d->w, d->ow);
                const float *from = dy + oy * d->y_stride + ox * d->c;
                add_scaled(to + u.i0 * d->c, from, wy * (1.0f - u.f), d->c);
                add_scaled(to + u.i1 * d->c, from, wy * u.f, d->c);
            }
        }
    }
    return AD_OK;
}
