/* batchnorm, add, mul and copy_channels over blocks of positions. In place is allowed. */
#include "cpu.h"

#include <string.h>

enum { BLOCK = 64 }; /* positions per task */

ad_status adi_batchnorm_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *scale,
                                const float *shift, adi_act act, adi_pc d)
{
    const adi_epilogue e = {.act = act};
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t b = 0; b < adi_ceil_div(d.p, BLOCK); b++) {
        const int64_t p0 = b * BLOCK, p1 = adi_min(p0 + BLOCK, d.p);
        for (int64_t p = p0; p < p1; p++)
            for (int64_t c = 0; c < d.c; c++)
                y[p * d.c + c] = x[p * d.c + c] * scale[c] + shift[c];
        adi_epilogue_cpu(y, &e, d.c, p0, p1, 0, d.c);
    }
    return AD_OK;
}

ad_status adi_add_fwd_cpu(const adi_exec *ex, float *y, const float *a, const float *b, adi_act act,
                          adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d.p; p++) {
        for (int64_t c = 0; c < d.c; c++)
            y[p * d.c + c] = a[p * d.c + c] + b[p * d.c + c];
        adi_activate_cpu(y + p * d.c, d.c, act);
    }
    return AD_OK;
}

ad_status adi_mul_fwd_cpu(const adi_exec *ex, float *y, const float *a, const float *gate, adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d.p; p++)
        for (int64_t c = 0; c < d.c; c++)
            y[p * d.c + c] = a[p * d.c + c] * gate[c];
    return AD_OK;
}

ad_status adi_copy_channels_cpu(const adi_exec *ex, float *y, int64_t y_stride, const float *x,
                                int64_t x_stride, adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d.p; p++)
        memcpy(y + p * y_stride, x + p * x_stride, (size_t)d.c * sizeof *y);
    return AD_OK;
}
