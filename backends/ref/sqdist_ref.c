/* sqdist: the squared Euclidean distance of two vectors at every position, or the squared length of
 * one.
 * weighted_difference: y[p, c] = alpha weight[p] (a - b), the gradient of a weighted sum of such
 * distances. */
#include "ref.h"

ad_status adi_sqdist_fwd_ref(const adi_exec *ex, float *dist, const float *a, const float *b,
                             adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++) {
        double sum = 0.0;
        for (int64_t c = 0; c < d.c; c++) {
            const double e = (double)a[p * d.c + c] - (b ? b[p * d.c + c] : 0.0f);
            sum += e * e;
        }
        dist[p] = (float)sum;
    }
    return AD_OK;
}

ad_status adi_weighted_difference_ref(const adi_exec *ex, float *y, const float *a, const float *b,
                                      const float *weight, double alpha, adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++) {
        const double factor = weight ? alpha * weight[p] : alpha;
        for (int64_t c = 0; c < d.c; c++) {
            const int64_t i = p * d.c + c;
            y[i] = (float)(factor * ((double)a[i] - (b ? b[i] : 0.0f)));
        }
    }
    return AD_OK;
}
