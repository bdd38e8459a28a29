/* softfuse: means and sums of a block of an image's channels per task, the softmax on one thread, positions over threads. */
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

static void add_products(double *restrict sum, const float *restrict x, const float *restrict z, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += (double)x[i] * z[i];
}

/* out[n, 2c]: sums over an image's positions of a, then of b, each times dy if it is there. */
static void find_sums(const adi_exec *ex, double *out, const float *dy, const float *a, const float *b, const adi_npc *d)
{
    const int64_t blocks = adi_ceil_div(d->c, BLOCK);
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t i = 0; i < 2 * d->n * blocks; i++) {
        const int64_t n = i / (2 * blocks), which = i / blocks % 2, c = i % blocks * BLOCK, width = adi_min(BLOCK, d->c - c);
        const float *x = which ? b : a;
        double *sum = out + (2 * n + which) * d->c + c;
        memset(sum, 0, (size_t)width * sizeof *sum);
        for (int64_t p = n * d->p; p < (n + 1) * d->p; p++)
            if (dy)
                add_products(sum, x + p * d->c + c, dy + p * d->c + c, width);
            else
                add(sum, x + p * d->c + c, width);
    }
}

/* Means to weights, of one image. */
static void softmax(double *beta, int32_t joint, int64_t c)
{
    double most = -INFINITY, all = 0.0;
    for (int64_t i = 0; joint && i < 2 * c; i++)
        most = beta[i] > most || isnan(beta[i]) ? beta[i] : most;
    for (int64_t i = 0; i < c && !joint; i++) { /* an infinite mean gives NaN, and the smaller share all its digits */
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

static void weigh(const adi_exec *ex, double *beta, const float *a, const float *b, int32_t joint, const adi_npc *d)
{
    find_sums(ex, beta, NULL, a, b, d);
    for (int64_t n = 0; n < d->n; n++) {
        double *const mine = beta + 2 * n * d->c;
        for (int64_t i = 0; i < 2 * d->c; i++)
            mine[i] /= (double)d->p;
        softmax(mine, joint, d->c);
    }
}

static void blend(float *restrict y, const float *restrict a, const float *restrict b, const double *restrict beta, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        y[i] = (float)(beta[i] * a[i] + beta[c + i] * b[i]);
}

ad_status adi_softfuse_fwd_cpu(const adi_exec *ex, float *y, const float *a, const float *b, int32_t joint,
                               const adi_npc *d)
{
    double *const beta = ex->scratch;
    weigh(ex, beta, a, b, joint, d);
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d->n * d->p; p++)
        blend(y + p * d->c, a + p * d->c, b + p * d->c, beta + p / d->p * 2 * d->c, d->c);
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
        const double mine = joint ? beta[i] * (e[i] - all) : beta[i] * beta[c + i] * (e[i] - e[c + i]);
        const double its = joint ? beta[c + i] * (e[c + i] - all) : -mine;
        e[i] = mine / (double)d->p;
        e[c + i] = its / (double)d->p;
    }
}

static void spread(float *restrict dx, const float *restrict dy, const double *restrict beta, const double *restrict e,
                   int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        dx[i] = (float)(beta[i] * dy[i] + e[i]);
}

ad_status adi_softfuse_bwd_cpu(const adi_exec *ex, float *da, float *db, const float *dy, const float *a,
                               const float *b, int32_t joint, const adi_npc *d)
{
    double *const beta = ex->scratch, *const e = beta + 2 * d->n * d->c;
    weigh(ex, beta, a, b, joint, d);
    find_sums(ex, e, dy, a, b, d);
    for (int64_t n = 0; n < d->n; n++)
        slopes(e + 2 * n * d->c, beta + 2 * n * d->c, joint, d);
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d->n * d->p; p++) {
        const int64_t at = p / d->p * 2 * d->c;
        if (da)
            spread(da + p * d->c, dy + p * d->c, beta + at, e + at, d->c);
        if (db)
            spread(db + p * d->c, dy + p * d->c, beta + at + d->c, e + at + d->c, d->c);
    }
    return AD_OK;
}
