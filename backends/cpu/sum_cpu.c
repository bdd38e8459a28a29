/* Sums of many values: a task is a chunk, summed in lanes of double; lanes and chunks are added in
 * order. scaled_difference: a task is a block of values. */
#include "cpu.h"

enum { CHUNK = 1 << 15, LANES = 8 };

static double add_lanes(const double *lane)
{
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
           ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

double adi_dot_cpu(const float *a, const float *b, int64_t n)
{
    double lane[LANES] = {0.0}, rest = 0.0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int64_t j = 0; j < LANES; j++)
            lane[j] += (double)a[i + j] * b[i + j];
    for (; i < n; i++)
        rest += (double)a[i] * b[i];
    return add_lanes(lane) + rest;
}

static double plain(const float *a, const float *b, int64_t n)
{
    (void)b;
    double lane[LANES] = {0.0}, rest = 0.0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int64_t j = 0; j < LANES; j++)
            lane[j] += a[i + j];
    for (; i < n; i++)
        rest += a[i];
    return add_lanes(lane) + rest;
}

static double squared_error(const float *a, const float *b, int64_t n)
{
    double lane[LANES] = {0.0}, rest = 0.0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int64_t j = 0; j < LANES; j++) {
            const double e = (double)a[i + j] - b[i + j];
            lane[j] += e * e;
        }
    for (; i < n; i++) {
        const double e = (double)a[i] - b[i];
        rest += e * e;
    }
    return add_lanes(lane) + rest;
}

size_t adi_sum_scratch_cpu(int64_t n, int32_t num_threads)
{
    (void)num_threads;
    return adi_whole_lines((size_t)adi_ceil_div(n, CHUNK) * sizeof(double));
}

typedef struct sum_blocks_call {
    double (*part)(const float *, const float *, int64_t);
    const float *a, *b;
    int64_t n;
    double *sums;
} sum_blocks_call;

static void sum_blocks(void *call, adi_share s)
{
    const sum_blocks_call *k = call;
    for (int64_t i = s.begin; i < s.end; i++)
        k->sums[i] = k->part(k->a + i * CHUNK, k->b + i * CHUNK, adi_min(CHUNK, k->n - i * CHUNK));
}

static ad_status sum_chunks(const adi_exec *ex, double *out,
                            double (*part)(const float *, const float *, int64_t), const float *a,
                            const float *b, int64_t n)
{
    double *sums = ex->scratch, sum = 0.0;
    const int64_t chunks = adi_ceil_div(n, CHUNK);
    adi_parallel_cpu(ex->num_threads, chunks, 0, sum_blocks,
                     &(sum_blocks_call){part, a, b, n, sums});
    for (int64_t i = 0; i < chunks; i++)
        sum += sums[i];
    out[0] = sum;
    return AD_OK;
}

ad_status adi_sum_cpu(const adi_exec *ex, adi_f64 *out, const adi_f32 *x, int64_t n)
{
    return sum_chunks(ex, out, plain, x, x, n);
}

ad_status adi_sum_squares_cpu(const adi_exec *ex, adi_f64 *out, const adi_f32 *x, int64_t n)
{
    return sum_chunks(ex, out, adi_dot_cpu, x, x, n);
}

ad_status adi_sum_squared_error_cpu(const adi_exec *ex, adi_f64 *out, const adi_f32 *a,
                                    const adi_f32 *b, int64_t n)
{
    return sum_chunks(ex, out, squared_error, a, b, n);
}

ad_status adi_sum_products_cpu(const adi_exec *ex, adi_f64 *out, const adi_f32 *a,
                               const adi_f32 *b, int64_t n)
{
    return sum_chunks(ex, out, adi_dot_cpu, a, b, n);
}

static void difference(float *restrict y, const float *restrict a, const float *restrict b,
                       float alpha, int32_t accumulate, int64_t n)
{
    if (accumulate)
        for (int64_t i = 0; i < n; i++)
            y[i] += alpha * (a[i] - b[i]);
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = alpha * (a[i] - b[i]);
}

typedef struct difference_blocks_call {
    float *y, alpha;
    const float *a, *b;
    int32_t accumulate;
    int64_t n;
} difference_blocks_call;

static void difference_blocks(void *call, adi_share s)
{
    const difference_blocks_call *k = call;
    for (int64_t i = s.begin * CHUNK; i < s.end * CHUNK; i += CHUNK)
        difference(k->y + i, k->a + i, k->b + i, k->alpha, k->accumulate, adi_min(CHUNK, k->n - i));
}

ad_status adi_scaled_difference_cpu(const adi_exec *ex, float *y, const float *a, const float *b,
                                    float alpha, int32_t accumulate, int64_t n)
{
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(n, CHUNK), 0, difference_blocks,
                     &(difference_blocks_call){y, alpha, a, b, accumulate, n});
    return AD_OK;
}
