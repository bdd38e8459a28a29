/* Winograd convolution: forward and data gradient. One thread transforms a block of tiles,
 * multiplies it at each point and transforms it back, while it is in cache. If there are few tiles
 * for the size of the filters, all threads share a block and its points instead, so that the
 * filters are read less often. Both the choice and the blocks follow from the shape alone; the bits
 * do not depend on them. */
#include "winograd_cpu.h"

enum {
    SMALL_BLOCK = 24, /* tiles: what is transformed stays in a common L2 */
    /* if the filters do not fit there either, so that they are read less often */
    LARGE_BLOCK = 96,
    SMALL_FILTERS = 128 * 128,
    MOST_PRIVATE = 64 * 64, /* filters that every thread has room for */
    SHARED_BYTES = 4 << 20, /* of the only block, where all threads share it */
    WIDE_FILTERS = 400 * 400, /* which are shared whatever the number of tiles */
    WIDE_BYTES = 64 << 20,  /* of a block then */
    SHARE = 4,              /* panels of it that a thread transforms at a time */
    MULTIPLIED = 16,        /* panels of results that a thread makes at a time */
    WANTED_BLOCKS = 8,      /* so that every thread has work */
    LEAST_TILES = 64,       /* to make up for the filters, which are transformed at each call */
    /* tiles of an image: with fewer, large tiles' filters take longer to read than to multiply */
    FEW_LARGE = 16,
    LEAST_SMALL = 16, /* and with fewer of these, small tiles' too */
    MAX_FILTERS = 2048 * 2048 /* whose transforms take 600 MB */
};

typedef struct blocking {
    int64_t tiles, block, blocks;
    int shared; /* a block is every thread's */
    adi_winograd_images in, out;
    adi_winograd_layout v, u, m; /* of the input, of the filters, of their products */
} blocking;

static blocking block(const adi_conv2d_dims *d, adi_winograd_form form)
{
    const int64_t outputs = adi_winograd_outputs(form);
    const int64_t points = adi_winograd_side(form) * adi_winograd_side(form);
    const int64_t rows = adi_ceil_div(d->oh, outputs), columns = adi_ceil_div(d->ow, outputs);
    blocking b = {.tiles = d->n * rows * columns};
    const int64_t most = d->c * d->k <= SMALL_FILTERS ? SMALL_BLOCK : LARGE_BLOCK;
    b.blocks = adi_ceil_div(b.tiles, most);
    if (b.blocks < WANTED_BLOCKS)
        b.blocks = adi_min(WANTED_BLOCKS, adi_ceil_div(b.tiles, SMALL_BLOCK));
    const int64_t bytes = b.tiles * (d->c + d->k) * points * (int64_t)sizeof(float);
    if (d->c * d->k > WIDE_FILTERS) {
        b.shared = 1;
        b.blocks = adi_ceil_div(bytes, WIDE_BYTES);
    } else if (d->c * d->k > MOST_PRIVATE && bytes <= SHARED_BYTES) {
        b.shared = 1;
        b.blocks = 1;
    }
    b.block = adi_ceil_div(b.tiles, b.blocks);
    b.blocks = adi_ceil_div(b.tiles, b.block);
    b.in = (adi_winograd_images){form, d->h, d->w, d->c, rows, columns, d->pad_top, d->pad_left};
    b.out = (adi_winograd_images){form, d->oh, d->ow, d->k, rows, columns, 0, 0};
    const int64_t filled = adi_ceil_div(b.block, ADI_WINOGRAD_TILES) * ADI_WINOGRAD_TILES;
    b.v = adi_winograd_layout_cpu(form, d->c, filled);
    b.m = adi_winograd_layout_cpu(form, d->k, filled);
    b.u = adi_winograd_layout_cpu(form, d->k, b.v.panels * ADI_LANES);
    return b;
}

static size_t scratch(const blocking *b, int32_t num_threads)
{
    return adi_winograd_bytes_cpu(&b->u) +
           (adi_winograd_bytes_cpu(&b->v) + adi_winograd_bytes_cpu(&b->m)) *
               (size_t)(b->shared ? 1 : num_threads);
}

