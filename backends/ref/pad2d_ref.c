/* pad2d: a border that repeats the nearest position inside, and the sums that are its gradient. */
#include "ref.h"

static int64_t inside(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

ad_status adi_pad2d_fwd_ref(const adi_exec *ex, float *y, const float *x, const adi_pad2d_dims *d)
{
    (void)ex;
    for (int64_t n = 0; n < d->n; n++, x += d->h * d->w * d->c)
        for (int64_t i = -d->pad; i < d->h + d->pad; i++)
            for (int64_t j = -d->pad; j < d->w + d->pad; j++)
                for (int64_t c = 0; c < d->c; c++)
                    *y++ = x[(inside(i, d->h) * d->w + inside(j, d->w)) * d->c + c];
    return AD_OK;
}

/* Find the outputs [first, end) along one axis that copy input i. */
static void copies_of(int64_t i, int64_t n, int64_t pad, int64_t *out_first, int64_t *out_end)
{
    *out_first = i == 0 ? 0 : i + pad;
    *out_end = i == n - 1 ? n + 2 * pad : i + pad + 1;
}

ad_status adi_pad2d_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const adi_pad2d_dims *d)
{
    (void)ex;
    const int64_t oh = d->h + 2 * d->pad, ow = d->w + 2 * d->pad;
    for (int64_t n = 0; n < d->n; n++, dy += oh * ow * d->c)
        for (int64_t i = 0; i < d->h; i++)
            for (int64_t j = 0; j < d->w; j++) {
                int64_t i0, i1, j0, j1;
                copies_of(i, d->h, d->pad, &i0, &i1);
                copies_of(j, d->w, d->pad, &j0, &j1);
                for (int64_t c = 0; c < d->c; c++) {
                    double sum = 0.0;
                    for (int64_t y = i0; y < i1; y++)
                        for (int64_t x = j0; x < j1; x++)
                            sum += dy[(y * ow + x) * d->c + c];
                    *dx++ = (float)sum;
                }
            }
    return AD_OK;
}
