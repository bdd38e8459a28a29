/* cosine: a position per task, summed in double; one row may be an image's whole layer. */
#include "cpu.h"

#define LEAST 1e-8

/* max(|a| |b|, LEAST) */
static double norms(double aa, double bb)
{
    const double m = sqrt(aa) * sqrt(bb);
    return m < LEAST ? LEAST : m; /* NaN stays NaN */
}

ad_status adi_cosine_fwd_cpu(const adi_exec *ex, float *dist, const float *a, const float *b, adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d.p; p++) {
        const float *u = a + p * d.c, *v = b + p * d.c;
        const double m = norms(adi_dot_cpu(u, u, d.c), adi_dot_cpu(v, v, d.c));
        dist[p] = (float)(1.0 - adi_dot_cpu(u, v, d.c) / m);
    }
    return AD_OK;
}

static void combine(float *restrict da, const float *restrict a, const float *restrict b, double by_a, double by_b, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        da[i] = (float)(by_a * a[i] - by_b * b[i]);
}

ad_status adi_cosine_bwd_cpu(const adi_exec *ex, float *da, const float *a, const float *b, float scale, adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d.p; p++) {
        const float *u = a + p * d.c, *v = b + p * d.c;
        const double aa = adi_dot_cpu(u, u, d.c), m = norms(aa, adi_dot_cpu(v, v, d.c));
        const double by_a = m > LEAST ? scale * adi_dot_cpu(u, v, d.c) / aa / m : m - m; /* NaN stays NaN */
        combine(da + p * d.c, u, v, by_a, scale / m, d.c);
    }
    return AD_OK;
}