/* Return the convolution of dy, with rotated filters, whose result is dx. */
static adi_conv2d_dims data_gradient_dims(const adi_conv2d_dims *d)
{
    return (adi_conv2d_dims){.n = d->n,
                             .h = d->oh,
                             .w = d->ow,
                             .c = d->k,
                             .oh = d->h,
                             .ow = d->w,
                             .k = d->c,
                             .kh = d->kh,
                             .kw = d->kw,
                             .stride = d->stride,
                             .pad_top = d->kh - 1 - d->pad_top,
                             .pad_left = d->kw - 1 - d->pad_left};
}

static adi_winograd_form large_of(const adi_conv2d_dims *d)
{
    return d->kh == 5 ? ADI_WINOGRAD_FIVE : ADI_WINOGRAD_LARGE;
}

/* Return the largest tiles that a shape allows, or ADI_WINOGRAD_NONE. */
static adi_winograd_form possible(const adi_conv2d_dims *d)
{
    const int32_t most = (d->kh - 1) / 2;
    if (d->kh != d->kw || d->stride != 1 || d->pad_top < 0 || d->pad_top > most ||
        d->pad_left < 0 || d->pad_left > most)
        return ADI_WINOGRAD_NONE;
    return d->kh == 3 || d->kh == 5 ? large_of(d) : ADI_WINOGRAD_NONE;
}

size_t adi_winograd_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads)
{
    const adi_conv2d_dims turned = data_gradient_dims(d);
    const blocking b = block(d, large_of(d)), back = block(&turned, large_of(d));
    const size_t fwd = scratch(&b, num_threads), bwd = scratch(&back, num_threads);
    return fwd > bwd ? fwd : bwd;
}

static int64_t tiles_of(const adi_conv2d_dims *d, adi_winograd_form form)
{
    return d->n * adi_ceil_div(d->oh, adi_winograd_outputs(form)) *
           adi_ceil_div(d->ow, adi_winograd_outputs(form));
}

/* Return whether at least half of the tiles' outputs exist. */
static int fits(const adi_conv2d_dims *d, adi_winograd_form form)
{
    const int64_t outputs = adi_winograd_outputs(form) * adi_winograd_outputs(form);
    return 2 * d->n * d->oh * d->ow >= outputs * tiles_of(d, form);
}

int adi_winograd_suits_cpu(const adi_conv2d_dims *d)
{
    const adi_winograd_form form = possible(d);
    return form && d->n > 1 && d->c >= 32 && d->k >= 32 && d->c * d->k <= MAX_FILTERS &&
           tiles_of(d, form) >= LEAST_TILES && fits(d, form);
}

/* Measured with 2 threads (AVX-512), large and small tiles, the nine taps themselves, in ms: 0.64,
 * 0.31, 0.61 for 8x8x256, 0.73, 0.60, 1.1 for 12x12x256, 0.79, 0.86, 1.4 for 16x16x256; 2.4, 1.24,
 * 1.27 for 6x6x512. */
adi_winograd_form adi_winograd_form_cpu(const adi_conv2d_dims *d, adi_winograd_form wanted)
{
    const adi_winograd_form form = possible(d);
    if (!form || wanted)
        return form == ADI_WINOGRAD_LARGE ? wanted : form == wanted ? form : ADI_WINOGRAD_NONE;
    if (d->c < ADI_LANES || d->k < ADI_LANES)
        return ADI_WINOGRAD_NONE;
    if (tiles_of(d, form) >= FEW_LARGE * d->n && fits(d, form))
        return form;
    const int64_t outputs = d->oh * d->ow, small = tiles_of(d, ADI_WINOGRAD_SMALL) / d->n;
    const int saves = 3 * 16 * small <= 2 * 9 * outputs; /* a third */
    return form == ADI_WINOGRAD_LARGE && small >= LEAST_SMALL && saves ? ADI_WINOGRAD_SMALL
                                                                       : ADI_WINOGRAD_NONE;
}

