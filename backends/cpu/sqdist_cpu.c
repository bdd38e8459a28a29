/* sqdist: a position per task, summed in lanes of double. weighted_difference: positions over threads. */
#include "cpu.h"

enum { LANES = 8 };

static double squares(const float *restrict a, const float *restrict b, int64_t n)
{
    double lane[LANES] = {0.0}, rest = 0.0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int64_t j = 0; j < LANES; j++) {
            const double e = (double)a[i + j] - b[i + j];
            lane[j] += e * e;
        }
    for (; i < n; i++) {
        const double e = (double)a[i] - b[i];
        rest += e * e;
    }
    for (int64_t j = 0; j < LANES; j++)
        rest += lane[j];
    return rest;
}

ad_status adi_sqdist_fwd_cpu(const adi_exec *ex, float *dist, const float *a, const float *b, adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d.p; p++)
        dist[p] = (float)(b ? squares(a + p * d.c, b + p * d.c, d.c) : adi_dot_cpu(a + p * d.c, a + p * d.c, d.c));
    return AD_OK;
}

ad_status adi_weighted_difference_cpu(const adi_exec *ex, float *y, const float *a, const float *b,
                                      const float *weight, double alpha, adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d.p; p++) {
        const float factor = (float)(weight ? alpha * weight[p] : alpha);
        const int64_t from = p * d.c, to = from + d.c;
        if (b)
            for (int64_t i = from; i < to; i++)
                y[i] = factor * (a[i] - b[i]);
        else
            for (int64_t i = from; i < to; i++)
                y[i] = factor * a[i];
    }
    return AD_OK;
}
