/* batchnorm in training. A task is a chunk of positions; its sums are double, and chunks are added
 * in order. Forward is one pass for the statistics, then batchnorm_fwd; backward is one pass for
 * the sums and one for dx, and both compute the ReLU's mask again from x. */
#include "cpu.h"

#include <string.h>

enum {
    CHUNKS = 64, MIN_CHUNK = 64, /* positions */
    ROWS = 4 /* positions added up in registers before they go to the sums in L1 */
};

static int64_t chunk_of(int64_t positions)
{
    const int64_t chunk = adi_ceil_div(positions, CHUNKS);
    return chunk < MIN_CHUNK ? MIN_CHUNK : chunk;
}

/* Constants of backward for each channel, a row of [c] each. */
typedef struct factors {
    float *mean, *scale, *shift; /* with v = x - mean: y = act(v scale + shift) */
    float *mean_g, *slope;       /* and dx = scale (g - mean_g - v slope) */
} factors;

enum { FACTORS = 5 };

size_t adi_batchnorm_train_scratch_cpu(adi_pc d, int32_t num_threads)
{
    (void)num_threads;
    const int64_t chunks = adi_ceil_div(d.p, chunk_of(d.p));
    return adi_whole_lines((size_t)(2 * chunks * d.c) * sizeof(double))
           + adi_whole_lines((size_t)(FACTORS * d.c) * sizeof(float));
}

/* Add the sums [2, c] of all chunks to those of the first. */
static void add_chunks(double *sums, int64_t chunks, int64_t c)
{
    for (int64_t i = 1; i < chunks; i++)
        for (int64_t j = 0; j < 2 * c; j++)
            sums[j] += sums[i * 2 * c + j];
}

/* ---- stats ---- */

static inline void add_moments(double *restrict sum, double *restrict squares,
                               const float *restrict x, const float *restrict shift, int64_t c,
                               int64_t rows)
{
    for (int64_t i = 0; i < c; i++) {
        double s = 0.0, q = 0.0;
        for (int64_t r = 0; r < rows; r++) {
            const double v = (double)x[r * c + i] - shift[i];
            s += v;
            q += v * v;
        }
        sum[i] += s;
        squares[i] += q;
    }
}

typedef struct stats_chunks_call {
    const float *x;
    adi_pc d;
    int64_t chunk, c;
    double *sums;
} stats_chunks_call;

static void stats_chunks(void *call, adi_share s)
{
    const stats_chunks_call *k = call;
    const float *x = k->x;
    const int64_t c = k->c;
    for (int64_t i = s.begin; i < s.end; i++) {
        double *sum = k->sums + i * 2 * c, *squares = sum + c;
        const int64_t end = adi_min((i + 1) * k->chunk, k->d.p);
        memset(sum, 0, (size_t)(2 * c) * sizeof *sum);
        int64_t p = i * k->chunk;
        for (; p + ROWS <= end; p += ROWS)
            add_moments(sum, squares, x + p * c, x, c, ROWS);
        for (; p < end; p++)
            add_moments(sum, squares, x + p * c, x, c, 1);
    }
}

/* Sums are of x minus its value at the first position, so that a large mean does not cancel. */
ad_status adi_batchnorm_stats_cpu(const adi_exec *ex, double *mean, double *var, const float *x,
                                  adi_pc d)
{
    const int64_t chunk = chunk_of(d.p), chunks = adi_ceil_div(d.p, chunk), c = d.c;
    double *sums = ex->scratch;
    adi_parallel_cpu(ex->num_threads, chunks, 0, stats_chunks,
                     &(stats_chunks_call){x, d, chunk, c, sums});
    add_chunks(sums, chunks, c);
    for (int64_t i = 0; i < c; i++) {
        const double m = sums[i] / (double)d.p, v = sums[c + i] / (double)d.p - m * m;
        mean[i] = x[i] + m;
        var[i] = v < 0.0 ? 0.0 : v; /* keeps NaN */
    }
    return AD_OK;
}

/* ---- bwd ---- */

/* dy if the activation lets it through; NaN does. */
static inline float gated(float dy, float v, float scale, float shift, int relu)
{
    return relu && v * scale + shift <= 0.0f ? 0.0f : dy;
}

/* Sums of g and g v. */
static inline void add_products(double *restrict sum, double *restrict products,
                                const float *restrict dy, const float *restrict x, const factors *f,
                                int64_t c, int64_t rows, int relu)
{
    const float *restrict scale = f->scale, *restrict shift = f->shift, *restrict mean = f->mean;
    for (int64_t i = 0; i < c; i++) {
        float s = 0.0f, q = 0.0f;
        for (int64_t r = 0; r < rows; r++) {
            const float v = x[r * c + i] - mean[i];
            const float g = gated(dy[r * c + i], v, scale[i], shift[i], relu);
            s += g;
            q += g * v;
        }
        sum[i] += s;
        products[i] += q;
    }
}