typedef struct filter_call {
    const adi_isa *isa;
    float *u;
    const float *w;
    int turned;
    int64_t c, k;
    const adi_winograd_layout *l;
} filter_call;

/* Transform some channels of the filters w[taps, taps, c, k] to u. */
static void transform_filters(void *call, adi_share s)
{
    const filter_call *k = call;
    for (int64_t i = s.begin; i < s.end; i++)
        k->isa->winograd.filter(k->u, k->l, k->w, k->c, k->k, k->turned, i * ADI_LANES);
}

/* Compute panels p0 .. p1 of the products at one point. */
static void multiply_point(const adi_isa *isa, float *m, const float *v, const float *u,
                           const blocking *b, int64_t z, int64_t tiles, int64_t p0, int64_t p1)
{
    adi_winograd_layout part = b->m;
    part.panels = p1 - p0;
    isa->winograd.multiply(m + z * b->m.point + p0 * b->m.rows * ADI_LANES, &part,
                           v + z * b->v.point, &b->v,
                           u + z * b->u.point + p0 * b->u.rows * ADI_LANES, &b->u, tiles);
}

typedef struct tiles_call {
    const adi_isa *isa;
    float *y, *v, *m; /* v and m of the first thread */
    const float *x, *u;
    const adi_epilogue *e;
    const blocking *b;
    int64_t t0, t1; /* a block that all threads share */
} tiles_call;

static void input_panels(void *call, adi_share s)
{
    const tiles_call *k = call;
    const blocking *b = k->b;
    k->isa->winograd.input(k->v, &b->v, k->x, &b->in, k->t0, k->t1, s.begin, s.end);
}

static void multiply_parts(void *call, adi_share s)
{
    const tiles_call *k = call;
    const int64_t panels = k->b->m.panels, parts = adi_ceil_div(panels, MULTIPLIED);
    for (int64_t i = s.begin; i < s.end; i++) {
        const int64_t p = i % parts * MULTIPLIED;
        multiply_point(k->isa, k->m, k->v, k->u, k->b, i / parts, k->t1 - k->t0, p,
                       adi_min(p + MULTIPLIED, panels));
    }
}

static void output_panels(void *call, adi_share s)
{
    const tiles_call *k = call;
    const blocking *b = k->b;
    k->isa->winograd.output(k->y, k->e, &b->out, k->m, &b->m, k->t0, k->t1, s.begin, s.end);
}

/* Run block after block, each on all threads. */
static void run_shared(int32_t threads, tiles_call *call)
{
    const blocking *b = call->b;
    const int64_t parts = adi_ceil_div(b->m.panels, MULTIPLIED);
    for (int64_t t0 = 0; t0 < b->tiles; t0 += b->block) {
        call->t0 = t0;
        call->t1 = adi_min(t0 + b->block, b->tiles);
        adi_parallel_cpu(threads, b->v.panels, SHARE, input_panels, call);
        adi_parallel_cpu(threads, b->u.points * parts, 1, multiply_parts, call);
        adi_parallel_cpu(threads, b->m.panels, SHARE, output_panels, call);
    }
}

/* Run blocks on one thread each, in its own part of the scratch. */
static void run_own(void *call, adi_share s)
{
    const tiles_call *k = call;
    const blocking *b = k->b;
    const size_t bytes = adi_winograd_bytes_cpu(&b->v) + adi_winograd_bytes_cpu(&b->m);
    float *v = (float *)(void *)((char *)k->v + bytes * (size_t)s.thread);
    float *m = (float *)(void *)((char *)v + adi_winograd_bytes_cpu(&b->v));
    for (int64_t i = s.begin; i < s.end; i++) {
        const int64_t t0 = i * b->block, t1 = adi_min(t0 + b->block, b->tiles);
        k->isa->winograd.input(v, &b->v, k->x, &b->in, t0, t1, 0, b->v.panels);
        for (int64_t z = 0; z < b->u.points; z++)
            multiply_point(k->isa, m, v, k->u, b, z, t1 - t0, 0, b->m.panels);
        k->isa->winograd.output(k->y, k->e, &b->out, m, &b->m, t0, t1, 0, b->m.panels);
    }
}

