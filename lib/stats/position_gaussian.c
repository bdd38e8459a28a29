/* From moments to Gaussians. With S = C / n and covariance V = a C + b I the mean square distance
 * of a position's own vectors needs no second look at them: trace(V^-1 S) = (d - b trace(V^-1)) /
 * (a n) */
#include "stats/position_gaussian.h"

#include <float.h>
#include <math.h>

#include "stats/mvg.h"

size_t adi_position_gaussian_bytes(const adi_position_dims *d, int32_t num_threads)
{
    return (size_t)d->p * (sizeof(double) + sizeof(adi_position_scale)) +
           (size_t)num_threads * (sizeof(adi_moments) + adi_moments_bytes(d->d));
}

/* The largest variance of a position, which sets the scale of rounding noise in its pivots. */
static double largest_variance(const adi_position_moments *m, int64_t p,
                               const adi_position_scale *s)
{
    const double *outer = m->sums + p * adi_position_sums(&m->d),
                 *sum = outer + adi_triangle(m->d.d);
    double largest = 0.0;
    for (int64_t i = 0; i < m->d.d; i++) {
        const double scatter = outer[adi_triangle(i) + i] - sum[i] * sum[i] / (double)m->n;
        largest = fmax(largest, s->scatter * scatter + s->diagonal);
    }
    return largest;
}

static adi_position_scale shrunk(const adi_position_moments *m, int64_t p, adi_moments *centred)
{
    const int64_t d = m->d.d;
    const double n = (double)m->n;
    double trace = 0.0, frobenius2 = 0.0;
    adi_position_moments_at(m, p, centred);
    adi_moments_centre(centred);
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j <= i; j++) {
            const double s = centred->outer[i * d + j] / n;
            frobenius2 += (i == j ? 1.0 : 2.0) * s * s;
            trace += i == j ? s : 0.0;
        }
    const double shrinkage = adi_ledoit_wolf(trace, frobenius2, centred->q2 / n, d, m->n);
    return (adi_position_scale){(1.0 - shrinkage) / n, shrinkage * trace / (double)d, 0.0};
}

/* Every pivot is at least the diagonal's share. If that is below rounding noise, the matrix of too
 * few images may be singular except for the noise: then a pivot must exceed the noise. */
static adi_position_scale scale_of(const adi_position_moments *m, int64_t p,
                                   const adi_position_fit *fit, adi_moments *scratch)
{
    adi_position_scale s = {1.0 / (double)(m->n - 1), fit->ridge, 0.0};
    if (fit->shrink)
        s = shrunk(m, p, scratch);
    const double noise =
        4.0 * fmax((double)m->n, (double)m->d.d) * DBL_EPSILON * largest_variance(m, p, &s);
    if (!(s.diagonal > noise))
        s.least = noise;
    return s;
}

/* Mean square distance of the vectors at one position; `trace` of the inverse. */
static double mean_square(const adi_position_scale *s, double trace, int64_t d, int64_t n)
{
    const double kept = s->scatter * (double)n; /* of S in the covariance */
    if (kept < 1e-6)                            /* shrunk to b I with b d = trace S */
        return (double)d;
    return fmax(((double)d - s->diagonal * trace) / kept, 0.0);
}

/* Find a matrix that could not be factorised (NaN) or whose factor may not fit in floats: no entry
 * is larger than the root of the trace. */
static ad_status check_traces(const double *trace, int64_t count, int64_t *out_position)
{
    for (int64_t p = 0; p < count; p++)
        if (!(trace[p] <= FLT_MAX)) {
            *out_position = p;
            return AD_ERR_NUMERIC;
        }
    return AD_OK;
}

/* Tasks that compute the scales of all positions: each has a share of them and its own moments. */
typedef struct scales {
    const adi_position_moments *m;
    const adi_position_fit *fit;
    adi_position_scale *scale;
    adi_moments *scratch;
    int64_t shares;
} scales;

static void find_share(void *user, int64_t share)
{
    const scales *s = user;
    for (int64_t p = s->m->d.p * share / s->shares; p < s->m->d.p * (share + 1) / s->shares; p++)
        s->scale[p] = scale_of(s->m, p, s->fit, &s->scratch[share]);
}

static ad_status find_scales(const adi_allocator *a, const adi_host_kernels *k, int32_t num_threads,
                             const adi_position_moments *m, const adi_position_fit *fit,
                             adi_position_scale *scale)
{
    const int64_t shares = fit->shrink ? num_threads : 1;
    adi_moments *scratch = adi_calloc(a, (size_t)shares, sizeof *scratch);
    ad_status status = scratch ? AD_OK : adi_fail_memory();
    for (int64_t i = 0; i < shares && status == AD_OK; i++)
        status = adi_moments_init(&scratch[i], a, m->d.d);
    if (status == AD_OK) {
        scales s = {m, fit, scale, scratch, shares};
        k->parallel_for(num_threads, shares, find_share, &s);
    }
    for (int64_t i = 0; i < shares && scratch; i++)
        adi_moments_free(&scratch[i]);
    adi_free(a, scratch);
    return status;
}

static void write_means(const adi_position_moments *m, float *mean)
{
    const int64_t d = m->d.d;
    for (int64_t p = 0; p < m->d.p; p++) {
        const double *sum = m->sums + p * adi_position_sums(&m->d) + adi_triangle(d);
        for (int64_t i = 0; i < d; i++)
            mean[p * d + i] = (float)(m->shift[p * d + i] + sum[i] / (double)m->n);
    }
}

ad_status adi_position_gaussian_fit(const adi_allocator *a, const adi_host_kernels *k,
                                    int32_t num_threads, const adi_position_moments *m,
                                    const adi_position_fit *fit, float *mean, float *factor,
                                    double *out_rms, int64_t *out_position)
{
    const adi_exec ex = {num_threads, m->scratch, NULL};
    adi_position_scale *scale = adi_alloc(a, (size_t)m->d.p * sizeof *scale);
    double *trace = adi_alloc(a, (size_t)m->d.p * sizeof *trace);
    ad_status status =
        scale && trace ? find_scales(a, k, num_threads, m, fit, scale) : adi_fail_memory();
    if (status == AD_OK)
        status = k->position_gaussian_factor(&ex, factor, trace, m->sums, m->n, scale, &m->d);
    if (status == AD_OK || status == AD_ERR_NUMERIC)
        status = check_traces(trace, m->d.p, out_position);
    if (status == AD_OK) {
        double sum = 0.0;
        write_means(m, mean);
        for (int64_t p = 0; p < m->d.p; p++)
            sum += mean_square(&scale[p], trace[p], m->d.d, m->n);
        *out_rms = sqrt(sum / (double)m->d.p);
    }
    adi_free(a, scale);
    adi_free(a, trace);
    return status;
}
