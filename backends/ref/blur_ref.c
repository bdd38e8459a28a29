/* blur: down the columns, then along the rows, as scipy.ndimage.gaussian_filter does it on float32:
 * double sums from the outermost tap inwards, float32 between the two passes, borders reflected:
 *   d c b a | a b c d | d c b a */
#include "ref.h"

size_t adi_blur_scratch_ref(const adi_blur_dims *d, int32_t num_threads)
{
    (void)num_threads;
    return (size_t)(d->h * d->w) * sizeof(float);
}

/* One line of n values, `step` apart. */
static void blur_line(float *out, const float *in, int64_t n, int64_t step, const double *weights,
                      int64_t radius)
{
    for (int64_t i = 0; i < n; i++) {
        double sum = (double)in[i * step] * weights[0];
        for (int64_t k = radius; k > 0; k--)
            sum += ((double)in[adi_mirror(i - k, n) * step] +
                    (double)in[adi_mirror(i + k, n) * step]) *
                   weights[k];
        out[i * step] = (float)sum;
    }
}

ad_status adi_blur_ref(const adi_exec *ex, float *map, const double *weights,
                       const adi_blur_dims *d)
{
    float *between = ex->scratch;
    for (int64_t x = 0; x < d->w; x++)
        blur_line(between + x, map + x, d->h, d->w, weights, d->radius);
    for (int64_t y = 0; y < d->h; y++)
        blur_line(map + y * d->w, between + y * d->w, d->w, 1, weights, d->radius);
    return AD_OK;
}
