/* conv2d as im2col and GEMM, by tiles, on OpenBLAS: a tile of positions is turned into rows of the
 * im2col matrix (for 1x1 with stride 1 the input is that matrix), multiplied by the HWIO weights,
 * and finished by the epilogue while in cache. If there are few positions, the output channels are
 * tiled too, so that every thread has work. */
#include "blas_cpu.h"
#include "cpu.h"

#include <string.h>

typedef struct tiling {
    int64_t positions, depth; /* rows and columns of the im2col matrix */
    int64_t m, n;             /* tile: positions, output channels */
    int64_t m_tiles, n_tiles;
    int direct;               /* the input is its own im2col matrix */
} tiling;

enum {
    IM2COL_BYTES = 512 << 10,  /* of a tile: half of a common L2 */
    GOOD_M = 128, MAX_M = 512, /* below, packing the weights takes time; above, nothing is gained */
    MIN_M = 48,                /* below, it dominates: few positions are not split further */
    MIN_N = 64, WANTED_TILES = 8
};

static tiling tile(const adi_conv2d_dims *d)
{
    tiling t = {
        .positions = d->n * d->oh * d->ow, .depth = (int64_t)d->kh * d->kw * d->c, .n = d->k};
    t.direct = adi_conv2d_is_pointwise_cpu(d);
    t.m = t.depth ? IM2COL_BYTES / (t.depth * (int64_t)sizeof(float)) : MAX_M;
    t.m = t.m < GOOD_M ? GOOD_M : t.m > MAX_M ? MAX_M : t.m;
    t.m_tiles = adi_ceil_div(t.positions, t.m);
    if (t.m_tiles < WANTED_TILES) { /* split evenly, but not below MIN_M */
        t.m = adi_ceil_div(t.positions, adi_min(WANTED_TILES, adi_ceil_div(t.positions, MIN_M)));
        t.m_tiles = adi_ceil_div(t.positions, t.m);
    }
    t.n_tiles = 1;
    if (t.m_tiles < WANTED_TILES) {
        const int64_t wanted =
            adi_min(adi_ceil_div(WANTED_TILES, t.m_tiles), adi_ceil_div(d->k, MIN_N));
        t.n = adi_ceil_div(adi_ceil_div(d->k, wanted), 16) * 16;
        t.n_tiles = adi_ceil_div(d->k, t.n);
    }
    return t;
}

static size_t im2col_bytes(const tiling *t)
{
    return t->direct ? 0 : adi_whole_lines((size_t)(t->m * t->depth) * sizeof(float));
}

/* One thread's scratch: its tile of the im2col matrix, and the tile's result unless that is y. */
static size_t tile_bytes(const tiling *t, const adi_conv2d_dims *d, const adi_conv2d_layout *at)
{
    const size_t result =
        adi_conv2d_is_dense_cpu(d, at) ? 0 : adi_whole_lines((size_t)(t->m * t->n) * sizeof(float));
    return im2col_bytes(t) + result;
}

size_t adi_conv2d_blas_scratch_cpu(const adi_conv2d_dims *d, const adi_conv2d_layout *at,
                                     int32_t num_threads)
{
    const tiling t = tile(d);
    return tile_bytes(&t, d, at) * (size_t)num_threads;
}

/* Write channels k0 .. k1 of result positions p0 .. p1 to their places in y. */
static void scatter(float *y, const float *rows, int64_t row_stride, const adi_epilogue *e,
                    const adi_conv2d_dims *d, const adi_conv2d_layout *at, int64_t p0, int64_t p1,
                    int64_t k0, int64_t k1)
{
    for (int64_t p = p0; p < p1;) {
        const adi_conv2d_run r = adi_conv2d_run_cpu(d, p, p1);
        int64_t to = (r.n * at->h + at->top + r.oy * at->step) * at->w + at->left + r.ox * at->step;
        for (int64_t i = 0; i < r.count; i++, to += at->step, rows += row_stride) {
            memcpy(y + to * d->k + k0, rows, (size_t)(k1 - k0) * sizeof *y);
            adi_epilogue_cpu(y, e, d->k, to, to + 1, k0, k1);
        }
        p += r.count;
    }
}

typedef struct run_tiles_call {
    const adi_exec *ex;
    float *y;
    const float *x, *w;
    const adi_epilogue *e;
    const adi_conv2d_dims *d;
    const adi_conv2d_layout *at;
    tiling t;
    size_t stride;
    int dense;
} run_tiles_call;

static void run_tiles(void *call, adi_share s)
{
    const run_tiles_call *k = call;
    float *y = k->y;
    const adi_conv2d_dims *d = k->d;
    const tiling t = k->t;
    const int dense = k->dense;
    for (int64_t i = s.begin; i < s.end; i++) {
        const int64_t p0 = i / t.n_tiles * t.m, p1 = adi_min(p0 + t.m, t.positions);
        const int64_t k0 = i % t.n_tiles * t.n, k1 = adi_min(k0 + t.n, d->k);
        char *own = (char *)k->ex->scratch + k->stride * (size_t)s.thread;
        const float *a = k->x + p0 * d->c;
        if (!t.direct) {
            adi_im2col_cpu((float *)(void *)own, k->x, d, 0, d->kh, p0, p1);
            a = (const float *)(const void *)own;
        }
        float *out = dense ? y + p0 * d->k + k0 : (float *)(void *)(own + im2col_bytes(&t));
        const int64_t out_stride = dense ? d->k : t.n;
        if (t.depth > 0)
            adi_sgemm_cpu(p1 - p0, k1 - k0, t.depth, a, t.depth, k->w + k0, d->k, out, out_stride);
        else /* no taps: a k->stride, hence not in place */
            memset(out, 0, (size_t)((p1 - p0) * t.n) * sizeof *out);
        if (dense)
            adi_epilogue_cpu(y, k->e, d->k, p0, p1, k0, k1);
        else
            scatter(y, out, out_stride, k->e, d, k->at, p0, p1, k0, k1);
    }
}

ad_status adi_conv2d_blas_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                               const adi_epilogue *e, const adi_conv2d_dims *d,
                               const adi_conv2d_layout *at)
{
    if (adi_blas_ready_cpu() != AD_OK)
        return AD_ERR_OUT_OF_MEMORY;
    const tiling t = tile(d);
    const size_t stride = tile_bytes(&t, d, at);
    const int dense = adi_conv2d_is_dense_cpu(d, at);
    adi_parallel_cpu(ex->num_threads, t.m_tiles * t.n_tiles, 1, run_tiles,
                     &(run_tiles_call){ex, y, x, w, e, d, at, t, stride, dense});
    return AD_OK;
}
