/* The affine coupling of a normalising flow (Dinh et al. 2017, arXiv:1605.08803) with a soft clamp
 * of the scale (Ardizzone et al. 2019, arXiv:1907.02392):
 *   e(s) = 0.636 alpha atan(s / alpha),   e'(s) = 0.636 / (1 + (s / alpha)^2)
 *   coupling: y = exp(e(s)) x + t,   inverse: x = (y - t) exp(-e(s))
 *   logdet:   the sum over channels of e(s) */
#include "ref.h"

static double soft(double s, double alpha)
{
    return ADI_COUPLING_SOFTNESS * alpha * atan(s / alpha);
}

static double soft_slope(double s, double alpha)
{
    return ADI_COUPLING_SOFTNESS / (1.0 + (s / alpha) * (s / alpha));
}

ad_status adi_coupling_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *st,
                               int32_t inverse, const adi_coupling_dims *d)
{
    (void)ex;
    for (int64_t p = 0; p < d->p; p++, x += d->c, y += d->c, st += 2 * d->c)
        for (int64_t c = 0; c < d->c; c++) {
            const double e = soft(st[c], d->alpha), t = st[d->c + c];
            y[c] = (float)(inverse ? (x[c] - t) * exp(-e) : exp(e) * x[c] + t);
        }
    return AD_OK;
}

ad_status adi_coupling_bwd_ref(const adi_exec *ex, float *dx, float *dst, const float *dy,
                               const float *x, const float *st, const adi_coupling_dims *d)
{
    (void)ex;
    for (int64_t p = 0; p < d->p; p++, x += d->c, dy += d->c, st += 2 * d->c) {
        for (int64_t c = 0; c < d->c; c++) {
            const double factor = exp(soft(st[c], d->alpha)), g = dy[c];
            if (dx)
                dx[p * d->c + c] = (float)(g * factor);
            if (!dst)
                continue;
            dst[2 * p * d->c + c] = (float)(g * x[c] * factor * soft_slope(st[c], d->alpha));
            dst[(2 * p + 1) * d->c + c] = (float)g;
        }
    }
    return AD_OK;
}

ad_status adi_logdet_fwd_ref(const adi_exec *ex, float *y, const float *st,
                             const adi_coupling_dims *d)
{
    (void)ex;
    for (int64_t p = 0; p < d->p; p++, st += 2 * d->c) {
        double sum = 0.0;
        for (int64_t c = 0; c < d->c; c++)
            sum += soft(st[c], d->alpha);
        y[p] = (float)sum;
    }
    return AD_OK;
}

ad_status adi_logdet_bwd_ref(const adi_exec *ex, float *dst, const float *dy, const float *st,
                             const adi_coupling_dims *d)
{
    (void)ex;
    for (int64_t p = 0; p < d->p; p++, st += 2 * d->c, dst += 2 * d->c)
        for (int64_t c = 0; c < d->c; c++) {
            dst[c] = (float)(dy[p] * soft_slope(st[c], d->alpha));
            dst[d->c + c] = 0.0f;
        }
    return AD_OK;
}
