/* What follows a convolution tile while it is in cache: bias, residual, activation. One loop per
 * combination, so that the compiler vectorises each. */
#include "cpu.h"

static void add_bias(float *restrict y, const float *restrict bias, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += bias[i];
}

static void relu(float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] < 0.0f ? 0.0f : y[i]; /* keeps NaN */
}

static void relu6(float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float v = y[i] < 0.0f ? 0.0f : y[i];
        y[i] = v > 6.0f ? 6.0f : v;
    }
}

void adi_epilogue_cpu(float *y, const adi_epilogue *e, int64_t k, int64_t p0, int64_t p1, int64_t k0,
                      int64_t k1)
{
    for (int64_t p = p0; p < p1; p++) {
        float *row = y + p * k + k0;
        if (e->bias)
            add_bias(row, e->bias + k0, k1 - k0);
        if (e->residual)
            add_bias(row, e->residual + p * k + k0, k1 - k0);
        if (e->act == ADI_ACT_RELU)
            relu(row, k1 - k0);
        else if (e->act == ADI_ACT_RELU6)
            relu6(row, k1 - k0);
    }
}
