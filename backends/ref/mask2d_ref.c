/* Random masks of positions, for masked generative distillation (MGD, Yang et al. 2022,
 * arXiv:2205.01529), without rescaling:
 *   R(p) = (adi_mix64(key + p) >> 40) / 2^24 in [0, 1),   y[p, c] = R(p) < rate ? 0 : x[p, c] */
#include "mix64.h"
#include "ref.h"

ad_status adi_mask2d_ref(const adi_exec *ex, float *y, const float *x, uint64_t key, double rate,
                         adi_pc d)
{
    (void)ex;
    for (int64_t i = 0; i < d.p * d.c; i++) {
        const double r = (double)(adi_mix64(key + (uint64_t)(i / d.c)) >> 40) * 0x1p-24;
        y[i] = r < rate ? 0.0f : x[i];
    }
    return AD_OK;
}
