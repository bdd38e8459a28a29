/* batchnorm, add, mul and copy_channels over blocks of positions. In place is allowed. */
#include "cpu.h"

#include <string.h>

enum { BLOCK = 64 }; /* positions per task */

typedef struct batchnorm_blocks_call {
    float *y;
    const float *x, *scale, *shift;
    adi_pc d;
    adi_epilogue e;
} batchnorm_blocks_call;

static void batchnorm_blocks(void *call, adi_share s)
{
    const batchnorm_blocks_call *k = call;
    const adi_pc d = k->d;
    for (int64_t b = s.begin; b < s.end; b++) {
        const int64_t p0 = b * BLOCK, p1 = adi_min(p0 + BLOCK, d.p);
        for (int64_t p = p0; p < p1; p++)
            for (int64_t c = 0; c < d.c; c++)
                k->y[p * d.c + c] = k->x[p * d.c + c] * k->scale[c] + k->shift[c];
        adi_epilogue_cpu(k->y, &k->e, d.c, p0, p1, 0, d.c);
    }
}

ad_status adi_batchnorm_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *scale,
                                const float *shift, adi_act act, adi_pc d)
{
    const adi_epilogue e = {.act = act};
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(d.p, BLOCK), 0, batchnorm_blocks,
                     &(batchnorm_blocks_call){y, x, scale, shift, d, e});
    return AD_OK;
}

typedef struct add_positions_call {
    float *y;
    const float *a, *b;
    adi_act act;
    adi_pc d;
} add_positions_call;

static void add_positions(void *call, adi_share s)
{
    const add_positions_call *k = call;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++) {
        for (int64_t c = 0; c < d.c; c++)
            k->y[p * d.c + c] = k->a[p * d.c + c] + k->b[p * d.c + c];
        adi_activate_cpu(k->y + p * d.c, d.c, k->act);
    }
}

ad_status adi_add_fwd_cpu(const adi_exec *ex, float *y, const float *a, const float *b, adi_act act,
                          adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, add_positions,
                     &(add_positions_call){y, a, b, act, d});
    return AD_OK;
}

typedef struct mul_positions_call {
    float *y;
    const float *a, *gate;
    adi_pc d;
} mul_positions_call;

static void mul_positions(void *call, adi_share s)
{
    const mul_positions_call *k = call;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++)
        for (int64_t c = 0; c < d.c; c++)
            k->y[p * d.c + c] = k->a[p * d.c + c] * k->gate[c];
}

ad_status adi_mul_fwd_cpu(const adi_exec *ex, float *y, const float *a, const float *gate, adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, mul_positions, &(mul_positions_call){y, a, gate, d});
    return AD_OK;
}

typedef struct copy_positions_call {
    float *y;
    int64_t y_stride, x_stride;
    const float *x;
    adi_pc d;
} copy_positions_call;

static void copy_positions(void *call, adi_share s)
{
    const copy_positions_call *k = call;
    for (int64_t p = s.begin; p < s.end; p++)
        memcpy(k->y + p * k->y_stride, k->x + p * k->x_stride, (size_t)k->d.c * sizeof *k->y);
}

ad_status adi_copy_channels_cpu(const adi_exec *ex, float *y, int64_t y_stride, const float *x,
                                int64_t x_stride, adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, copy_positions,
                     &(copy_positions_call){y, y_stride, x_stride, x, d});
    return AD_OK;
}
