/* position_gaussian: positions are independent, so they are what threads share. A position's sums,
 * its factor and its distance are each made by one thread in one order: the bits are the same for
 * any number of threads. */
#include "cpu.h"

#include <math.h>
#include <string.h>

enum { TILE = 16 }; /* positions */

static size_t whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static void *own_scratch(const adi_exec *ex, size_t bytes)
{
    return (char *)ex->scratch + bytes * (size_t)adi_thread_index();
}

/* ---- add ---- */

static size_t add_bytes(const adi_position_dims *d, int64_t images)
{
    return whole_lines((size_t)(images * d->d) * sizeof(double));
}

size_t adi_position_gaussian_add_scratch_cpu(const adi_position_dims *d, int64_t images,
                                             int32_t num_threads)
{
    return add_bytes(d, images) * (size_t)num_threads;
}

/* row[j] += sum over images of v z[j], four at a time: the row is read and written a quarter as
 * often, and each element is still summed image after image. */
static void add_row(double *restrict row, const double *restrict z, int64_t images, int64_t d,
                    int64_t i)
{
    int64_t b = 0;
    for (; b + 4 <= images; b += 4) {
        const double *restrict z0 = z + b * d, *restrict z1 = z0 + d, *restrict z2 = z1 + d,
                               *restrict z3 = z2 + d;
        const double v0 = z0[i], v1 = z1[i], v2 = z2[i], v3 = z3[i];
        for (int64_t j = 0; j <= i; j++)
            row[j] = (((row[j] + v0 * z0[j]) + v1 * z1[j]) + v2 * z2[j]) + v3 * z3[j];
    }
    for (; b < images; b++) {
        const double *restrict zb = z + b * d;
        const double v = zb[i];
        for (int64_t j = 0; j <= i; j++)
            row[j] += v * zb[j];
    }
}

static void add_position(double *sums, const double *z, int64_t images,
                         const adi_position_dims *dims)
{
    const int64_t d = dims->d;
    for (int64_t i = 0; i < d; i++)
        add_row(sums + adi_triangle(i), z, images, d, i);
    double *sum = sums + adi_triangle(d), *qsum = sum + d;
    for (int64_t b = 0; b < images; b++) {
        const double *zb = z + b * d;
        for (int64_t i = 0; i < d; i++)
            sum[i] += zb[i];
        if (!dims->fourth)
            continue;
        double q = 0.0;
        for (int64_t i = 0; i < d; i++)
            q += zb[i] * zb[i];
        for (int64_t i = 0; i < d; i++)
            qsum[i] += q * zb[i];
        qsum[d] += q * q;
    }
}

void adi_position_gaussian_add_cpu(const adi_exec *ex, double *sums, const float *x,
                                   const float *shift, int64_t images, const adi_position_dims *d)
{
    const size_t stride = add_bytes(d, images);
#pragma omp parallel for num_threads(ex->num_threads) schedule(dynamic, 1)
    for (int64_t t = 0; t < adi_ceil_div(d->p, TILE); t++) {
        double *z = own_scratch(ex, stride);
        for (int64_t p = t * TILE; p < adi_min((t + 1) * TILE, d->p); p++) {
            for (int64_t b = 0; b < images; b++)
                for (int64_t i = 0; i < d->d; i++)
                    z[b * d->d + i] = (double)x[(b * d->p + p) * d->d + i] - shift[p * d->d + i];
            add_position(sums + p * adi_position_sums(d), z, images, d);
        }
    }
}

/* ---- factor ---- */

static size_t factor_bytes(const adi_position_dims *d)
{
    return whole_lines((size_t)(d->d * d->d) * sizeof(double));
}

size_t adi_position_gaussian_factor_scratch_cpu(const adi_position_dims *d, int32_t num_threads)
{
    return factor_bytes(d) * (size_t)num_threads;
}

