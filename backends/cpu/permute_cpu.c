/* permute: a position's channels in another order, positions over threads. */
#include "cpu.h"

typedef struct permute_positions_call {
    float *y;
    const float *x, *index;
    int32_t inverse;
    adi_pc d;
} permute_positions_call;

static void permute_positions(void *call, adi_share s)
{
    const permute_positions_call *k = call;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++) {
        const float *from = k->x + p * d.c;
        float *to = k->y + p * d.c;
        if (k->inverse)
            for (int64_t c = 0; c < d.c; c++)
                to[(int32_t)k->index[c]] = from[c];
        else
            for (int64_t c = 0; c < d.c; c++)
                to[c] = from[(int32_t)k->index[c]];
    }
}

ad_status adi_permute_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *index,
                              int32_t inverse, adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, permute_positions,
                     &(permute_positions_call){y, x, index, inverse, d});
    return AD_OK;
}
