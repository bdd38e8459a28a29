/* l2norm: a block of positions per task. Lengths and products are summed in double, the rest is float. */
#include "cpu.h"

enum { BLOCK = 64 }; /* positions */

double adi_inverse_length_cpu(const float *x, int64_t c)
{
    const double length = sqrt(adi_dot_cpu(x, x, c));
    return 1.0 / (length < ADI_LEAST_LENGTH_CPU ? ADI_LEAST_LENGTH_CPU : length); /* NaN stays NaN */
}

static void scale(float *restrict y, const float *restrict x, double by, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        y[i] = (float)(x[i] * by);
}

/* dx = (dy - x * along) * by */
static void project(float *restrict dx, const float *restrict dy, const float *restrict x, double along,
                    double by, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        dx[i] = (float)((dy[i] - x[i] * along) * by);
}

ad_status adi_l2norm_fwd_cpu(const adi_exec *ex, float *y, const float *x, adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static, BLOCK)
    for (int64_t p = 0; p < d.p; p++)
        scale(y + p * d.c, x + p * d.c, adi_inverse_length_cpu(x + p * d.c, d.c), d.c);
    return AD_OK;
}

ad_status adi_l2norm_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *x, adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static, BLOCK)
    for (int64_t p = 0; p < d.p; p++) {
        const float *xp = x + p * d.c, *g = dy + p * d.c;
        const double r = adi_inverse_length_cpu(xp, d.c);
        const int clamped = r >= 1.0 / ADI_LEAST_LENGTH_CPU;
        project(dx + p * d.c, g, xp, clamped ? 0.0 : adi_dot_cpu(g, xp, d.c) * r * r, r, d.c);
    }
    return AD_OK;
}
