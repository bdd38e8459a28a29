/* cosdist: how far the directions of a student's and a teacher's feature vector are apart (STFPM,
 * arXiv:2103.04257, eq. 1); 1 - cos of their angle, and 1/2 where one of them is 0.
 *   a = s / m,  m = max(|s|, 1e-12),  b likewise of t,  dist = |b - a|^2 / 2
 *   ds = scale (g - a <g, a>) / m,  g = a - b
 * Where |s| is below 1e-12 m is a constant, so the second term of ds drops out. s t ds: [P,C]. */
#include "ref.h"

ad_status adi_cosdist_fwd_ref(const adi_exec *ex, float *dist, const float *s, const float *t,
                              adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++, s += d.c, t += d.c) {
        const double m = adi_l2norm_length_ref(s, d.c), mt = adi_l2norm_length_ref(t, d.c);
        double sum = 0.0;
        for (int64_t c = 0; c < d.c; c++) {
            const double g = s[c] / m - t[c] / mt;
            sum += g * g;
        }
        dist[p] = (float)(sum / 2.0);
    }
    return AD_OK;
}

ad_status adi_cosdist_bwd_ref(const adi_exec *ex, float *ds, const float *s, const float *t,
                              float scale, adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++, s += d.c, t += d.c, ds += d.c) {
        const double m = adi_l2norm_length_ref(s, d.c), mt = adi_l2norm_length_ref(t, d.c);
        double dot = 0.0;
        for (int64_t c = 0; c < d.c && m > ADI_LEAST_LENGTH_REF; c++)
            dot += (s[c] / m - t[c] / mt) * (s[c] / m);
        for (int64_t c = 0; c < d.c; c++) {
            const double a = s[c] / m, g = a - t[c] / mt;
            ds[c] = (float)(scale * (g - a * dot) / m);
        }
    }
    return AD_OK;
}
