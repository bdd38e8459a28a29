/* Activations, forward on the machine's best vectors, and backward; leaky ReLU, clamp and gain, a block of values per
 * task. */
#include "isa_cpu.h"

#include <string.h>

enum { BLOCK = 1 << 13 }; /* values per task of backward */

void adi_activate_cpu(float *y, int64_t n, adi_act act)
{
    adi_isa_cpu(0)->activate(y, n, act);
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

/* What is the same for a block of any values: y = f(x, z), with one number. */
typedef void block_map(float *y, const float *x, const float *z, float by, int64_t n);

static ad_status each_block(const adi_exec *ex, block_map *map, float *y, const float *x, const float *z, double by,
                            int64_t n)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t i = 0; i < n; i += BLOCK)
        map(y + i, x + i, z + i, (float)by, adi_min(BLOCK, n - i));
    return AD_OK;
}

static void leaky(float *y, const float *x, const float *z, float slope, int64_t n)
{
    (void)z;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] < 0.0f ? slope * x[i] : x[i];
}

static void leaky_bwd(float *dx, const float *dy, const float *y, float slope, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] <= 0.0f ? slope * dy[i] : dy[i];
}

static void clamp(float *y, const float *x, const float *z, float most, int64_t n)
{
    (void)z;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float v = x[i] > most ? most : x[i];
        y[i] = v < -most ? -most : v;
    }
}

static void clamp_bwd(float *dx, const float *dy, const float *y, float most, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float g = y[i] >= most ? 0.0f : dy[i];
        dx[i] = y[i] <= -most ? 0.0f : g;
    }
}

static void gain(float *y, const float *x, const float *z, float factor, int64_t n)
{
    (void)z;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = factor * x[i];
}

ad_status adi_leaky_relu_fwd_cpu(const adi_exec *ex, float *y, const float *x, double slope, int64_t n)
{
    return each_block(ex, leaky, y, x, x, slope, n);
}

ad_status adi_leaky_relu_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *y, double slope,
                                 int64_t n)
{
    return each_block(ex, leaky_bwd, dx, dy, y, slope, n);
}

ad_status adi_clamp_fwd_cpu(const adi_exec *ex, float *y, const float *x, double limit, int64_t n)
{
    return each_block(ex, clamp, y, x, x, limit, n);
}

ad_status adi_clamp_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *y, double limit, int64_t n)
{
    return each_block(ex, clamp_bwd, dx, dy, y, limit, n);
}

ad_status adi_gain_fwd_cpu(const adi_exec *ex, float *y, const float *x, double factor, int64_t n)
{
    return each_block(ex, gain, y, x, x, factor, n);
}
