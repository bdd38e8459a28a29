/* Separate and reconstruct, from the spatial reconstruction unit of SCConv (Li et al., CVPR 2023).
 * t = w h, where h is the group-normalised x and w the share of each channel's weight in the sum of
 * all; r = sigmoid(t) says how informative a value is. Informative values keep their place, others
 * go to the other half of the channels:
 *   hard: a = [r > 1/2], b = 1 - a;      soft: a = r > 1/2 ? 1 : r, b = r > 1/2 ? 0 : r
 *   y[c] = a[c] x[c] + b[c'] x[c'],  c' = c + C/2, or c - C/2 for the second half
 *   dx[c] = a[c] dy[c] + b[c] dy[c']
 *   dt = r (1 - r) x (dy[c] + dy[c']) for soft where r <= 1/2, else 0
 * r > 1/2 is t > 0, which has no rounding.
 * sruweight: w from the weights, and what the gradients by h and w make of those by them. */
#include "ref.h"

typedef struct gate {
    double keep, cross; /* a and b */
} gate;

static gate gate_of(double t, int32_t soft)
{
    const double r = 1.0 / (1.0 + exp(-t));
    if (t > 0.0)
        return (gate){1.0, 0.0};
    if (isnan(t))
        return (gate){t, t};
    return soft ? (gate){r, r} : (gate){0.0, 1.0};
}

ad_status adi_srugate_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *h,
                              const float *w, int32_t soft, adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++)
        for (int64_t c = 0; c < d.c; c++) {
            const int64_t other = c < d.c / 2 ? c + d.c / 2 : c - d.c / 2, at = p * d.c + c;
            const int64_t from = p * d.c + other;
            const gate mine = gate_of((double)w[c] * h[at], soft);
            const gate its = gate_of((double)w[other] * h[from], soft);
            y[at] = (float)(mine.keep * x[at] + its.cross * x[from]);
        }
    return AD_OK;
}

ad_status adi_srugate_bwd_ref(const adi_exec *ex, float *dx, float *dt, const float *dy,
                              const float *x, const float *h, const float *w, int32_t soft,
                              adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++)
        for (int64_t c = 0; c < d.c; c++) {
            const int64_t other = c < d.c / 2 ? c + d.c / 2 : c - d.c / 2, at = p * d.c + c;
            const int64_t from = p * d.c + other;
            const double t = (double)w[c] * h[at];
            const gate g = gate_of(t, soft);
            dx[at] = (float)(g.keep * dy[at] + g.cross * dy[from]);
            if (soft)
                dt[at] = (float)(t > 0.0 ? 0.0
                                         : g.keep * (1.0 - g.keep) * x[at] *
                                               ((double)dy[at] + dy[from]));
        }
    return AD_OK;
}

/* ---- The weights ---- */

static double sum_of(const float *weight, int64_t c)
{
    double sum = 0.0;
    for (int64_t i = 0; i < c; i++)
        sum += weight[i];
    return sum;
}

ad_status adi_sruweight_fwd_ref(const adi_exec *ex, adi_f32 *w, adi_f32 *by, const adi_f32 *weight,
                                int64_t c)
{
    const double sum = sum_of(weight, c);
    (void)ex;
    for (int64_t i = 0; i < c; i++) {
        w[i] = (float)(weight[i] / sum);
        by[i] = w[i] * weight[i];
    }
    return AD_OK;
}

/* The gradient by w, as a float. */
static float by_share(const float *dweight, const float *dbias, const float *weight,
                      const float *bias, int64_t i)
{
    return weight[i] * dweight[i] + bias[i] * dbias[i];
}

ad_status adi_sruweight_bwd_ref(const adi_exec *ex, adi_f32 *dweight, adi_f32 *dbias,
                                const adi_f32 *w, const adi_f32 *weight, const adi_f32 *bias,
                                int64_t c)
{
    const double sum = sum_of(weight, c);
    double along = 0.0;
    (void)ex;
    for (int64_t i = 0; i < c; i++)
        along += (double)by_share(dweight, dbias, weight, bias, i) * w[i];
    for (int64_t i = 0; i < c; i++) {
        const float dw = by_share(dweight, dbias, weight, bias, i);
        dweight[i] = (float)(w[i] * (double)dweight[i] + (dw - along) / sum);
        dbias[i] *= w[i];
    }
    return AD_OK;
}
