/* l2norm: feature vectors of unit length along channels (STFPM, arXiv:2103.04257, sec. 3).
 *   y = x / m,  m = max(|x|, 1e-12),      dx = (dy - y <dy, y>) / m
 * Where |x| is below 1e-12 m is a constant, so the second term drops out. x y dx dy: [P,C]. */
#include "ref.h"

double adi_l2norm_length_ref(const float *x, int64_t c)
{
    double squares = 0.0;
    for (int64_t i = 0; i < c; i++)
        squares += (double)x[i] * x[i];
    const double length = sqrt(squares);
    return length < ADI_LEAST_LENGTH_REF ? ADI_LEAST_LENGTH_REF : length; /* NaN stays NaN */
}

ad_status adi_l2norm_fwd_ref(const adi_exec *ex, float *y, const float *x, adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++, x += d.c, y += d.c) {
        const double m = adi_l2norm_length_ref(x, d.c);
        for (int64_t c = 0; c < d.c; c++)
            y[c] = (float)(x[c] / m);
    }
    return AD_OK;
}

ad_status adi_l2norm_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *x,
                             adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++, x += d.c, dx += d.c, dy += d.c) {
        const double m = adi_l2norm_length_ref(x, d.c);
        double dot = 0.0;
        for (int64_t c = 0; c < d.c && m > ADI_LEAST_LENGTH_REF; c++)
            dot += dy[c] * (x[c] / m);
        for (int64_t c = 0; c < d.c; c++)
            dx[c] = (float)((dy[c] - x[c] / m * dot) / m);
    }
    return AD_OK;
}
