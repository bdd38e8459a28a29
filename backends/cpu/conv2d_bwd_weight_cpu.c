/* conv2d, gradient by its weights: dw = im2col(x)^T dy, a GEMM over positions. A task has some rows
 * of the kernel and a chunk of the positions, of which it makes the im2col matrix a tile at a time;
 * if dw is too large for many chunks, it has only some of the output channels. Every chunk but the
 * first sums into a copy of dw, and the copies are added in order. */
#include "blas_cpu.h"
#include "cpu.h"

typedef struct split {
    int64_t positions, depth; /* rows and columns of the im2col matrix */
    int64_t rows, groups;     /* kernel rows of a task */
    int64_t chunk, chunks;    /* positions of a task */
    int64_t block, blocks;    /* output channels of a task */
    int64_t tile;             /* positions at a time */
    int direct;               /* the input is its own im2col matrix */
} split;

enum {
    WANTED_DEPTH = 640,       /* columns of a tile: then it is many positions long */
    IM2COL_BYTES = 512 << 10, /* of a tile: half of a common L2 */
    MIN_TILE = 64, MAX_TILE = 512,
    WANTED_TASKS = 24, MIN_CHUNK = 256, MIN_BLOCK = 256,
    COPIES_BYTES = 32 << 20,
    SUM_BLOCK = 4096 /* floats of dw that one task adds up */
};

static split split_of(const adi_conv2d_dims *d)
{
    const int64_t row = d->kw * d->c;
    split s = {.positions = d->n * d->oh * d->ow, .depth = d->kh * row};
    s.direct = adi_conv2d_is_pointwise_cpu(d);
    s.rows = row < WANTED_DEPTH ? adi_min(WANTED_DEPTH / row, d->kh) : 1;
    s.groups = adi_ceil_div(d->kh, s.rows);
    s.tile = IM2COL_BYTES / (s.rows * row * (int64_t)sizeof(float));
    s.tile = s.tile < MIN_TILE ? MIN_TILE : s.tile > MAX_TILE ? MAX_TILE : s.tile;
    const int64_t affordable = 1 + COPIES_BYTES / (s.depth * d->k * (int64_t)sizeof(float));
    s.chunks = adi_min(adi_ceil_div(WANTED_TASKS, s.groups), adi_ceil_div(s.positions, MIN_CHUNK));
    s.chunks = adi_min(s.chunks, affordable);
    s.chunk = adi_ceil_div(s.positions, s.chunks);
    s.chunks = adi_ceil_div(s.positions, s.chunk);
    s.blocks =
        adi_min(adi_ceil_div(WANTED_TASKS, s.chunks * s.groups), adi_ceil_div(d->k, MIN_BLOCK));
    s.block = adi_ceil_div(adi_ceil_div(d->k, s.blocks), 16) * 16;
    s.blocks = adi_ceil_div(d->k, s.block);
    return s;
}

static size_t copy_bytes(const split *s, const adi_conv2d_dims *d)
{
    return adi_whole_lines((size_t)(s->depth * d->k) * sizeof(float));
}

static size_t im2col_bytes(const split *s, const adi_conv2d_dims *d)
{
    return s->direct ? 0
                     : adi_whole_lines((size_t)(s->tile * s->rows * d->kw * d->c) * sizeof(float));
}

size_t adi_conv2d_bwd_weight_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads)
{
    if (adi_winograd_suits_cpu(d))
        return adi_winograd_wgrad_scratch_cpu(d, num_threads);
    const split s = split_of(d);
    return copy_bytes(&s, d) * (size_t)(s.chunks - 1) + im2col_bytes(&s, d) * (size_t)num_threads;
}

/* A part of a sum: kernel rows, output channels, positions. */
typedef struct task {
    int64_t ky0, ky1, k0, k1, p0, p1;
} task;

