/* zero, widen and narrow, which are of memory's speed, on one thread. */
#include <string.h>

#include "cpu.h"

ad_status adi_zero_cpu(const adi_exec *ex, adi_f32 *y, int64_t n)
{
    (void)ex;
    memset(y, 0, (size_t)n * sizeof *y);
    return AD_OK;
}

ad_status adi_widen_cpu(const adi_exec *ex, adi_f64 *y, const adi_f32 *x, int64_t n)
{
    (void)ex;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i];
    return AD_OK;
}

ad_status adi_narrow_cpu(const adi_exec *ex, adi_f32 *y, const adi_f64 *x, int64_t n)
{
    (void)ex;
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)x[i];
    return AD_OK;
}
