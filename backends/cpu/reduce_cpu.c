/* mean: a block of channels per task, each channel summed in the order of ref, so the bits are ref's. */
#include "cpu.h"

enum {
    BLOCK = 32
}; /* channels: two cache lines of floats, and sums that stay in registers and L1 */

ad_status adi_mean_fwd_cpu(const adi_exec *ex, double *mean, const float *x, adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t c0 = 0; c0 < d.c; c0 += BLOCK) {
        const int64_t n = adi_min(BLOCK, d.c - c0);
        double sum[BLOCK] = {0.0};
        if (n == BLOCK) {
            for (int64_t p = 0; p < d.p; p++)
                for (int64_t c = 0; c < BLOCK; c++)
                    sum[c] += x[p * d.c + c0 + c];
        } else {
            for (int64_t p = 0; p < d.p; p++)
                for (int64_t c = 0; c < n; c++)
                    sum[c] += x[p * d.c + c0 + c];
        }
        for (int64_t c = 0; c < n; c++)
            mean[c0 + c] = sum[c] / (double)d.p;
    }
    return AD_OK;
}
