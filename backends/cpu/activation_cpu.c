/* Activations, forward on the machine's best vectors, and backward; leaky ReLU, clamp and gain. A
 * task is a block of values. */
#include "isa_cpu.h"

#include <string.h>

enum { BLOCK = 1 << 13 }; /* values per task of backward */

void adi_activate_cpu(float *y, int64_t n, adi_act act)
{
    adi_isa_cpu(0)->activate(y, n, act);
}

typedef struct activate_positions_call {
    float *y;
    const float *x;
    adi_act act;
    adi_pc d;
} activate_positions_call;

static void activate_positions(void *call, adi_share s)
{
    const activate_positions_call *k = call;
    float *y = k->y;
    const adi_pc d = k->d;
    for (int64_t p = s.begin; p < s.end; p++) {
        if (y != k->x)
            memcpy(y + p * d.c, k->x + p * d.c, (size_t)d.c * sizeof *y);
        adi_activate_cpu(y + p * d.c, d.c, k->act);
    }
}

ad_status adi_activation_fwd_cpu(const adi_exec *ex, float *y, const float *x, adi_act act,
                                 adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, d.p, 0, activate_positions,
                     &(activate_positions_call){y, x, act, d});
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

typedef struct gradient_blocks_call {
    float *dx;
    const float *dy, *y;
    adi_act act;
    adi_pc d;
} gradient_blocks_call;

static void gradient_blocks(void *call, adi_share s)
{
    const gradient_blocks_call *k = call;
    float *dx = k->dx;
    const float *dy = k->dy, *y = k->y;
    for (int64_t i = s.begin * BLOCK; i < s.end * BLOCK; i += BLOCK) {
        const int64_t n = adi_min(BLOCK, k->d.p * k->d.c - i);
        if (k->act == ADI_ACT_RELU)
            relu_bwd(dx + i, dy + i, y + i, n);
        else if (k->act == ADI_ACT_RELU6)
            relu6_bwd(dx + i, dy + i, y + i, n);
        else
            sigmoid_bwd(dx + i, dy + i, y + i, n);
    }
}

ad_status adi_activation_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *y,
                                 adi_act act, adi_pc d)
{
    if (act != ADI_ACT_RELU && act != ADI_ACT_RELU6 && act != ADI_ACT_SIGMOID)
        return AD_ERR_UNSUPPORTED; /* SiLU does not follow from its result */
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(d.p * d.c, BLOCK), 0, gradient_blocks,
                     &(gradient_blocks_call){dx, dy, y, act, d});
    return AD_OK;
}

/* A loop over a block of values, y = f(x, z), with one number. */
typedef void block_map(float *y, const float *x, const float *z, float by, int64_t n);

typedef struct map_blocks_call {
    block_map *map;
    float *y;
    const float *x, *z;
    double by;
    int64_t n;
} map_blocks_call;

static void map_blocks(void *call, adi_share s)
{
    const map_blocks_call *k = call;
    for (int64_t i = s.begin * BLOCK; i < s.end * BLOCK; i += BLOCK)
        k->map(k->y + i, k->x + i, k->z + i, (float)k->by, adi_min(BLOCK, k->n - i));
}

static ad_status each_block(const adi_exec *ex, block_map *map, float *y, const float *x,
                            const float *z, double by, int64_t n)
{
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(n, BLOCK), 0, map_blocks,
                     &(map_blocks_call){map, y, x, z, by, n});
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

ad_status adi_leaky_relu_fwd_cpu(const adi_exec *ex, float *y, const float *x, double slope,
                                 int64_t n)
{
    return each_block(ex, leaky, y, x, x, slope, n);
}

ad_status adi_leaky_relu_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *y,
                                 double slope, int64_t n)
{
    return each_block(ex, leaky_bwd, dx, dy, y, slope, n);
}

ad_status adi_clamp_fwd_cpu(const adi_exec *ex, float *y, const float *x, double limit, int64_t n)
{
    return each_block(ex, clamp, y, x, x, limit, n);
}

ad_status adi_clamp_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *y,
                            double limit, int64_t n)
{
    return each_block(ex, clamp_bwd, dx, dy, y, limit, n);
}

ad_status adi_gain_fwd_cpu(const adi_exec *ex, adi_f32 *y, const adi_f32 *x, const adi_f32 *factor,
                           int64_t n)
{
    return each_block(ex, gain, y, x, x, factor[0], n);
}
