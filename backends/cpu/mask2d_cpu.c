/* mask2d: threads share the positions. */
#include "cpu.h"
#include "mix64.h"

#include <string.h>

typedef struct mask_positions_call {
    float *y;
    const float *x;
    uint64_t key;
    double rate;
    adi_pc d;
    size_t bytes;
} mask_positions_call;

static void mask_positions(void *call, adi_share s)
{
    const mask_positions_call *k = call;
    float *y = k->y;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++) {
        const double r = (double)(adi_mix64(k->key + (uint64_t)p) >> 40) * 0x1p-24;
        if (r < k->rate)
            memset(y + p * d.c, 0, k->bytes);
        else if (y != k->x)
            memcpy(y + p * d.c, k->x + p * d.c, k->bytes);
    }
}

ad_status adi_mask2d_cpu(const adi_exec *ex, float *y, const float *x, uint64_t key, double rate,
                         adi_pc d)
{
    const size_t bytes = (size_t)d.c * sizeof *y;
    adi_parallel_cpu(ex->num_threads, d.p, 0, mask_positions,
                     &(mask_positions_call){y, x, key, rate, d, bytes});
    return AD_OK;
}