static task task_at(const split *s, const adi_conv2d_dims *d, int64_t i)
{
    const int64_t k0 = i % s->blocks * s->block, ky0 = i / s->blocks % s->groups * s->rows;
    const int64_t p0 = i / s->blocks / s->groups * s->chunk;
    return (task){ky0, adi_min(ky0 + s->rows, d->kh), k0, adi_min(k0 + s->block, d->k),
                  p0,  adi_min(p0 + s->chunk, s->positions)};
}

/* Sum a task's part of to[kh * kw * c, k]; `tile` is space for a tile of the im2col matrix. */
static void sum_task(float *to, float *tile, const float *x, const float *dy, const split *s,
                     const adi_conv2d_dims *d, const task *t)
{
    const int64_t depth = (t->ky1 - t->ky0) * d->kw * d->c;
    for (int64_t p = t->p0; p < t->p1; p += s->tile) {
        const int64_t end = adi_min(p + s->tile, t->p1);
        const float *a = x + p * d->c;
        if (!s->direct) {
            adi_im2col_cpu(tile, x, d, t->ky0, t->ky1, p, end);
            a = tile;
        }
        adi_sgemm_tn_cpu(depth, t->k1 - t->k0, end - p, a, depth, dy + p * d->k + t->k0, d->k,
                         p == t->p0 ? 0.0f : 1.0f, to + t->ky0 * d->kw * d->c * d->k + t->k0, d->k);
    }
}

typedef struct add_blocks_call {
    float *dw;
    const float *copies;
    int64_t count, stride, n;
} add_blocks_call;

static void add_blocks(void *call, adi_share share)
{
    const add_blocks_call *k = call;
    for (int64_t i0 = share.begin * SUM_BLOCK; i0 < share.end * SUM_BLOCK; i0 += SUM_BLOCK)
        for (int64_t j = 0; j < k->count; j++) {
            float *restrict to = k->dw + i0;
            const float *restrict from = k->copies + j * k->stride + i0;
            for (int64_t i = 0; i < adi_min(SUM_BLOCK, k->n - i0); i++)
                to[i] += from[i];
        }
}

static void add_copies(const adi_exec *ex, float *dw, const float *copies, int64_t count,
                       int64_t stride, int64_t n)
{
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(n, SUM_BLOCK), 0, add_blocks,
                     &(add_blocks_call){dw, copies, count, stride, n});
}

typedef struct sum_tasks_call {
    float *dw, *copies;
    const float *x, *dy;
    const adi_conv2d_dims *d;
    split s;
    int64_t copy_stride;
    char *tiles;
    size_t tile_stride;
} sum_tasks_call;

static void sum_tasks(void *call, adi_share share)
{
    const sum_tasks_call *k = call;
    const split s = k->s;
    for (int64_t i = share.begin; i < share.end; i++) {
        const task t = task_at(&s, k->d, i);
        float *to = t.p0 == 0 ? k->dw : k->copies + k->copy_stride * (t.p0 / s.chunk - 1);
        sum_task(to, (float *)(void *)(k->tiles + k->tile_stride * (size_t)share.thread), k->x,
                 k->dy, &s, k->d, &t);
    }
}

ad_status adi_conv2d_bwd_weight_cpu(const adi_exec *ex, float *dw, const float *x, const float *dy,
                                    const adi_conv2d_dims *d)
{
    if (adi_winograd_suits_cpu(d))
        return adi_winograd_bwd_weight_cpu(ex, dw, x, dy, d);
    if (adi_blas_ready_cpu() != AD_OK)
        return AD_ERR_OUT_OF_MEMORY;
    const split s = split_of(d);
    const int64_t copy_stride = (int64_t)(copy_bytes(&s, d) / sizeof(float));
    float *copies = ex->scratch;
    char *tiles = (char *)(copies + copy_stride * (s.chunks - 1));
    const size_t tile_stride = im2col_bytes(&s, d);
    adi_parallel_cpu(ex->num_threads, s.chunks * s.groups * s.blocks, 1, sum_tasks,
                     &(sum_tasks_call){dw, copies, x, dy, d, s, copy_stride, tiles, tile_stride});
    add_copies(ex, dw, copies, s.chunks - 1, copy_stride, s.depth * d->k);
    return AD_OK;
}
