/* The epilogue of a tile of a convolution: bias, residual, activation. */
#include "cpu.h"

static void add_row(float *restrict y, const float *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += x[i];
}

void adi_epilogue_cpu(float *y, const adi_epilogue *e, int64_t k, int64_t p0, int64_t p1,
                      int64_t k0, int64_t k1)
{
    for (int64_t p = p0; p < p1; p++) {
        float *row = y + p * k + k0;
        if (e->bias)
            add_row(row, e->bias + k0, k1 - k0);
        if (e->residual)
            add_row(row, e->residual + p * k + k0, k1 - k0);
        adi_activate_cpu(row, k1 - k0, e->act);
    }
}
