/* Activations over a row, one loop each, so that the compiler vectorises them. The exponential
 * is a polynomial of the seventh degree after the usual reduction to |r| <= ln 2 / 2; it is
 * within 1e-7 of exp(), relative, and nothing in it branches. */
#include "cpu.h"

#include <string.h>

enum { BLOCK = 1 << 13 }; /* values per task of backward */

/* exp(t), which is 0 below -87.7, stays at exp(88) from there on and is infinite above 88.7; a NaN gives
 * some number. What is made of it differs from exp()'s by less than the smallest normal float. */
static inline float exp_cpu(float t)
{
    const float inv_ln2 = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it leaves a whole number */
    float u = t > -88.0f ? t : -88.0f;
    u = u < 88.0f ? u : 88.0f;
    const float n = (u * inv_ln2 + round) - round;
    const float r = (u - n * ln2_high) - n * ln2_low;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const int32_t bits = ((int32_t)n + 127) << 23; /* n is -127 .. 127; -127 gives 0 */
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return t > 88.7f ? INFINITY : p * scale;
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

static void silu(float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] / (1.0f + exp_cpu(-y[i]));
}

static void sigmoid(float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float v = 1.0f / (1.0f + exp_cpu(-y[i]));
        y[i] = y[i] == y[i] ? v : y[i]; /* keeps NaN */
    }
}

void adi_activate_cpu(float *y, int64_t n, adi_act act)
{
    switch (act) {
    case ADI_ACT_NONE:
        return;
    case ADI_ACT_RELU:
        relu(y, n);
        return;
    case ADI_ACT_RELU6:
        relu6(y, n);
        return;
    case ADI_ACT_SILU:
        silu(y, n);
        return;
    case ADI_ACT_SIGMOID:
        sigmoid(y, n);
        return;
    }
}

ad_status adi_activation_fwd_cpu(const adi_exec *ex, float *y, const float *x, adi_act act,
                                 adi_pc d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d.p; p++) {
        if (y != x)
            memcpy(y + p * d.c, x + p * d.c, (size_t)d.c * sizeof *y);
        adi_activate_cpu(y + p * d.c, d.c, act);
    }
    return AD_OK;
}

/* Backward, from the result y. dx may be dy: no element is read after it was written. */
static void relu_bwd(float *dx, const float *dy, const float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] <= 0.0f ? 0.0f : dy[i]; /* NaN lets dy through */
}

static void relu6_bwd(float *dx, const float *dy, const float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float g = y[i] <= 0.0f ? 0.0f : dy[i];
        dx[i] = y[i] >= 6.0f ? 0.0f : g;
    }
}

static void sigmoid_bwd(float *dx, const float *dy, const float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] * (y[i] * (1.0f - y[i]));
}

ad_status adi_activation_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *y,
                                 adi_act act, adi_pc d)
{
    if (act != ADI_ACT_RELU && act != ADI_ACT_RELU6 && act != ADI_ACT_SIGMOID)
        return AD_ERR_UNSUPPORTED; /* SiLU does not follow from its result */
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t i = 0; i < d.p * d.c; i += BLOCK) {
        const int64_t n = adi_min(BLOCK, d.p * d.c - i);
        if (act == ADI_ACT_RELU)
            relu_bwd(dx + i, dy + i, y + i, n);
        else if (act == ADI_ACT_RELU6)
            relu6_bwd(dx + i, dy + i, y + i, n);
        else
            sigmoid_bwd(dx + i, dy + i, y + i, n);
    }
    return AD_OK;
}
