/* sqdist: a task is a position, summed in lanes of double.
 * weighted_difference: threads share the positions. */
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

typedef struct sqdist_positions_call {
    float *dist;
    const float *a, *b;
    adi_pc d;
} sqdist_positions_call;

static void sqdist_positions(void *call, adi_share s)
{
    const sqdist_positions_call *k = call;
    const float *a = k->a;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++)
        k->dist[p] = (float)(k->b ? squares(a + p * d.c, k->b + p * d.c, d.c)
                                  : adi_dot_cpu(a + p * d.c, a + p * d.c, d.c));
}

ad_status adi_sqdist_fwd_cpu(const adi_exec *ex, float *dist, const float *a, const float *b,
                             adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, sqdist_positions,
                     &(sqdist_positions_call){dist, a, b, d});
    return AD_OK;
}

typedef struct weigh_positions_call {
    float *y;
    const float *a, *b, *weight;
    double alpha;
    adi_pc d;
} weigh_positions_call;

static void weigh_positions(void *call, adi_share s)
{
    const weigh_positions_call *k = call;
    for (int64_t p = s.begin; p < s.end; p++) {
        const float factor = (float)(k->weight ? k->alpha * k->weight[p] : k->alpha);
        const int64_t from = p * k->d.c, to = from + k->d.c;
        if (k->b)
            for (int64_t i = from; i < to; i++)
                k->y[i] = factor * (k->a[i] - k->b[i]);
        else
            for (int64_t i = from; i < to; i++)
                k->y[i] = factor * k->a[i];
    }
}

ad_status adi_weighted_difference_cpu(const adi_exec *ex, float *y, const float *a, const float *b,
                                      const float *weight, double alpha, adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, weigh_positions,
                     &(weigh_positions_call){y, a, b, weight, alpha, d});
    return AD_OK;
}