/* The lower triangle of one position's covariance, in a matrix stored whole. */
static void covariance(double *a, const double *sums, int64_t n, const adi_position_scale *scale,
                       int64_t d)
{
    const double *sum = sums + adi_triangle(d);
    for (int64_t i = 0; i < d; i++) {
        const double *row = sums + adi_triangle(i);
        const double mean = sum[i] / (double)n;
        for (int64_t j = 0; j <= i; j++)
            a[i * d + j] = scale->scatter * (row[j] - mean * sum[j]);
        a[i * d + i] += scale->diagonal;
    }
}

/* a: the lower triangle of a covariance; the packed columns of W and |W|^2 out of it. */
static ad_status factorise(float *w, double *trace, double *a, double least, int64_t d)
{
    *trace = NAN;
    const ad_status status = adi_cholesky_f64_cpu(a, d);
    if (status != AD_OK)
        return status;
    for (int64_t i = 0; i < d; i++)
        if (!(a[i * d + i] * a[i * d + i] > least))
            return AD_ERR_NUMERIC;
    const ad_status inverted = adi_trinv_f64_cpu(a, d);
    if (inverted != AD_OK)
        return inverted;
    double sum = 0.0;
    for (int64_t c = 0; c < d; c++)
        for (int64_t i = c; i < d; i++) {
            sum += a[i * d + c] * a[i * d + c];
            *w++ = (float)a[i * d + c];
        }
    *trace = sum;
    return AD_OK;
}

ad_status adi_position_gaussian_factor_cpu(const adi_exec *ex, float *factor, double *trace,
                                           const double *sums, int64_t n,
                                           const adi_position_scale *scale,
                                           const adi_position_dims *d)
{
    const size_t stride = factor_bytes(d);
    int failed = 0;
#pragma omp parallel for num_threads(ex->num_threads) schedule(dynamic, 1) reduction(| : failed)
    for (int64_t t = 0; t < adi_ceil_div(d->p, TILE); t++) {
        double *a = own_scratch(ex, stride);
        for (int64_t p = t * TILE; p < adi_min((t + 1) * TILE, d->p); p++) {
            covariance(a, sums + p * adi_position_sums(d), n, &scale[p], d->d);
            failed |= factorise(factor + p * adi_triangle(d->d), &trace[p], a, scale[p].least,
                                d->d) != AD_OK;
        }
    }
    return failed ? AD_ERR_NUMERIC : AD_OK;
}

/* ---- fwd ---- */

static size_t fwd_bytes(const adi_position_dims *d)
{
    return whole_lines((size_t)d->d * sizeof(float));
}

size_t adi_position_gaussian_fwd_scratch_cpu(const adi_position_dims *d, int32_t num_threads)
{
    return fwd_bytes(d) * (size_t)num_threads;
}

/* The factor is read once, as it lies in memory, which is what the time goes into. */
static float distance2(float *restrict z, const float *x, const float *mean, const float *w,
                       int64_t d)
{
    memset(z, 0, (size_t)d * sizeof *z);
    for (int64_t c = 0; c < d; c++) {
        const float v = x[c] - mean[c];
        const float *restrict column = w;
        float *restrict rows = z + c;
        for (int64_t i = 0; i < d - c; i++)
            rows[i] += v * column[i];
        w += d - c;
    }
    double sum = 0.0;
    for (int64_t i = 0; i < d; i++)
        sum += (double)z[i] * z[i];
    return (float)sum;
}

ad_status adi_position_gaussian_fwd_cpu(const adi_exec *ex, float *dist, const float *x,
                                        const float *mean, const float *factor,
                                        const adi_position_dims *d)
{
    const size_t stride = fwd_bytes(d);
#pragma omp parallel for num_threads(ex->num_threads) schedule(dynamic, 1)
    for (int64_t t = 0; t < adi_ceil_div(d->p, TILE); t++) {
        float *z = own_scratch(ex, stride);
        for (int64_t p = t * TILE; p < adi_min((t + 1) * TILE, d->p); p++)
            dist[p] =
                distance2(z, x + p * d->d, mean + p * d->d, factor + p * adi_triangle(d->d), d->d);
    }
    return AD_OK;
}