/* Run all blocks; `own` is where the threads' parts of the scratch begin. */
static void run_blocks(const adi_isa *isa, int32_t threads, void *own, float *y, const float *x,
                       const float *u, const adi_epilogue *e, const blocking *b)
{
    float *m = (float *)(void *)((char *)own + adi_winograd_bytes_cpu(&b->v));
    tiles_call call = {isa, y, own, m, x, u, e, b, 0, 0};
    if (b->shared)
        run_shared(threads, &call);
    else
        adi_parallel_cpu(threads, b->blocks, 1, run_own, &call);
}

static void convolve(const adi_isa *isa, const adi_exec *ex, float *y, const float *x,
                     const float *w, int turned, const adi_epilogue *e, const adi_conv2d_dims *d)
{
    const blocking b = block(d, large_of(d));
    float *u = ex->scratch;
    void *own = (char *)ex->scratch + adi_winograd_bytes_cpu(&b.u);
    const int64_t c = turned ? d->k : d->c, k = turned ? d->c : d->k;
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(c, ADI_LANES), 1, transform_filters,
                     &(filter_call){isa, u, w, turned, c, k, &b.u});
    run_blocks(isa, ex->num_threads, own, y, x, u, e, &b);
}

size_t adi_winograd_filter_bytes_cpu(const adi_conv2d_dims *d, adi_winograd_form form)
{
    const blocking b = block(d, form);
    return adi_winograd_bytes_cpu(&b.u);
}

size_t adi_winograd_packed_scratch_cpu(const adi_conv2d_dims *d, adi_winograd_form form,
                                       int32_t num_threads)
{
    const blocking b = block(d, form);
    return scratch(&b, num_threads) - adi_winograd_bytes_cpu(&b.u);
}

void adi_winograd_pack_cpu(const adi_isa *isa, float *packed, const float *w,
                           const adi_conv2d_dims *d, adi_winograd_form form)
{
    const blocking b = block(d, form);
    for (int64_t c0 = 0; c0 < d->c; c0 += ADI_LANES)
        isa->winograd.filter(packed, &b.u, w, d->c, d->k, 0, c0);
}

ad_status adi_winograd_packed_fwd_cpu(const adi_isa *isa, const adi_exec *ex, float *y,
                                      const float *x, const float *packed, const adi_epilogue *e,
                                      const adi_conv2d_dims *d, adi_winograd_form form)
{
    const blocking b = block(d, form);
    run_blocks(isa, ex->num_threads, ex->scratch, y, x, packed, e, &b);
    return AD_OK;
}

ad_status adi_winograd_fwd_with_cpu(const adi_isa *isa, const adi_exec *ex, float *y,
                                    const float *x, const float *w, const adi_epilogue *e,
                                    const adi_conv2d_dims *d)
{
    convolve(isa, ex, y, x, w, 0, e, d);
    return AD_OK;
}

ad_status adi_winograd_bwd_data_with_cpu(const adi_isa *isa, const adi_exec *ex, float *dx,
                                         const float *dy, const float *w, const adi_epilogue *e,
                                         const adi_conv2d_dims *d)
{
    const adi_conv2d_dims turned = data_gradient_dims(d);
    convolve(isa, ex, dx, dy, w, 1, e, &turned);
    return AD_OK;
}

ad_status adi_winograd_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                               const adi_epilogue *e, const adi_conv2d_dims *d)
{
    return adi_winograd_fwd_with_cpu(adi_isa_cpu(0), ex, y, x, w, e, d);
}

ad_status adi_winograd_bwd_data_cpu(const adi_exec *ex, float *dx, const float *dy, const float *w,
                                    const adi_epilogue *e, const adi_conv2d_dims *d)
{
    return adi_winograd_bwd_data_with_cpu(adi_isa_cpu(0), ex, dx, dy, w, e, d);
}
