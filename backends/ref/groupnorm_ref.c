/* Group normalisation (Wu and He 2018, arXiv:1803.08494). The channels of an image are `groups`
 * runs; with the mean m and the biased variance v over the M values of a run, r = 1 / sqrt(v + eps)
 * and h = (x - m) r:
 *   y = weight h + bias,
 *   dweight = sum over images and positions of dy h,  dbias = that of dy,
 *   dx += r (g - sum g / M - h sum g h / M),  g = weight dy, the sums over the run. */
#include "ref.h"

size_t adi_groupnorm_scratch_ref(const adi_npc *d)
{
    (void)d;
    return 0;
}

typedef struct moments {
    double mean, r;
} moments;

/* Of the run of `width` channels that begins at x. */
static moments moments_of(const float *x, int64_t width, const adi_npc *d, double eps)
{
    const double count = (double)(d->p * width);
    double sum = 0.0, squares = 0.0;
    for (int64_t p = 0; p < d->p; p++)
        for (int64_t c = 0; c < width; c++)
            sum += x[p * d->c + c];
    for (int64_t p = 0; p < d->p; p++)
        for (int64_t c = 0; c < width; c++) {
            const double v = x[p * d->c + c] - sum / count;
            squares += v * v;
        }
    return (moments){sum / count, 1.0 / sqrt(squares / count + eps)};
}

ad_status adi_groupnorm_fwd_ref(const adi_exec *ex, float *y, const float *x,
                                const adi_groupnorm *g, const adi_npc *d)
{
    (void)ex;
    const int64_t width = d->c / g->groups;
    for (int64_t n = 0; n < d->n; n++)
        for (int64_t first = 0; first < d->c; first += width) {
            const moments m = moments_of(x + n * d->p * d->c + first, width, d, g->eps);
            for (int64_t p = 0; p < d->p; p++)
                for (int64_t c = first; c < first + width; c++) {
                    const int64_t at = (n * d->p + p) * d->c + c;
                    y[at] = (float)(g->weight[c] * ((x[at] - m.mean) * m.r) + g->bias[c]);
                }
        }
    return AD_OK;
}

/* One image's run of channels. */
static void run_bwd(float *dx, const float *dy, const float *x, const adi_groupnorm *g,
                    const adi_npc *d, int64_t first, int64_t width)
{
    const moments m = moments_of(x + first, width, d, g->eps);
    const double count = (double)(d->p * width);
    double sum = 0.0, products = 0.0;
    for (int64_t p = 0; p < d->p; p++)
        for (int64_t c = first; c < first + width; c++) {
            const double by = (double)g->weight[c] * dy[p * d->c + c];
            sum += by;
            products += by * ((x[p * d->c + c] - m.mean) * m.r);
        }
    for (int64_t p = 0; p < d->p; p++)
        for (int64_t c = first; c < first + width; c++) {
            const int64_t at = p * d->c + c;
            const double by = (double)g->weight[c] * dy[at], h = (x[at] - m.mean) * m.r;
            dx[at] = (float)(dx[at] + m.r * (by - (sum + h * products) / count));
        }
}

ad_status adi_groupnorm_bwd_add_ref(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                                    const float *dy, const float *x, const adi_groupnorm *g,
                                    const adi_npc *d)
{
    (void)ex;
    const int64_t width = d->c / g->groups, image = d->p * d->c;
    for (int64_t n = 0; n < d->n; n++)
        for (int64_t first = 0; first < d->c; first += width)
            run_bwd(dx + n * image, dy + n * image, x + n * image, g, d, first, width);
    for (int64_t c = 0; c < d->c; c++) {
        double sum = 0.0, products = 0.0;
        for (int64_t n = 0; n < d->n; n++) {
            const moments m = moments_of(x + n * image + c / width * width, width, d, g->eps);
            for (int64_t p = 0; p < d->p; p++) {
                const int64_t at = n * image + p * d->c + c;
                sum += dy[at];
                products += dy[at] * ((x[at] - m.mean) * m.r);
            }
        }
        dweight[c] = (float)products;
        dbias[c] = (float)sum;
    }
    return AD_OK;
}
