/* conv2d as tiles of GEMM on OpenBLAS: a tile of positions is unfolded (or used in place, for 1x1 with
 * stride 1), multiplied with the HWIO weights, and finished by the epilogue while in cache. Where there
 * are few positions the output channels are tiled too, so that every thread has work. */
#include "cpu.h"

#include <string.h>

typedef struct tiling {
    int64_t positions, depth; /* rows and columns of the unfolded input */
    int64_t m, n;             /* tile: positions, output channels */
    int64_t m_tiles, n_tiles;
    int direct;               /* the input is its own unfolding */
} tiling;

enum {
    UNFOLD_BYTES = 512 << 10, /* of a tile: half of a common L2 */
    MIN_M = 48, MAX_M = 512,  /* below, packing the weights dominates; above, nothing is gained */
    MIN_N = 64, WANTED_TILES = 8
};

static tiling tile(const adi_conv2d_dims *d)
{
    tiling t = {.positions = d->n * d->oh * d->ow, .depth = (int64_t)d->kh * d->kw * d->c, .n = d->k};
    t.direct = d->kh == 1 && d->kw == 1 && d->stride == 1 && d->pad_top == 0 && d->pad_left == 0
               && d->oh == d->h && d->ow == d->w;
    t.m = UNFOLD_BYTES / (t.depth * (int64_t)sizeof(float));
    t.m = t.m < MIN_M ? MIN_M : t.m > MAX_M ? MAX_M : t.m;
    t.m_tiles = adi_ceil_div(t.positions, t.m);
    if (t.m_tiles < WANTED_TILES) { /* split evenly, but not below MIN_M */
        t.m = adi_ceil_div(t.positions, adi_min(WANTED_TILES, adi_ceil_div(t.positions, MIN_M)));
        t.m_tiles = adi_ceil_div(t.positions, t.m);
    }
    t.n_tiles = 1;
    if (t.m_tiles < WANTED_TILES) {
        const int64_t wanted = adi_min(adi_ceil_div(WANTED_TILES, t.m_tiles), adi_ceil_div(d->k, MIN_N));
        t.n = adi_ceil_div(adi_ceil_div(d->k, wanted), 16) * 16;
        t.n_tiles = adi_ceil_div(d->k, t.n);
    }
    return t;
}

/* Bytes of one thread's unfolded tile, kept apart by whole cache lines. */
static size_t unfold_bytes(const tiling *t)
{
    return t->direct ? 0 : ((size_t)(t->m * t->depth) * sizeof(float) + 63) / 64 * 64;
}

size_t adi_conv2d_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads)
{
    const tiling t = tile(d);
    return unfold_bytes(&t) * (size_t)num_threads;
}

/* Row p of the unfolded input: kh * kw * c values, zeros outside the image. */
static void unfold_position(float *restrict row, const float *restrict x, const adi_conv2d_dims *d,
                            int64_t p)
{
    const int64_t ox = p % d->ow, oy = p / d->ow % d->oh, n = p / d->ow / d->oh;
    const int64_t x0 = ox * d->stride - d->pad_left;
    const int64_t kx0 = x0 < 0 ? -x0 : 0;
    const int64_t kx1 = adi_min(d->kw, d->w - x0);
    const size_t channel_bytes = (size_t)d->c * sizeof(float);
    for (int64_t ky = 0; ky < d->kh; ky++, row += d->kw * d->c) {
        const int64_t iy = oy * d->stride + ky - d->pad_top;
        if (iy < 0 || iy >= d->h || kx0 >= kx1) {
            memset(row, 0, (size_t)d->kw * channel_bytes);
            continue;
        }
        const float *from = x + ((n * d->h + iy) * d->w + x0 + kx0) * d->c;
        memset(row, 0, (size_t)kx0 * channel_bytes);
        memcpy(row + kx0 * d->c, from, (size_t)(kx1 - kx0) * channel_bytes);
        memset(row + kx1 * d->c, 0, (size_t)(d->kw - kx1) * channel_bytes);
    }
}

ad_status adi_conv2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                             const adi_epilogue *e, const adi_conv2d_dims *d)
{
    const tiling t = tile(d);
    const size_t stride = unfold_bytes(&t);
#pragma omp parallel for num_threads(ex->num_threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < t.m_tiles * t.n_tiles; i++) {
        const int64_t p0 = i / t.n_tiles * t.m, p1 = adi_min(p0 + t.m, t.positions);
        const int64_t k0 = i % t.n_tiles * t.n, k1 = adi_min(k0 + t.n, d->k);
        const float *a = x + p0 * d->c;
        if (!t.direct) {
            float *unfolded = (float *)(void *)((char *)ex->scratch
                                                + stride * (size_t)adi_thread_index());
            for (int64_t p = p0; p < p1; p++)
                unfold_position(unfolded + (p - p0) * t.depth, x, d, p);
            a = unfolded;
        }
        adi_sgemm_cpu(p1 - p0, k1 - k0, t.depth, a, t.depth, w + k0, d->k, y + p0 * d->k + k0, d->k);
        adi_epilogue_cpu(y, e, d->k, p0, p1, k0, k1);
    }
    return AD_OK;
}
