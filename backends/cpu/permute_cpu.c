/* permute: a position's channels in another order, positions over threads. */
#include "cpu.h"

ad_status adi_permute_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *index, int32_t inverse,
                              adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d.p; p++) {
        const float *from = x + p * d.c;
        float *to = y + p * d.c;
        if (inverse)
            for (int64_t c = 0; c < d.c; c++)
                to[(int32_t)index[c]] = from[c];
        else
            for (int64_t c = 0; c < d.c; c++)
                to[c] = from[(int32_t)index[c]];
    }
    return AD_OK;
}
