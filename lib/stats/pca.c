/* The choice of principal components (Wang, Xu, Chen 2022; Rippel et al. 2020). */
#include "stats/mvg.h"

#include <float.h>

ad_status adi_pca_select(const double *values, int64_t c, int64_t n, adi_reduce mode,
                         double threshold, int64_t *out_first, int64_t *out_count)
{
    const int64_t r = n < c ? n : c;
    double total = 0.0;
    for (int64_t k = 0; k < r; k++)
        total += values[k] > 0.0 ? values[k] : 0.0;
    if (!(total > 0.0))
        return AD_ERR_NUMERIC;
    /* k*: the first component at which the cumulative variance exceeds the threshold */
    int64_t crossing = r - 1;
    double cumulative = 0.0;
    for (int64_t k = 0; k < r; k++) {
        cumulative += values[k] > 0.0 ? values[k] / total : 0.0;
        if (cumulative > threshold) {
            crossing = k;
            break;
        }
    }
    int64_t first = 0, end = crossing + 1;
    if (mode == ADI_REDUCE_NPCA) { /* the whole interval around the crossing is kept */
        first = crossing > 0 ? crossing - 1 : 0;
        end = r;
    }
    /* n vectors about their mean have rank n - 1: what is left beyond the noise floor has no
     * variance and an arbitrary direction, and dividing by it would make scores depend on the
     * solver. */
    const double floor = (double)(n > c ? n : c) * DBL_EPSILON * values[0];
    while (end > first && values[end - 1] <= floor)
        end--;
    if (end > n - 1 && n <= c)
        end = n - 1;
    if (end <= first)
        return AD_ERR_NUMERIC;
    *out_first = first;
    *out_count = end - first;
    return AD_OK;
}
