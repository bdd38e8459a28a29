/* cosine: a task is a position, which may be an image's whole layer; sums are double. */
#include "cpu.h"

#define LEAST 1e-8

/* max(|a| |b|, LEAST) */
static double norms(double aa, double bb)
{
    const double m = sqrt(aa) * sqrt(bb);
    return m < LEAST ? LEAST : m; /* NaN stays NaN */
}

typedef struct cosine_positions_call {
    float *dist;
    const float *a, *b;
    adi_pc d;
} cosine_positions_call;

static void cosine_positions(void *call, adi_share s)
{
    const cosine_positions_call *k = call;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++) {
        const float *u = k->a + p * d.c, *v = k->b + p * d.c;
        const double m = norms(adi_dot_cpu(u, u, d.c), adi_dot_cpu(v, v, d.c));
        k->dist[p] = (float)(1.0 - adi_dot_cpu(u, v, d.c) / m);
    }
}

ad_status adi_cosine_fwd_cpu(const adi_exec *ex, float *dist, const float *a, const float *b,
                             adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, cosine_positions,
                     &(cosine_positions_call){dist, a, b, d});
    return AD_OK;
}

static void combine(float *restrict da, const float *restrict a, const float *restrict b,
                    double by_a, double by_b, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        da[i] = (float)(by_a * a[i] - by_b * b[i]);
}

typedef struct cosine_bwd_positions_call {
    float *da, scale;
    const float *a, *b;
    adi_pc d;
} cosine_bwd_positions_call;

static void cosine_bwd_positions(void *call, adi_share s)
{
    const cosine_bwd_positions_call *k = call;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++) {
        const float *u = k->a + p * d.c, *v = k->b + p * d.c;
        const double aa = adi_dot_cpu(u, u, d.c), m = norms(aa, adi_dot_cpu(v, v, d.c));
        const double by_a =
            m > LEAST ? k->scale * adi_dot_cpu(u, v, d.c) / aa / m : m - m; /* NaN stays NaN */
        combine(k->da + p * d.c, u, v, by_a, k->scale / m, d.c);
    }
}

ad_status adi_cosine_bwd_cpu(const adi_exec *ex, float *da, const float *a, const float *b,
                             float scale, adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, cosine_bwd_positions,
                     &(cosine_bwd_positions_call){da, scale, a, b, d});
    return AD_OK;
}
