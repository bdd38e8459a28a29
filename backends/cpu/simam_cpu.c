/* simam: a block of an image's channels per task, positions one after the other; the sigmoid is the
 * activations'. */
#include "cpu.h"

/* channels of a task: two cache lines, and sums that stay in the first cache */
enum { BLOCK = 32 };

typedef struct energy {
    float mean[BLOCK], k[BLOCK];
} energy;

/* Sums relative to the first position, so that a large mean does not cancel. */
static void find_energy(energy *e, const float *x, double lambda, int64_t width, const adi_npc *d)
{
    double sum[BLOCK] = {0.0}, squares[BLOCK] = {0.0};
    for (int64_t p = 0; p < d->p; p++)
        for (int64_t c = 0; c < width; c++) {
            const double v = (double)x[p * d->c + c] - x[c];
            sum[c] += v;
            squares[c] += v * v;
        }
    const double count = (double)d->p, n = d->p > 1 ? count - 1.0 : 1.0;
    for (int64_t c = 0; c < width; c++) {
        const double mean = sum[c] / count, left = squares[c] - mean * sum[c];
        e->mean[c] = (float)(x[c] + mean);
        e->k[c] = (float)(1.0 / (4.0 * ((left < 0.0 ? 0.0 : left) / n + lambda)));
    }
}

static void gates(float *restrict s, const float *restrict x, const energy *e, int64_t width)
{
    for (int64_t c = 0; c < width; c++) {
        const float v = x[c] - e->mean[c];
        s[c] = v * v * e->k[c] + 0.5f;
    }
    adi_activate_cpu(s, width, ADI_ACT_SIGMOID);
}

typedef struct simam_blocks_call {
    float *y;
    const float *x;
    double lambda;
    const adi_npc *d;
    int64_t blocks;
} simam_blocks_call;

static void simam_blocks(void *call, adi_share share)
{
    const simam_blocks_call *k = call;
    const adi_npc *d = k->d;
    for (int64_t i = share.begin; i < share.end; i++) {
        const int64_t first = i % k->blocks * BLOCK, width = adi_min(BLOCK, d->c - first),
                      at = i / k->blocks * d->p * d->c + first;
        energy e;
        find_energy(&e, k->x + at, k->lambda, width, d);
        for (int64_t p = 0; p < d->p; p++) {
            float s[BLOCK];
            const float *in = k->x + at + p * d->c;
            float *out = k->y + at + p * d->c;
            gates(s, in, &e, width);
            for (int64_t c = 0; c < width; c++)
                out[c] = in[c] * s[c];
        }
    }
}

ad_status adi_simam_fwd_cpu(const adi_exec *ex, float *y, const float *x, double lambda,
                            const adi_npc *d)
{
    const int64_t blocks = adi_ceil_div(d->c, BLOCK);
    adi_parallel_cpu(ex->num_threads, d->n * blocks, 0, simam_blocks,
                     &(simam_blocks_call){y, x, lambda, d, blocks});
    return AD_OK;
}

/* One block of an image. */
static void block_bwd(float *dx, const float *dy, const float *x, const energy *e, int64_t width,
                      const adi_npc *d)
{
    double squares[BLOCK] = {0.0}, along[BLOCK] = {0.0};
    float s[BLOCK], by_squares[BLOCK], shift[BLOCK];
    for (int64_t p = 0; p < d->p; p++) {
        const float *in = x + p * d->c, *g = dy + p * d->c;
        gates(s, in, e, width);
        for (int64_t c = 0; c < width; c++) {
            const float v = in[c] - e->mean[c], a = g[c] * (in[c] * (s[c] * (1.0f - s[c])));
            squares[c] += a * v * v;
            along[c] += a * v;
        }
    }
    const double count = (double)d->p, n = d->p > 1 ? count - 1.0 : 1.0;
    for (int64_t c = 0; c < width; c++) {
        by_squares[c] = (float)(4.0 * e->k[c] * squares[c] / n);
        shift[c] = (float)(along[c] / count);
    }
    for (int64_t p = 0; p < d->p; p++) {
        const float *in = x + p * d->c, *g = dy + p * d->c;
        float *out = dx + p * d->c;
        gates(s, in, e, width);
        for (int64_t c = 0; c < width; c++) {
            const float v = in[c] - e->mean[c], a = g[c] * (in[c] * (s[c] * (1.0f - s[c])));
            out[c] = g[c] * s[c] + 2.0f * e->k[c] * (v * (a - by_squares[c]) - shift[c]);
        }
    }
}

typedef struct simam_bwd_blocks_call {
    float *dx;
    const float *dy, *x;
    double lambda;
    const adi_npc *d;
    int64_t blocks;
} simam_bwd_blocks_call;

static void simam_bwd_blocks(void *call, adi_share share)
{
    const simam_bwd_blocks_call *k = call;
    const adi_npc *d = k->d;
    for (int64_t i = share.begin; i < share.end; i++) {
        const int64_t first = i % k->blocks * BLOCK, width = adi_min(BLOCK, d->c - first),
                      at = i / k->blocks * d->p * d->c + first;
        energy e;
        find_energy(&e, k->x + at, k->lambda, width, d);
        block_bwd(k->dx + at, k->dy + at, k->x + at, &e, width, d);
    }
}

ad_status adi_simam_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *x,
                            double lambda, const adi_npc *d)
{
    const int64_t blocks = adi_ceil_div(d->c, BLOCK);
    adi_parallel_cpu(ex->num_threads, d->n * blocks, 0, simam_bwd_blocks,
                     &(simam_bwd_blocks_call){dx, dy, x, lambda, d, blocks});
    return AD_OK;
}
