/* position_gaussian: a Gaussian of its own at every position (PaDiM, arXiv:2011.08785, sec. 3).
 *   add:     sums of z z^T, z, |z|^2 z and |z|^4 over images, z = x_p - shift_p, so that a large
 * mean takes no digits from the covariance factor:  C = sum z z^T - (sum z) (sum z)^T / n,  L L^T =
 * scatter C + diagonal I,  W = L^-1 fwd:     dist[p] = | W_p (x_p - mean_p) |^2, which cannot be
 * negative Layouts are those of backend.h; sums are double, image after image, so they do not
 * depend on batches. */
#include "ref.h"

#include <math.h>

size_t adi_position_gaussian_add_scratch_ref(const adi_position_dims *d, int64_t images,
                                             int32_t num_threads)
{
    (void)images;
    (void)num_threads;
    return (size_t)d->d * sizeof(double);
}

void adi_position_gaussian_add_ref(const adi_exec *ex, double *sums, const float *x,
                                   const float *shift, int64_t images, const adi_position_dims *d)
{
    double *z = ex->scratch;
    for (int64_t b = 0; b < images; b++)
        for (int64_t p = 0; p < d->p; p++) {
            double *outer = sums + p * adi_position_sums(d), *sum = outer + adi_triangle(d->d);
            double q = 0.0;
            for (int64_t i = 0; i < d->d; i++) {
                z[i] = (double)x[(b * d->p + p) * d->d + i] - shift[p * d->d + i];
                q += z[i] * z[i];
                sum[i] += z[i];
                for (int64_t j = 0; j <= i; j++)
                    *outer++ += z[i] * z[j];
            }
            if (!d->fourth)
                continue;
            double *qsum = sum + d->d;
            for (int64_t i = 0; i < d->d; i++)
                qsum[i] += q * z[i];
            qsum[d->d] += q * q;
        }
}

size_t adi_position_gaussian_factor_scratch_ref(const adi_position_dims *d, int32_t num_threads)
{
    (void)num_threads;
    return (size_t)(d->d * d->d) * sizeof(double);
}

static int pivots_are_above(const double *l, int64_t d, double least)
{
    for (int64_t i = 0; i < d; i++)
        if (!(l[i * d + i] * l[i * d + i] > least))
            return 0;
    return 1;
}

ad_status adi_position_gaussian_factor_ref(const adi_exec *ex, float *factor, double *trace,
                                           const double *sums, int64_t n,
                                           const adi_position_scale *scale,
                                           const adi_position_dims *d)
{
    double *a = ex->scratch;
    ad_status all = AD_OK;
    for (int64_t p = 0; p < d->p; p++) {
        const double *outer = sums + p * adi_position_sums(d), *sum = outer + adi_triangle(d->d);
        for (int64_t i = 0; i < d->d; i++)
            for (int64_t j = 0; j <= i; j++)
                a[i * d->d + j] = scale[p].scatter * (*outer++ - sum[i] * sum[j] / (double)n) +
                                  (i == j ? scale[p].diagonal : 0.0);
        ad_status status = adi_cholesky_f64_ref(a, d->d);
        if (status == AD_OK && !pivots_are_above(a, d->d, scale[p].least))
            status = AD_ERR_NUMERIC;
        if (status == AD_OK)
            status = adi_trinv_f64_ref(a, d->d);
        if (status != AD_OK) {
            trace[p] = NAN;
            all = status;
            continue;
        }
        float *w = factor + p * adi_triangle(d->d);
        trace[p] = 0.0;
        for (int64_t c = 0; c < d->d; c++)
            for (int64_t i = c; i < d->d; i++) {
                trace[p] += a[i * d->d + c] * a[i * d->d + c];
                *w++ = (float)a[i * d->d + c];
            }
    }
    return all;
}

size_t adi_position_gaussian_fwd_scratch_ref(const adi_position_dims *d, int32_t num_threads)
{
    (void)num_threads;
    return (size_t)d->d * sizeof(double);
}

ad_status adi_position_gaussian_fwd_ref(const adi_exec *ex, float *dist, const float *x,
                                        const float *mean, const float *factor,
                                        const adi_position_dims *d)
{
    double *z = ex->scratch;
    for (int64_t p = 0; p < d->p; p++) {
        const float *w = factor + p * adi_triangle(d->d);
        for (int64_t i = 0; i < d->d; i++)
            z[i] = 0.0;
        for (int64_t c = 0; c < d->d; c++) {
            const double v = (double)x[p * d->d + c] - mean[p * d->d + c];
            for (int64_t i = c; i < d->d; i++)
                z[i] += v * *w++;
        }
        double sum = 0.0;
        for (int64_t i = 0; i < d->d; i++)
            sum += z[i] * z[i];
        dist[p] = (float)sum;
    }
    return AD_OK;
}
