/* row_sums: a task is a row, summed in float.
 * mean, globalavgpool2d: a task is a block of an image's channels, each summed in ref's order, so
 * the bits are ref's.
 * bias_bwd: positions are many more than channels, so a task is a chunk of positions. */
#include "isa_cpu.h"

enum {
    CHUNKS = 32, WIDTH = 128, /* channels of a chunk's sums: all of them are on the stack, 32 KiB */
    ROWS = 4 /* positions added up in registers before they go to a chunk's sums */
};

typedef struct mean_call {
    double *mean; /* or, after division by `columns`, */
    float *rounded;
    const float *x;
    int64_t columns;
    adi_pc d; /* of an image */
    const adi_isa *isa;
} mean_call;

/* Channels c0 .. c0 + n - 1 of one image. */
static void sum_block(const mean_call *k, int64_t image, int64_t c0, int64_t n)
{
    const adi_pc d = k->d;
    const float *x = k->x + image * d.p * d.c;
    double sum[ADI_SUM_CHANNELS] = {0.0};
    if (n == ADI_SUM_CHANNELS) {
        k->isa->sum_positions(sum, x + c0, d.c, d.p);
    } else {
        for (int64_t p = 0; p < d.p; p++)
            for (int64_t c = 0; c < n; c++)
                sum[c] += x[p * d.c + c0 + c];
    }
    for (int64_t c = 0; c < n && k->mean; c++)
        k->mean[image * d.c + c0 + c] = sum[c] / (double)d.p;
    for (int64_t c = 0; c < n && k->rounded; c++)
        k->rounded[image * d.c + c0 + c] = (float)(sum[c] / (double)d.p / (double)k->columns);
}

static void sum_blocks(void *call, adi_share s)
{
    const mean_call *k = call;
    const int64_t blocks = adi_ceil_div(k->d.c, ADI_SUM_CHANNELS);
    for (int64_t i = s.begin; i < s.end; i++) {
        const int64_t c0 = i % blocks * ADI_SUM_CHANNELS;
        sum_block(k, i / blocks, c0, adi_min(ADI_SUM_CHANNELS, k->d.c - c0));
    }
}

ad_status adi_mean_fwd_cpu(const adi_exec *ex, double *mean, const float *x, adi_pc d)
{
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(d.c, ADI_SUM_CHANNELS), 0, sum_blocks,
                     &(mean_call){mean, NULL, x, 1, d, adi_isa_cpu(0)});
    return AD_OK;
}

ad_status adi_globalavgpool2d_fwd_cpu(const adi_exec *ex, float *y, const float *sums,
                                      int64_t columns, const adi_npc *d)
{
    adi_parallel_cpu(ex->num_threads, d->n * adi_ceil_div(d->c, ADI_SUM_CHANNELS), 0, sum_blocks,
                     &(mean_call){NULL, y, sums, columns, {d->p, d->c}, adi_isa_cpu(0)});
    return AD_OK;
}

typedef struct row_sums_call {
    float *sums;
    const float *x;
    int64_t columns, c;
} row_sums_call;

static void sum_rows(void *call, adi_share s)
{
    const row_sums_call *k = call;
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
    adi_parallel_cpu(ex->num_threads, rows, 0, sum_rows, &(row_sums_call){sums, x, columns, c});
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
