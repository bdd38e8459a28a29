/* row_sums: a row per task, in float.
 * mean: a block of channels per task, each channel summed in the order of ref, so the bits are ref's.
 * bias, backward: there are many more positions than channels, so a chunk of positions per task. */
#include "isa_cpu.h"

enum {
    CHUNKS = 32, WIDTH = 128, /* channels of a chunk's sums: all of them are on the stack, 32 KiB */
    ROWS = 4 /* positions added up in registers before they go to a chunk's sums */
};

ad_status adi_mean_fwd_cpu(const adi_exec *ex, double *mean, const float *x, adi_pc d)
{
    const adi_isa *isa = adi_isa_cpu(0);
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t c0 = 0; c0 < d.c; c0 += ADI_SUM_CHANNELS) {
        const int64_t n = adi_min(ADI_SUM_CHANNELS, d.c - c0);
        double sum[ADI_SUM_CHANNELS] = {0.0};
        if (n == ADI_SUM_CHANNELS) {
            isa->sum_positions(sum, x + c0, d.c, d.p);
        } else {
            for (int64_t p = 0; p < d.p; p++)
                for (int64_t c = 0; c < n; c++)
                    sum[c] += x[p * d.c + c0 + c];
        }
        for (int64_t c = 0; c < n; c++)
            mean[c0 + c] = sum[c] / (double)d.p;
    }
    return AD_OK;
}

/* Each channel one column after the other, as a depthwise convolution adds up what it writes. */
ad_status adi_row_sums_cpu(const adi_exec *ex, float *sums, const float *x, int64_t rows, int64_t columns, int64_t c)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        float *restrict sum = sums + row * c;
        const float *restrict of_row = x + row * columns * c;
        for (int64_t i = 0; i < c; i++)
            sum[i] = 0.0f;
        for (int64_t column = 0; column < columns; column++)
            for (int64_t i = 0; i < c; i++)
                sum[i] += of_row[column * c + i];
    }
    return AD_OK;
}

/* sum[c] += a few positions, which lie stride apart. */
static inline void add_rows(double *restrict sum, const float *restrict x, int64_t stride, int64_t c,
                            int64_t rows)
{
    for (int64_t i = 0; i < c; i++) {
        double s = 0.0;
        for (int64_t r = 0; r < rows; r++)
            s += x[r * stride + i];
        sum[i] += s;
    }
}

static void add_positions(double *sum, const float *x, int64_t stride, adi_pc d)
{
    int64_t p = 0;
    for (; p + ROWS <= d.p; p += ROWS)
        add_rows(sum, x + p * stride, stride, d.c, ROWS);
    for (; p < d.p; p++)
        add_rows(sum, x + p * stride, stride, d.c, 1);
}

ad_status adi_bias_bwd_cpu(const adi_exec *ex, float *db, const float *dy, adi_pc d)
{
    const int64_t chunk = adi_ceil_div(d.p, CHUNKS), chunks = adi_ceil_div(d.p, chunk);
    for (int64_t c0 = 0; c0 < d.c; c0 += WIDTH) {
        const int64_t n = adi_min(WIDTH, d.c - c0);
        double sums[CHUNKS][WIDTH] = {{0.0}};
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
        for (int64_t i = 0; i < chunks; i++)
            add_positions(sums[i], dy + i * chunk * d.c + c0, d.c,
                          (adi_pc){adi_min(chunk, d.p - i * chunk), n});
        for (int64_t i = 1; i < chunks; i++)
            for (int64_t c = 0; c < n; c++)
                sums[0][c] += sums[i][c];
        for (int64_t c = 0; c < n; c++)
            db[c0 + c] = (float)sums[0][c];
    }
    return AD_OK;
}
