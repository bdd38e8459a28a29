/* softfuse: means and sums of a block of an image's channels per task, the softmax on one thread,
 * positions over threads. */
#include "cpu.h"

#include <string.h>

enum { BLOCK = 64 }; /* channels of a task */

/* beta of every image [n, 2c], what the gradient adds [n, 2c]. */
size_t adi_softfuse_scratch_cpu(const adi_npc *d)
{
    return (size_t)(4 * d->n * d->c) * sizeof(double);
}

static void add(double *restrict sum, const float *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += x[i];
}

static void add_products(double *restrict sum, const float *restrict x, const float *restrict z,
                         int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += (double)x[i] * z[i];
}

typedef struct sum_tasks_call {
    double *out;
    const float *dy, *a, *b;
    const adi_npc *d;
    int64_t blocks;
} sum_tasks_call;

static void sum_tasks(void *call, adi_share s)
{
    const sum_tasks_call *k = call;
    const adi_npc *d = k->d;
    const int64_t blocks = k->blocks;
    for (int64_t i = s.begin; i < s.end; i++) {
        const int64_t n = i / (2 * blocks), which = i / blocks % 2, c = i % blocks * BLOCK;
        const int64_t width = adi_min(BLOCK, d->c - c);
        const float *x = which ? k->b : k->a;
        double *sum = k->out + (2 * n + which) * d->c + c;
        memset(sum, 0, (size_t)width * sizeof *sum);
        for (int64_t p = n * d->p; p < (n + 1) * d->p; p++)
            if (k->dy)
                add_products(sum, x + p * d->c + c, k->dy + p * d->c + c, width);
            else
                add(sum, x + p * d->c + c, width);
    }
}

/* out[n, 2c]: sums over an image's positions of a, then of b, each times dy if it is there. */
static void find_sums(const adi_exec *ex, double *out, const float *dy, const float *a,
                      const float *b, const adi_npc *d)
{
    const int64_t blocks = adi_ceil_div(d->c, BLOCK);
    adi_parallel_cpu(ex->num_threads, 2 * d->n * blocks, 0, sum_tasks,
                     &(sum_tasks_call){out, dy, a, b, d, blocks});
}

/* Means to weights, of one image. */
static void softmax(double *beta, int32_t joint, int64_t c)
{
    double most = -INFINITY, all = 0.0;
    for (int64_t i = 0; joint && i < 2 * c; i++)
        most = beta[i] > most || isnan(beta[i]) ? beta[i] : most;
    /* an infinite mean gives NaN, and the smaller share all its digits */
    for (int64_t i = 0; i < c && !joint; i++) {
        const double top = beta[i] > beta[c + i] ? beta[i] : beta[c + i];
        const double a = exp(beta[i] - top), b = exp(beta[c + i] - top);
        beta[i] = a / (a + b);
        beta[c + i] = b / (a + b);
    }
    for (int64_t i = 0; joint && i < 2 * c; i++)
        all += beta[i] = exp(beta[i] - most);
    for (int64_t i = 0; joint && i < 2 * c; i++)
        beta[i] /= all;
}

static void weigh(const adi_exec *ex, double *beta, const float *a, const float *b, int32_t joint,
                  const adi_npc *d)
{
    find_sums(ex, beta, NULL, a, b, d);
    for (int64_t n = 0; n < d->n; n++) {
        double *const mine = beta + 2 * n * d->c;
        for (int64_t i = 0; i < 2 * d->c; i++)
            mine[i] /= (double)d->p;
        softmax(mine, joint, d->c);
    }
}

static void blend(float *restrict y, const float *restrict a, const float *restrict b,
                  const double *restrict beta, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        y[i] = (float)(beta[i] * a[i] + beta[c + i] * b[i]);
}

typedef struct blend_positions_call {
    float *y;
    const float *a, *b;
    const adi_npc *d;
    double *beta;
} blend_positions_call;

static void blend_positions(void *call, adi_share s)
{
    const blend_positions_call *k = call;
    const adi_npc *d = k->d;
    for (int64_t p = s.begin; p < s.end; p++)
        blend(k->y + p * d->c, k->a + p * d->c, k->b + p * d->c, k->beta + p / d->p * 2 * d->c,
              d->c);
}

ad_status adi_softfuse_fwd_cpu(const adi_exec *ex, float *y, const float *a, const float *b,
                               int32_t joint, const adi_npc *d)
{
    double *const beta = ex->scratch;
    weigh(ex, beta, a, b, joint, d);
    adi_parallel_cpu(ex->num_threads, d->n * d->p, 0, blend_positions,
                     &(blend_positions_call){y, a, b, d, beta});
    return AD_OK;
}

/* Sums of products e to the gradients of the means, over the positions. */
static void slopes(double *e, const double *beta, int32_t joint, const adi_npc *d)
{
    const int64_t c = d->c;
    double all = 0.0;
    for (int64_t i = 0; joint && i < 2 * c; i++)
        all += beta[i] * e[i];
    for (int64_t i = 0; i < c; i++) {
        const double mine =
            joint ? beta[i] * (e[i] - all) : beta[i] * beta[c + i] * (e[i] - e[c + i]);
        const double its = joint ? beta[c + i] * (e[c + i] - all) : -mine;
        e[i] = mine / (double)d->p;
        e[c + i] = its / (double)d->p;
    }
}

static void spread(float *restrict dx, const float *restrict dy, const double *restrict beta,
                   const double *restrict e, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        dx[i] = (float)(beta[i] * dy[i] + e[i]);
}

typedef struct spread_positions_call {
    float *da, *db;
    const float *dy;
    const adi_npc *d;
    double *beta, *e;
} spread_positions_call;

static void spread_positions(void *call, adi_share s)
{
    const spread_positions_call *k = call;
    const adi_npc *d = k->d;
    for (int64_t p = s.begin; p < s.end; p++) {
        const int64_t at = p / d->p * 2 * d->c;
        if (k->da)
            spread(k->da + p * d->c, k->dy + p * d->c, k->beta + at, k->e + at, d->c);
        if (k->db)
            spread(k->db + p * d->c, k->dy + p * d->c, k->beta + at + d->c, k->e + at + d->c, d->c);
    }
}

ad_status adi_softfuse_bwd_cpu(const adi_exec *ex, float *da, float *db, const float *dy,
                               const float *a, const float *b, int32_t joint, const adi_npc *d)
{
    double *const beta = ex->scratch, *const e = beta + 2 * d->n * d->c;
    weigh(ex, beta, a, b, joint, d);
    find_sums(ex, e, dy, a, b, d);
    for (int64_t n = 0; n < d->n; n++)
        slopes(e + 2 * n * d->c, beta + 2 * n * d->c, joint, d);
    adi_parallel_cpu(ex->num_threads, d->n * d->p, 0, spread_positions,
                     &(spread_positions_call){da, db, dy, d, beta, e});
    return AD_OK;
}