static void sum_chunk(double *sum, const float *dy, const float *x, const factors *f, adi_pc d,
                      adi_act act)
{
    const int64_t c = d.c, whole = d.p - d.p % ROWS;
    memset(sum, 0, (size_t)(2 * c) * sizeof *sum);
    if (act == ADI_ACT_RELU)
        for (int64_t p = 0; p < whole; p += ROWS)
            add_products(sum, sum + c, dy + p * c, x + p * c, f, c, ROWS, 1);
    else
        for (int64_t p = 0; p < whole; p += ROWS)
            add_products(sum, sum + c, dy + p * c, x + p * c, f, c, ROWS, 0);
    for (int64_t p = whole; p < d.p; p++)
        add_products(sum, sum + c, dy + p * c, x + p * c, f, c, 1, act == ADI_ACT_RELU);
}

/* dx may be dy: no element is read after it was written. */
static inline void gradient(float *dx, const float *dy, const float *x, const factors *f, adi_pc d,
                            int relu)
{
    const float *scale = f->scale, *shift = f->shift, *mean = f->mean, *mean_g = f->mean_g,
                *slope = f->slope;
    for (int64_t p = 0; p < d.p; p++, dx += d.c, dy += d.c, x += d.c) {
#pragma omp simd
        for (int64_t i = 0; i < d.c; i++) {
            const float v = x[i] - mean[i];
            const float g = gated(dy[i], v, scale[i], shift[i], relu);
            dx[i] = scale[i] * (g - mean_g[i] - v * slope[i]);
        }
    }
}

typedef struct sum_chunks_call {
    const float *dy, *x;
    adi_act act;
    adi_pc d;
    int64_t chunk, c;
    double *sums;
    factors f;
} sum_chunks_call;

static void sum_chunks(void *call, adi_share s)
{
    const sum_chunks_call *k = call;
    const int64_t chunk = k->chunk, c = k->c;
    for (int64_t i = s.begin; i < s.end; i++)
        sum_chunk(k->sums + i * 2 * c, k->dy + i * chunk * c, k->x + i * chunk * c, &k->f,
                  (adi_pc){adi_min(chunk, k->d.p - i * chunk), c}, k->act);
}

typedef struct gradient_chunks_call {
    float *dx;
    const float *dy, *x;
    adi_act act;
    adi_pc d;
    int64_t chunk, chunks, c;
    factors f;
} gradient_chunks_call;

static void gradient_chunks(void *call, adi_share s)
{
    const gradient_chunks_call *k = call;
    const int64_t chunk = k->chunk, c = k->c;
    for (int64_t j = s.begin; j < s.end; j++) {
        const int64_t i = k->chunks - 1 - j; /* what was read last is still in cache */
        const adi_pc part = {adi_min(chunk, k->d.p - i * chunk), c};
        if (k->act == ADI_ACT_RELU)
            gradient(k->dx + i * chunk * c, k->dy + i * chunk * c, k->x + i * chunk * c, &k->f,
                     part, 1);
        else
            gradient(k->dx + i * chunk * c, k->dy + i * chunk * c, k->x + i * chunk * c, &k->f,
                     part, 0);
    }
}

ad_status adi_batchnorm_bwd_cpu(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                                const float *dy, const float *x, const adi_batchnorm_batch *b,
                                adi_act act, adi_pc d)
{
    const int64_t chunk = chunk_of(d.p), chunks = adi_ceil_div(d.p, chunk), c = d.c;
    double *sums = ex->scratch;
    float *rows = (float *)(void *)((char *)ex->scratch
                                    + adi_whole_lines((size_t)(2 * chunks * c) * sizeof(double)));
    const factors f = {rows, rows + c, rows + 2 * c, rows + 3 * c, rows + 4 * c};
    for (int64_t i = 0; i < c; i++) {
        const double scale = b->weight[i] / sqrt(b->var[i] + b->eps);
        f.mean[i] = (float)b->mean[i];
        f.scale[i] = (float)scale;
        f.shift[i] = (float)(b->bias[i] + (f.mean[i] - b->mean[i]) * scale);
    }
    adi_parallel_cpu(ex->num_threads, chunks, 0, sum_chunks,
                     &(sum_chunks_call){dy, x, act, d, chunk, c, sums, f});
    add_chunks(sums, chunks, c);
    for (int64_t i = 0; i < c; i++) {
        const double r = 1.0 / sqrt(b->var[i] + b->eps);
        const double off = f.mean[i] - b->mean[i]; /* what rounding the mean has moved it by */
        const double sum_h = r * (sums[c + i] + off * sums[i]);
        dbias[i] = (float)sums[i];
        dweight[i] = (float)sum_h;
        f.mean_g[i] = (float)((sums[i] + off * r * sum_h) / (double)d.p);
        f.slope[i] = (float)(r * sum_h / (double)d.p);
    }
    if (!dx)
        return AD_OK;
    adi_parallel_cpu(ex->num_threads, chunks, 0, gradient_chunks,
                     &(gradient_chunks_call){dx, dy, x, act, d, chunk, chunks, c, f});
    return AD_OK;
}
