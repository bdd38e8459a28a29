/* Mean, covariance and shrinkage (Ledoit and Wolf 2004) of feature vectors, and their whitening:
 *   none:      covariance S' = (1 - s) S + s (tr S / p) I = L L^T,  whitening = L^-1
 *   pca, npca: the kept components v_k are uncorrelated, so S' is diagonal in them and
 *              whitening row k = v_k / sqrt((1 - s) lambda_k + s mean(lambda))
 * All in double: NPCA keeps the directions of least variance, which float32 would lose. */
#include "stats/mvg.h"

#include <float.h>
#include <math.h>
#include <string.h>

ad_status adi_mvg_alloc(const adi_allocator *a, int64_t c, int64_t r, adi_mvg *out_mvg)
{
    *out_mvg = (adi_mvg){.allocator = a, .c = c, .r = r};
    out_mvg->mean = adi_calloc(a, (size_t)(c * (r + 1)), sizeof *out_mvg->mean);
    if (!out_mvg->mean)
        return adi_fail_memory();
    out_mvg->whitening = out_mvg->mean + c;
    return AD_OK;
}

void adi_mvg_free(adi_mvg *mvg)
{
    if (mvg->allocator)
        adi_free(mvg->allocator, mvg->mean);
    *mvg = (adi_mvg){0};
}

double adi_ledoit_wolf(double trace, double frobenius2, double mean_fourth, int64_t p, int64_t n)
{
    const double mu = trace / (double)p;
    const double delta = (frobenius2 - (double)p * mu * mu) / (double)p;
    double beta = (mean_fourth - frobenius2) / ((double)p * (double)n);
    if (!(delta > 0.0) || !(beta > 0.0))
        return 0.0;
    beta = beta < delta ? beta : delta;
    return beta / delta;
}

/* Without reduction: factorise the whole shrunk covariance. */
static ad_status fit_full(const adi_host_kernels *k, const adi_moments *m, const adi_mvg_options *o,
                          adi_mvg *g)
{
    const int64_t c = m->c;
    const double n = (double)m->n;
    double trace = 0.0, frobenius2 = 0.0;
    for (int64_t i = 0; i < c; i++)
        for (int64_t j = 0; j <= i; j++) {
            const double s = m->outer[i * c + j] / n;
            g->whitening[i * c + j] = s;
            frobenius2 += (i == j ? 1.0 : 2.0) * s * s;
            trace += i == j ? s : 0.0;
        }
    g->stats[ADI_MVG_SHRINKAGE] = adi_ledoit_wolf(trace, frobenius2, m->q2 / n, c, m->n);
    const double unbias = n / (n - o->ddof),
                 diagonal = g->stats[ADI_MVG_SHRINKAGE] * trace / (double)c;
    for (int64_t i = 0; i < c; i++)
        for (int64_t j = 0; j <= i; j++) {
            double *s = &g->whitening[i * c + j];
            *s = unbias * ((1.0 - g->stats[ADI_MVG_SHRINKAGE]) * *s + (i == j ? diagonal : 0.0));
        }
    double largest = 0.0;
    for (int64_t i = 0; i < c; i++)
        largest = fmax(largest, g->whitening[i * c + i]);
    ADI_TRY(k->cholesky_f64(g->whitening, c));
    /* Without shrinkage, the matrix of too few images is singular except for rounding noise. With
     * it every pivot has at least the shrinkage's share. */
    const double noise = 4.0 * fmax(n, (double)c) * DBL_EPSILON * largest;
    for (int64_t i = 0; i < c && g->stats[ADI_MVG_SHRINKAGE] < 1e-10; i++)
        if (g->whitening[i * c + i] * g->whitening[i * c + i] <= noise)
            return AD_ERR_NUMERIC;
    return k->trinv_f64(g->whitening, c);
}

/* Mean of |W (x - mean)|^4 over a sample; w: [r, c]. */
static double mean_fourth(const adi_sample *s, const double *mean, const double *w, int64_t r)
{
    double sum = 0.0;
    for (int64_t i = 0; i < s->count; i++) {
        const float *x = s->vectors + i * s->c;
        double q = 0.0;
        for (int64_t k = 0; k < r; k++) {
            double z = 0.0;
            for (int64_t j = 0; j < s->c; j++)
                z += w[k * s->c + j] * (x[j] - mean[j]);
            q += z * z;
        }
        sum += q * q;
    }
    return s->count ? sum / (double)s->count : 0.0;
}

/* Make the largest entry positive, so that equal fits give equal files. */
static void fix_sign(double *v, int64_t c)
{
    int64_t largest = 0;
    for (int64_t j = 1; j < c; j++)
        if (fabs(v[j]) > fabs(v[largest]))
            largest = j;
    for (int64_t j = 0; j < c && v[largest] < 0.0; j++)
        v[j] = j == largest ? v[j] : -v[j];
    v[largest] = fabs(v[largest]);
}

