/* groupnorm: a task is an image's group of channels. Sums are double, row after row; those of the
 * weights' gradients are kept for each image and added in order. */
#include "cpu.h"

#include <string.h>

size_t adi_groupnorm_scratch_cpu(const adi_npc *d)
{
    return (size_t)(2 * d->n * d->c) * sizeof(double);
}

/* Sums over a row of n values minus `shift`, and of their squares; each lane in its order. */
static void add_row(double sum[ADI_LANES], double squares[ADI_LANES], const float *x, float shift,
                    int64_t n)
{
    int64_t i = 0;
    for (; i + ADI_LANES <= n; i += ADI_LANES)
        for (int64_t j = 0; j < ADI_LANES; j++) {
            const double v = (double)x[i + j] - shift;
            sum[j] += v;
            squares[j] += v * v;
        }
    for (; i < n; i++) {
        const double v = (double)x[i] - shift;
        sum[0] += v;
        squares[0] += v * v;
    }
}

typedef struct moments {
    double mean, r;
} moments;

/* Compute the moments of `width` channels, relative to their first value, so that a large mean does
 * not cancel. */
static moments moments_of(const float *x, int64_t width, const adi_npc *d, double eps)
{
    double sum[ADI_LANES] = {0.0}, squares[ADI_LANES] = {0.0};
    const double count = (double)(d->p * width);
    for (int64_t p = 0; p < d->p; p++)
        add_row(sum, squares, x + p * d->c, x[0], width);
    for (int64_t j = 1; j < ADI_LANES; j++) {
        sum[0] += sum[j];
        squares[0] += squares[j];
    }
    const double mean = sum[0] / count, var = squares[0] / count - mean * mean;
    return (moments){x[0] + mean, 1.0 / sqrt((var < 0.0 ? 0.0 : var) + eps)};
}

static void affine(float *restrict y, const float *restrict x, const float *restrict weight,
                   const float *restrict bias, moments m, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)((x[i] - m.mean) * m.r * weight[i] + bias[i]);
}

typedef struct norm_groups_call {
    float *y;
    const float *x;
    const adi_groupnorm *g;
    const adi_npc *d;
    int64_t width, image;
} norm_groups_call;

static void norm_groups(void *call, adi_share share)
{
    const norm_groups_call *k = call;
    const adi_groupnorm *g = k->g;
    const adi_npc *d = k->d;
    const int64_t width = k->width;
    for (int64_t i = share.begin; i < share.end; i++) {
        const int64_t c = i % g->groups * width, at = i / g->groups * k->image + c;
        const moments m = moments_of(k->x + at, width, d, g->eps);
        for (int64_t p = 0; p < d->p; p++)
            affine(k->y + at + p * d->c, k->x + at + p * d->c, g->weight + c, g->bias + c, m,
                   width);
    }
}

ad_status adi_groupnorm_fwd_cpu(const adi_exec *ex, float *y, const float *x,
                                const adi_groupnorm *g, const adi_npc *d)
{
    const int64_t width = d->c / g->groups, image = d->p * d->c;
    adi_parallel_cpu(ex->num_threads, d->n * g->groups, 0, norm_groups,
                     &(norm_groups_call){y, x, g, d, width, image});
    return AD_OK;
}

/* Sums over positions of dy and dy h, for each channel of the run. */
static void add_products(double *restrict sum, double *restrict products, const float *restrict dy,
                         const float *restrict x, moments m, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        sum[i] += dy[i];
        products[i] += dy[i] * ((x[i] - m.mean) * m.r);
    }
}

static void add_gradient(float *restrict dx, const float *restrict dy, const float *restrict x,
                         const float *restrict weight, moments m, double mean_g, double slope,
                         int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double h = (x[i] - m.mean) * m.r;
        dx[i] = (float)(dx[i] + m.r * ((double)weight[i] * dy[i] - mean_g - h * slope));
    }
}

typedef struct norm_bwd_groups_call {
    float *dx;
    const float *dy, *x;
    const adi_groupnorm *g;
    const adi_npc *d;
    int64_t width, image;
    double *sums, *products;
} norm_bwd_groups_call;

static void norm_bwd_groups(void *call, adi_share share)
{
    const norm_bwd_groups_call *k = call;
    const float *x = k->x;
    const adi_groupnorm *g = k->g;
    const adi_npc *d = k->d;
    const int64_t width = k->width;
    for (int64_t i = share.begin; i < share.end; i++) {
        const int64_t n = i / g->groups, c = i % g->groups * width, at = n * k->image + c;
        const moments m = moments_of(x + at, width, d, g->eps);
        double *const s = k->sums + n * d->c + c, *const q = k->products + n * d->c + c,
                      mean_g = 0.0, slope = 0.0;
        for (int64_t p = 0; p < d->p; p++)
            add_products(s, q, k->dy + at + p * d->c, x + at + p * d->c, m, width);
        for (int64_t j = 0; j < width; j++) {
            mean_g += (double)g->weight[c + j] * s[j];
            slope += (double)g->weight[c + j] * q[j];
        }
        const double count = (double)(d->p * width);
        for (int64_t p = 0; p < d->p; p++)
            add_gradient(k->dx + at + p * d->c, k->dy + at + p * d->c, x + at + p * d->c,
                         g->weight + c, m, mean_g / count, slope / count, width);
    }
}

ad_status adi_groupnorm_bwd_add_cpu(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                                const float *dy, const float *x, const adi_groupnorm *g,
                                const adi_npc *d)
{
    const int64_t width = d->c / g->groups, image = d->p * d->c;
    double *const sums = ex->scratch, *const products = sums + d->n * d->c;
    memset(sums, 0, adi_groupnorm_scratch_cpu(d));
    adi_parallel_cpu(ex->num_threads, d->n * g->groups, 0, norm_bwd_groups,
                     &(norm_bwd_groups_call){dx, dy, x, g, d, width, image, sums, products});
    for (int64_t c = 0; c < d->c; c++) {
        for (int64_t n = 1; n < d->n; n++) {
            sums[c] += sums[n * d->c + c];
            products[c] += products[n * d->c + c];
        }
        dweight[c] = (float)products[c];
        dbias[c] = (float)sums[c];
    }
    return AD_OK;
}
