/* A pointwise convolution and the depthwise one that alone reads it, as in MBConv blocks. The wide
 * tensor between the two is computed a few rows and channels at a time and never leaves the cache.
 * A task is a strip of output rows and some channels; a ring buffer holds the rows that the
 * depthwise kernel reads. */
#include "isa_cpu.h"

enum {
    CHANNELS = 2 * ADI_LANES, /* at a time: whole panels of every instruction set */
    POSITIONS = 48,           /* of a product, at least */
    PART_OF_DEPTH = 256,      /* of the pointwise filters at a time */
    WANTED_TASKS = 8,         /* so that every thread has work */
    LEAST_SHARE = 8           /* rows to each one that is made twice, where strips meet */
};

typedef struct strips {
    int64_t rows, strips, channel_groups;
} strips;

static strips cut(const adi_conv2d_dims *d)
{
    strips s = {.channel_groups = adi_ceil_div(d->c, CHANNELS)};
    const int64_t wanted = adi_ceil_div(WANTED_TASKS, d->n * s.channel_groups);
    const int64_t twice = d->kh - d->stride;
    int64_t most = twice > 0 ? d->oh * d->stride / (LEAST_SHARE * twice) : d->oh;
    most = most < 1 ? 1 : most;
    s.rows = adi_ceil_div(d->oh, adi_min(wanted, most));
    s.strips = adi_ceil_div(d->oh, s.rows);
    return s;
}

/* Return the rows of the wide tensor that one product computes; short rows are joined. */
static int64_t rows_at_once(const adi_conv2d_dims *d)
{
    return adi_ceil_div(POSITIONS, d->w);
}

/* Return the rows of the ring: those that the kernel reads, and those of the next products. */
static int64_t ring_rows(const adi_conv2d_dims *d)
{
    const int64_t once = rows_at_once(d);
    return adi_ceil_div(d->kh + once - 1, once) * once;
}

static size_t ring_bytes(const adi_conv2d_dims *d)
{
    return adi_whole_lines((size_t)(ring_rows(d) * d->w * CHANNELS) * sizeof(float));
}

int adi_expand_dw_suits_cpu(const adi_conv2d_dims *first, const adi_conv2d_dims *d,
                            adi_conv2d_algorithm wanted)
{
    return adi_conv2d_is_pointwise_cpu(first) && d->kh <= ADI_DEPTHWISE_ROWS &&
           d->stride <= d->kh && adi_conv2d_choose_cpu(first, wanted) == ADI_CONV2D_PANELS;
}

size_t adi_expand_dw_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads)
{
    return ring_bytes(d) * (size_t)num_threads;
}

/* Compute channels k0 .. k0 + channels of some positions of the wide tensor. */
static void expand(const adi_isa *isa, float *to, const float *x, int64_t positions,
                   const adi_expansion *first, int64_t k0, int64_t channels)
{
    const adi_conv2d_dims *d = &first->d;
    adi_panel_gemm g = {
        .rows = positions,
        .columns = channels,
        .pieces = 1,
        .y = to,
        .a_row = d->c,
        .b_panel = d->c * ADI_LANES,
        .y_row = CHANNELS,
        .e = {first->bias ? first->bias + k0 : NULL, NULL, first->act, NULL},
    };
    const int64_t parts = d->c < PART_OF_DEPTH ? 1 : (d->c + PART_OF_DEPTH / 2) / PART_OF_DEPTH;
    for (int64_t part = 0; part < parts; part++) {
        const int64_t from = d->c * part / parts;
        g.depth = d->c * (part + 1) / parts - from;
        g.a = x + from;
        g.b = (const float *)first->packed + k0 * d->c + from * ADI_LANES;
        g.first = from == 0;
        g.last = from + g.depth == d->c;
        isa->panel_gemm(&g);
    }
}

/* Compute rows r0 .. r1 of one image's result, channels from k0 on. */
static void run_strip(const adi_isa *isa, float *ring, float *y, const float *x,
                      const adi_expansion *first, const float *w, const adi_epilogue *e,
                      const adi_conv2d_dims *d, int64_t n, int64_t r0, int64_t r1, int64_t k0)
{
    const int64_t channels = adi_min(CHANNELS, d->c - k0), slot = d->w * CHANNELS;
    const float *image = x + n * d->h * d->w * first->d.c;
    const int64_t once = rows_at_once(d), room = ring_rows(d), before = r0 * d->stride - d->pad_top;
    const int64_t begin = before > 0 ? before : 0;
    const int64_t end = adi_min((r1 - 1) * d->stride - d->pad_top + d->kh, d->h);
    /* the first row that is not computed yet; the ring holds rows from `begin` on */
    int64_t next = begin;
    for (int64_t oy = r0; oy < r1; oy++) {
        const int64_t top = oy * d->stride - d->pad_top;
        const float *rows[ADI_DEPTHWISE_ROWS];
        for (; next < adi_min(top + d->kh, d->h); next += once)
            expand(isa, ring + (next - begin) % room * slot, image + next * d->w * first->d.c,
                   adi_min(once, end - next) * d->w, first, k0, channels);
        for (int64_t ky = 0; ky < d->kh; ky++)
            rows[ky] =
                top + ky >= 0 && top + ky < d->h ? ring + (top + ky - begin) % room * slot : NULL;
        const adi_depthwise_row g =
            adi_depthwise_row_cpu(d, rows, y, w, e, n, oy, k0, channels, CHANNELS);
        isa->depthwise_row(&g);
    }
}

typedef struct run_strips_call {
    const adi_exec *ex;
    const adi_isa *isa;
    float *y;
    const float *x, *w;
    const adi_expansion *first;
    const adi_epilogue *e;
    const adi_conv2d_dims *d;
    strips s;
} run_strips_call;

static void run_strips(void *call, adi_share share)
{
    const run_strips_call *k = call;
    const adi_conv2d_dims *d = k->d;
    const strips s = k->s;
    for (int64_t i = share.begin; i < share.end; i++) {
        float *ring =
            (float *)(void *)((char *)k->ex->scratch + ring_bytes(d) * (size_t)share.thread);
        const int64_t strip = i / s.channel_groups % s.strips, n = i / s.channel_groups / s.strips;
        run_strip(k->isa, ring, k->y, k->x, k->first, k->w, k->e, d, n, strip * s.rows,
                  adi_min((strip + 1) * s.rows, d->oh), i % s.channel_groups * CHANNELS);
    }
}

ad_status adi_expand_dw_with_cpu(const adi_isa *isa, const adi_exec *ex, float *y, const float *x,
                                 const adi_expansion *first, const float *w, const adi_epilogue *e,
                                 const adi_conv2d_dims *d)
{
    const strips s = cut(d);
    adi_parallel_cpu(ex->num_threads, d->n * s.strips * s.channel_groups, 1, run_strips,
                     &(run_strips_call){ex, isa, y, x, w, first, e, d, s});
    return AD_OK;
}

ad_status adi_expand_dw_fwd_cpu(const adi_exec *ex, float *y, const float *x,
                                const adi_expansion *first, const float *w, const adi_epilogue *e,
                                const adi_conv2d_dims *d)
{
    return adi_expand_dw_with_cpu(adi_isa_cpu(0), ex, y, x, first, w, e, d);
}
