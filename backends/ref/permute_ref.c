/* permute: the channels of every position in another order, and back. */
#include "ref.h"

ad_status adi_permute_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *index,
                              int32_t inverse, adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++, x += d.c, y += d.c)
        for (int64_t c = 0; c < d.c; c++) {
            const int64_t from = (int64_t)index[c];
            if (inverse)
                y[from] = x[c];
            else
                y[c] = x[from];
        }
    return AD_OK;
}
