/* zero: y = 0. widen: y = x. narrow: y = (float)x. */
#include "ref.h"

ad_status adi_zero_ref(const adi_exec *ex, adi_f32 *y, int64_t n)
{
    (void)ex;
    for (int64_t i = 0; i < n; i++)
        y[i] = 0.0f;
    return AD_OK;
}

ad_status adi_widen_ref(const adi_exec *ex, adi_f64 *y, const adi_f32 *x, int64_t n)
{
    (void)ex;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i];
    return AD_OK;
}

ad_status adi_narrow_ref(const adi_exec *ex, adi_f32 *y, const adi_f64 *x, int64_t n)
{
    (void)ex;
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)x[i];
    return AD_OK;
}
