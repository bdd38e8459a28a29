/* l2norm: a block of positions per task. Lengths and products are summed in double, the rest is
 * float. */
#include "cpu.h"

enum { BLOCK = 64 }; /* positions */

double adi_inverse_length_cpu(const float *x, int64_t c)
{
    const double length = sqrt(adi_dot_cpu(x, x, c));
    /* NaN stays NaN */
    return 1.0 / (length < ADI_LEAST_LENGTH_CPU ? ADI_LEAST_LENGTH_CPU : length);
}

static void scale(float *restrict y, const float *restrict x, double by, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        y[i] = (float)(x[i] * by);
}

/* dx = (dy - x * along) * by */
static void project(float *restrict dx, const float *restrict dy, const float *restrict x,
                    double along, double by, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        dx[i] = (float)((dy[i] - x[i] * along) * by);
}

typedef struct norm_positions_call {
    float *y;
    const float *x;
    adi_pc d;
} norm_positions_call;

static void norm_positions(void *call, adi_share s)
{
    const norm_positions_call *k = call;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++)
        scale(k->y + p * d.c, k->x + p * d.c, adi_inverse_length_cpu(k->x + p * d.c, d.c), d.c);
}

ad_status adi_l2norm_fwd_cpu(const adi_exec *ex, float *y, const float *x, adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, norm_positions, &(norm_positions_call){y, x, d});
    return AD_OK;
}

typedef struct norm_bwd_positions_call {
    float *dx;
    const float *dy, *x;
    adi_pc d;
} norm_bwd_positions_call;

static void norm_bwd_positions(void *call, adi_share s)
{
    const norm_bwd_positions_call *k = call;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++) {
        const float *xp = k->x + p * d.c, *g = k->dy + p * d.c;
        const double r = adi_inverse_length_cpu(xp, d.c);
        const int clamped = r >= 1.0 / ADI_LEAST_LENGTH_CPU;
        project(k->dx + p * d.c, g, xp, clamped ? 0.0 : adi_dot_cpu(g, xp, d.c) * r * r, r, d.c);
    }
}

ad_status adi_l2norm_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *x,
                             adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, norm_bwd_positions,
                     &(norm_bwd_positions_call){dx, dy, x, d});
    return AD_OK;
}