/* vectors: c x c eigenvectors as rows, values descending. */
static void whiten_components(const adi_moments *m, const adi_sample *sample,
                              const adi_mvg_options *o, const double *values, const double *vectors,
                              adi_mvg *g)
{
    const int64_t c = m->c;
    double trace = 0.0, frobenius2 = 0.0;
    memcpy(g->whitening, vectors, (size_t)(g->r * c) * sizeof *vectors);
    for (int64_t k = 0; k < g->r; k++) {
        fix_sign(g->whitening + k * c, c);
        trace += values[k];
        frobenius2 += values[k] * values[k];
    }
    g->stats[ADI_MVG_SHRINKAGE] = adi_ledoit_wolf(
        trace, frobenius2, mean_fourth(sample, g->mean, g->whitening, g->r), g->r, m->n);
    const double unbias = (double)m->n / (double)(m->n - o->ddof);
    for (int64_t k = 0; k < g->r; k++) {
        const double variance = unbias * ((1.0 - g->stats[ADI_MVG_SHRINKAGE]) * values[k]
                                          + g->stats[ADI_MVG_SHRINKAGE] * trace / (double)g->r);
        for (int64_t j = 0; j < c; j++)
            g->whitening[k * c + j] /= sqrt(variance);
    }
}

static ad_status fit_components(const adi_allocator *a, const adi_host_kernels *k,
                                const adi_moments *m, const adi_sample *sample,
                                const adi_mvg_options *o, adi_mvg *g)
{
    const int64_t c = m->c;
    double *block = adi_alloc(a, ((size_t)(c * c + 2 * c) + k->eigen_work(c)) * sizeof *block);
    if (!block)
        return adi_fail_memory();
    double *vectors = block, *values = block + c * c, *work = values + 2 * c;
    int64_t first = 0, count = 0;
    for (int64_t i = 0; i < c * c;
         i++) /* negated: ascending eigenvalues are descending variances */
        vectors[i] = -m->outer[i] / (double)m->n;
    ad_status status = k->eigen_f64(vectors, values, c, work);
    for (int64_t i = 0; i < c; i++)
        values[i] = -values[i];
    if (status == AD_OK)
        status = adi_pca_select(values, c, m->n, o->reduce, o->threshold, &first, &count);
    if (status == AD_OK) {
        adi_mvg fitted;
        status = adi_mvg_alloc(a, c, count, &fitted);
        if (status == AD_OK) {
            memcpy(fitted.mean, m->shift, (size_t)c * sizeof *fitted.mean);
            whiten_components(m, sample, o, values + first, vectors + first * c, &fitted);
            *g = fitted;
        }
    }
    adi_free(a, block);
    return status;
}

double adi_mvg_rms(const adi_mvg *mvg, const adi_moments *centred, double *scratch)
{
    const int64_t c = mvg->c;
    double *offset = scratch, sum = 0.0;
    for (int64_t j = 0; j < c; j++)
        offset[j] = centred->shift[j] - mvg->mean[j];
    for (int64_t k = 0; k < mvg->r; k++) { /* w^T S w + (w . offset)^2 */
        const double *w = mvg->whitening + k * c;
        double quadratic = 0.0, linear = 0.0;
        for (int64_t i = 0; i < c; i++) {
            double row = 0.0;
            for (int64_t j = 0; j < i; j++)
                row += centred->outer[i * c + j] * w[j];
            quadratic += w[i] * (2.0 * row + centred->outer[i * c + i] * w[i]);
            linear += w[i] * offset[i];
        }
        sum += quadratic / (double)centred->n + linear * linear;
    }
    return sqrt(sum > 0.0 ? sum : 0.0);
}

ad_status adi_mvg_fit(const adi_allocator *a, const adi_host_kernels *k, const adi_moments *moments,
                      const adi_sample *sample, const adi_mvg_options *options, const char *what,
                      adi_mvg *out_mvg)
{
    adi_mvg g = {0};
    ad_status status;
    double *scratch = adi_alloc(a, (size_t)moments->c * sizeof *scratch);
    if (!scratch)
        return adi_fail_memory();
    if (options->reduce == ADI_REDUCE_NONE) {
        status = adi_mvg_alloc(a, moments->c, moments->c, &g);
        if (status == AD_OK) {
            memcpy(g.mean, moments->shift, (size_t)moments->c * sizeof *g.mean);
            status = fit_full(k, moments, options, &g);
        }
    } else {
        status = fit_components(a, k, moments, sample, options, &g);
    }
    if (status == AD_OK) {
        g.stats[ADI_MVG_RMS] = adi_mvg_rms(&g, moments, scratch);
        if (!isfinite(g.stats[ADI_MVG_RMS]))
            status = AD_ERR_NUMERIC;
    }
    adi_free(a, scratch);
    if (status == AD_ERR_NUMERIC)
        status =
            adi_fail(AD_ERR_NUMERIC,
                     "%s: the covariance of %lld vectors of %lld channels is singular: the images "
                     "are too few or too alike",
                     what, (long long)moments->n, (long long)moments->c);
    if (status == AD_OK)
        *out_mvg = g;
    else
        adi_mvg_free(&g);
    return status;
}
