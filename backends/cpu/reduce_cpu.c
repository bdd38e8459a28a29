/* row_sums: a task is a row, summed in float.
 * mean: a task is a block of channels, each summed in ref's order, so the bits are ref's.
 * bias_bwd: positions are many more than channels, so a task is a chunk of positions. */
#include "isa_cpu.h"

enum {
    CHUNKS = 32, WIDTH = 128, /* channels of a chunk's sums: all of them are on the stack, 32 KiB */
    ROWS = 4 /* positions added up in registers before they go to a chunk's sums */
};

typedef struct row_sum_tasks_call {
    double *mean;
    const float *x;
    adi_pc d;
    const adi_isa *isa;
} row_sum_tasks_call;

static void row_sum_tasks(void *call, adi_share s)
{
    const row_sum_tasks_call *k = call;
    const adi_pc d = k->d;
    for (int64_t c0 = s.begin * ADI_SUM_CHANNELS; c0 < s.end * ADI_SUM_CHANNELS;
         c0 += ADI_SUM_CHANNELS) {
        const int64_t n = adi_min(ADI_SUM_CHANNELS, d.c - c0);
        double sum[ADI_SUM_CHANNELS] = {0.0};
        if (n == ADI_SUM_CHANNELS) {
            k->isa->sum_positions(sum, k->x + c0, d.c, d.p);
        } else {
            for (int64_t p = 0; p < d.p; p++)
                for (int64_t c = 0; c < n; c++)
                    sum[c] += k->x[p * d.c + c0 + c];
        }
        for (int64_t c = 0; c < n; c++)
            k->mean[c0 + c] = sum[c] / (double)d.p;
    }
}

ad_status adi_mean_fwd_cpu(const adi_exec *ex, double *mean, const float *x, adi_pc d)
{
    const adi_isa *isa = adi_isa_cpu(0);
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(d.c, ADI_SUM_CHANNELS), 0, row_sum_tasks,
                     &(row_sum_tasks_call){mean, x, d, isa});
    return AD_OK;
}

typedef struct mean_tasks_call {
    float *sums;
    const float *x;
    int64_t columns, c;
} mean_tasks_call;

static void mean_tasks(void *call, adi_share s)
{
    const mean_tasks_call *k = call;
    const int64_t c = k->c;
    for (int64_t row = s.begin; row < s.end; row++) {
        float *restrict sum = k->sums + row * c;
        const float *restrict of_row = k->x + row * k->columns * c;
        for (int64_t i = 0; i < c; i++)
            sum[i] = 0.0f;
        for (int64_t column = 0; column < k->columns; column++)
            for (int64_t i = 0; i < c; i++)
                sum[i] += of_row[column * c + i];
    }
}

/* Sum each channel column after column, as a depthwise convolution sums what it writes. */
ad_status adi_row_sums_cpu(const adi_exec *ex, float *sums, const float *x, int64_t rows,
                           int64_t columns, int64_t c)
{
    adi_parallel_cpu(ex->num_threads, rows, 0, mean_tasks, &(mean_tasks_call){sums, x, columns, c});
    return AD_OK;
}

/* sum[c] += a few positions, which lie stride apart. */
static inline void add_rows(double *restrict sum, const float *restrict x, int64_t stride,
                            int64_t c, int64_t rows)
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

typedef struct bias_call {
    double (*sums)[WIDTH];
    const float *dy; /* of the first channel */
    int64_t chunk, n;
    adi_pc d;
} bias_call;

static void sum_chunks(void *call, adi_share s)
{
    const bias_call *k = call;
    for (int64_t i = s.begin; i < s.end; i++)
        add_positions(k->sums[i], k->dy + i * k->chunk * k->d.c, k->d.c,
                      (adi_pc){adi_min(k->chunk, k->d.p - i * k->chunk), k->n});
}

ad_status adi_bias_bwd_cpu(const adi_exec *ex, float *db, const float *dy, adi_pc d)
{
    const int64_t chunk = adi_ceil_div(d.p, CHUNKS), chunks = adi_ceil_div(d.p, chunk);
    for (int64_t c0 = 0; c0 < d.c; c0 += WIDTH) {
        const int64_t n = adi_min(WIDTH, d.c - c0);
        double sums[CHUNKS][WIDTH] = {{0.0}};
        adi_parallel_cpu(ex->num_threads, chunks, 0, sum_chunks,
                         &(bias_call){sums, dy + c0, chunk, n, d});
        for (int64_t i = 1; i < chunks; i++)
            for (int64_t c = 0; c < n; c++)
                sums[0][c] += sums[i][c];
        for (int64_t c = 0; c < n; c++)
            db[c0 + c] = (float)sums[0][c];
    }
    return AD_OK;
}
