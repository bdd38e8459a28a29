/* mask2d: positions over threads, a copy or zeros each. */
#include "cpu.h"

#include <string.h>

ad_status adi_mask2d_cpu(const adi_exec *ex, float *y, const float *x, uint64_t key, double rate, adi_pc d)
{
    const size_t bytes = (size_t)d.c * sizeof *y;
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d.p; p++) {
        const double r = (double)(adi_mix64(key + (uint64_t)p) >> 40) * 0x1p-24;
        if (r < rate)
            memset(y + p * d.c, 0, bytes);
        else if (y != x)
            memcpy(y + p * d.c, x + p * d.c, bytes);
    }
    return AD_OK;
}
