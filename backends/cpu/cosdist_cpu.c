/* cosdist: a block of positions per task, summed in double. */
#include "cpu.h"

enum { BLOCK = 64, LANES = 8 };

/* Sum over i of (s[i] * rs - t[i] * rt)^2; exactly 0 for equal vectors. */
static double squared_distance(const float *s, const float *t, double rs, double rt, int64_t c)
{
    double lane[LANES] = {0.0}, sum = 0.0;
    int64_t i = 0;
    for (; i + LANES <= c; i += LANES)
        for (int64_t j = 0; j < LANES; j++) {
            const double g = s[i + j] * rs - t[i + j] * rt;
            lane[j] += g * g;
        }
    for (; i < c; i++) {
        const double g = s[i] * rs - t[i] * rt;
        sum += g * g;
    }
    for (int64_t j = 0; j < LANES; j++)
        sum += lane[j];
    return sum;
}

static void combine(float *restrict ds, const float *restrict s, const float *restrict t,
                    double by_s, double by_t, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        ds[i] = (float)(s[i] * by_s - t[i] * by_t);
}

typedef struct distances_call {
    float *dist;
    const float *s, *t;
    adi_pc d;
} distances_call;

static void distances(void *call, adi_share s)
{
    const distances_call *k = call;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++) {
        const float *sp = k->s + p * d.c, *tp = k->t + p * d.c;
        const double rs = adi_inverse_length_cpu(sp, d.c), rt = adi_inverse_length_cpu(tp, d.c);
        k->dist[p] = (float)(squared_distance(sp, tp, rs, rt, d.c) / 2.0);
    }
}

ad_status adi_cosdist_fwd_cpu(const adi_exec *ex, float *dist, const float *s, const float *t,
                              adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, distances, &(distances_call){dist, s, t, d});
    return AD_OK;
}

typedef struct distance_gradients_call {
    float *ds, scale;
    const float *s, *t;
    adi_pc d;
} distance_gradients_call;

static void distance_gradients(void *call, adi_share s)
{
    const distance_gradients_call *k = call;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++) {
        const float *sp = k->s + p * d.c, *tp = k->t + p * d.c;
        const double squares = adi_dot_cpu(sp, sp, d.c), rs = adi_inverse_length_cpu(sp, d.c);
        const double rt = adi_inverse_length_cpu(tp, d.c);
        const int clamped = rs >= 1.0 / ADI_LEAST_LENGTH_CPU;
        const double along = clamped ? 0.0 : squares * rs * rs - adi_dot_cpu(sp, tp, d.c) * rs * rt;
        combine(k->ds + p * d.c, sp, tp, k->scale * rs * (1.0 - along) * rs, k->scale * rs * rt,
                d.c);
    }
}

/* With a = s rs and b = t rt, ds = scale rs (a - b - a <a - b, a>), a sum of s and t. */
ad_status adi_cosdist_bwd_cpu(const adi_exec *ex, float *ds, const float *s, const float *t,
                              float scale, adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, distance_gradients,
                     &(distance_gradients_call){ds, scale, s, t, d});
    return AD_OK;
}
