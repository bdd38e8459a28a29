/* conv2d, gradient by its input. The positions of dx fall into stride x stride phases by their
 * remainder modulo the stride, and a phase sees every stride-th row and column of the kernel. So a
 * phase is a convolution of dy with stride 1 and those taps, rotated by 180 degrees and transposed,
 * whose results go to every stride-th position of dx. With stride 1 there is one phase. */
#include "cpu.h"

enum { BLOCK = 16 }; /* floats of a cache line: weights are transposed in squares of it */

/* One direction of a phase. The taps are first, first + stride, ...; there may be none. */
typedef struct axis {
    int64_t positions; /* of dx in this phase */
    int32_t first, taps, pad;
} axis;

typedef struct phase {
    adi_conv2d_dims d;
    adi_conv2d_layout at;
    int32_t ky, kx; /* the first taps */
} phase;

static axis phase_axis(int64_t in, int32_t kernel, int32_t stride, int32_t pad, int32_t index)
{
    axis a = {.positions = in > index ? adi_ceil_div(in - index, stride) : 0,
              .first = (index + pad) % stride};
    a.taps = a.first < kernel ? (kernel - a.first + stride - 1) / stride : 0;
    a.pad = a.taps - 1 - (index + pad) / stride;
    return a;
}

static phase phase_of(const adi_conv2d_dims *d, int32_t i)
{
    const int32_t top = i / d->stride, left = i % d->stride;
    const axis y = phase_axis(d->h, d->kh, d->stride, d->pad_top, top);
    const axis x = phase_axis(d->w, d->kw, d->stride, d->pad_left, left);
    phase p = {.at = {d->h, d->w, top, left, d->stride}, .ky = y.first, .kx = x.first};
    p.d = (adi_conv2d_dims){.n = d->n, .h = d->oh, .w = d->ow, .c = d->k, .k = d->c, .stride = 1};
    p.d.oh = y.positions;
    p.d.ow = x.positions;
    p.d.kh = y.taps;
    p.d.kw = x.taps;
    p.d.pad_top = y.pad;
    p.d.pad_left = x.pad;
    return p;
}

static size_t packed_bytes(const phase *p)
{
    return adi_whole_lines((size_t)(p->d.kh * p->d.kw * p->d.c * p->d.k) * sizeof(float));
}

size_t adi_conv2d_bwd_data_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads)
{
    if (adi_winograd_suits_cpu(d))
        return adi_winograd_scratch_cpu(d, num_threads);
    size_t most = 0;
    for (int32_t i = 0; i < d->stride * d->stride; i++) {
        const phase p = phase_of(d, i);
        if (p.d.oh * p.d.ow == 0)
            continue;
        const size_t bytes =
            packed_bytes(&p) + adi_conv2d_layout_scratch_cpu(&p.d, &p.at, num_threads);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* Transpose from[c, k] to rows k0 .. k1 of to[k, c]. */
static void transpose(float *restrict to, const float *restrict from, int64_t c, int64_t k,
                      int64_t k0, int64_t k1)
{
    for (int64_t c0 = 0; c0 < c; c0 += BLOCK)
        for (int64_t i = k0; i < k1; i++)
            for (int64_t j = c0; j < adi_min(c0 + BLOCK, c); j++)
                to[i * c + j] = from[j * k + i];
}

typedef struct pack_blocks_call {
    float *packed;
    const float *w;
    const phase *p;
    const adi_conv2d_dims *d;
    int64_t taps, blocks;
} pack_blocks_call;

static void pack_blocks(void *call, adi_share s)
{
    const pack_blocks_call *k = call;
    const phase *p = k->p;
    const adi_conv2d_dims *d = k->d;
    const int64_t blocks = k->blocks;
    for (int64_t i = s.begin; i < s.end; i++) {
        const int64_t tap = k->taps - 1 - i / blocks, k0 = i % blocks * BLOCK;
        const int64_t ky = p->ky + tap / p->d.kw * d->stride,
                      kx = p->kx + tap % p->d.kw * d->stride;
        transpose(k->packed + i / blocks * d->c * d->k, k->w + (ky * d->kw + kx) * d->c * d->k,
                  d->c, d->k, k0, adi_min(k0 + BLOCK, d->k));
    }
}

static void pack(const adi_exec *ex, float *packed, const float *w, const phase *p,
                 const adi_conv2d_dims *d)
{
    const int64_t taps = (int64_t)p->d.kh * p->d.kw, blocks = adi_ceil_div(d->k, BLOCK);
    adi_parallel_cpu(ex->num_threads, taps * blocks, 0, pack_blocks,
                     &(pack_blocks_call){packed, w, p, d, taps, blocks});
}

ad_status adi_conv2d_bwd_data_cpu(const adi_exec *ex, float *dx, const float *dy, const float *w,
                                  const adi_epilogue *e, const adi_conv2d_dims *d)
{
    if (adi_winograd_suits_cpu(d))
        return adi_winograd_bwd_data_cpu(ex, dx, dy, w, e, d);
    for (int32_t i = 0; i < d->stride * d->stride; i++) {
        const phase p = phase_of(d, i);
        if (p.d.oh * p.d.ow == 0)
            continue;
        float *packed = ex->scratch;
        pack(ex, packed, w, &p, d);
        const adi_exec rest = {ex->num_threads, (char *)ex->scratch + packed_bytes(&p), ex->queue};
        const ad_status status = adi_conv2d_layout_fwd_cpu(&rest, dx, dy, packed, e, &p.d, &p.at);
        if (status != AD_OK)
            return status;
    }
    return AD_OK;
}
