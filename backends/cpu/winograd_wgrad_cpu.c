/* Winograd weight gradient. Threads transform a chunk of tiles; then the sums, point by point and
 * panel by panel, take in the chunk's tiles in order. So there is one set of sums, and its bits do
 * not depend on the number of threads. */
#include <string.h>

#include "winograd_cpu.h"

enum {
    CHUNK = 96, /* tiles: as many as leave the panels that are multiplied in the nearest cache */
    SHARE = ADI_WINOGRAD_TILES, /* tiles that one thread transforms at a time */
    PAIR = 2                    /* panels of sums at a time */
};

typedef struct chunking {
    int64_t tiles, chunk;
    adi_winograd_images x, dy;
    adi_winograd_layout v, g, s; /* of x, of dy, of the sums */
} chunking;

static chunking chunk(const adi_conv2d_dims *d)
{
    const adi_winograd_form form = d->kh == 5 ? ADI_WINOGRAD_FIVE : ADI_WINOGRAD_LARGE;
    const int64_t outputs = adi_winograd_outputs(form);
    const int64_t rows = adi_ceil_div(d->oh, outputs), columns = adi_ceil_div(d->ow, outputs);
    chunking k = {.tiles = d->n * rows * columns};
    k.chunk = adi_min(CHUNK, adi_ceil_div(k.tiles, SHARE) * SHARE);
    k.x = (adi_winograd_images){form, d->h, d->w, d->c, rows, columns, d->pad_top, d->pad_left};
    k.dy = (adi_winograd_images){form, d->oh, d->ow, d->k, rows, columns, 0, 0};
    k.v = adi_winograd_layout_cpu(form, d->c, k.chunk);
    k.g = adi_winograd_layout_cpu(form, d->k, k.chunk);
    k.s = adi_winograd_layout_cpu(form, d->k, k.v.panels * ADI_LANES);
    return k;
}

size_t adi_winograd_wgrad_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads)
{
    (void)num_threads; /* all work on one chunk */
    const chunking k = chunk(d);
    return adi_winograd_bytes_cpu(&k.s) + adi_winograd_bytes_cpu(&k.v) +
           adi_winograd_bytes_cpu(&k.g);
}

typedef struct wgrad_call {
    const adi_isa *isa;
    const chunking *k;
    float *dw, *s, *v, *g;
    const float *x, *dy;
    const adi_conv2d_dims *d;
    int64_t t0, t1; /* the chunk */
} wgrad_call;

static void clear_sums(void *call, adi_share part)
{
    const wgrad_call *w = call;
    const int64_t point = w->k->s.point;
    memset(w->s + part.begin * point, 0, (size_t)((part.end - part.begin) * point) * sizeof *w->s);
}

static void transform_tiles(void *call, adi_share part)
{
    const wgrad_call *w = call;
    const chunking *k = w->k;
    for (int64_t first = part.begin; first < part.end; first += SHARE) {
        const int64_t t = w->t0 + first, end = adi_min(t + SHARE, w->t1);
        w->isa->winograd.input(w->v + first * ADI_LANES, &k->v, w->x, &k->x, t, end, 0,
                               k->v.panels);
        w->isa->winograd.gradient(w->g + first * ADI_LANES, &k->g, w->dy, &k->dy, t, end);
    }
}

static void accumulate(void *call, adi_share part)
{
    const wgrad_call *w = call;
    const chunking *k = w->k;
    const int64_t pairs = adi_ceil_div(k->s.panels, PAIR);
    for (int64_t i = part.begin; i < part.end; i++) {
        const int64_t z = i / pairs, p = i % pairs * PAIR;
        w->isa->winograd.accumulate(w->s + z * k->s.point, &k->s, w->v + z * k->v.point, &k->v,
                                    w->g + z * k->g.point, &k->g, w->t1 - w->t0, p,
                                    adi_min(p + PAIR, k->s.panels));
    }
}

static void transform_sums(void *call, adi_share part)
{
    const wgrad_call *w = call;
    for (int64_t row = part.begin; row < part.end; row++)
        w->isa->winograd.filter_bwd(w->dw, w->d->c, w->d->k, w->s, &w->k->s, row);
}

ad_status adi_winograd_bwd_weight_with_cpu(const adi_isa *isa, const adi_exec *ex,
                                           float *dw, const float *x, const float *dy,
                                           const adi_conv2d_dims *d)
{
    const chunking k = chunk(d);
    float *s = ex->scratch, *v = s + k.s.points * k.s.point, *g = v + k.v.points * k.v.point;
    wgrad_call call = {isa, &k, dw, s, v, g, x, dy, d, 0, 0};
    const int32_t threads = ex->num_threads;
    adi_parallel_cpu(threads, k.s.points, 0, clear_sums, &call);
    for (int64_t t0 = 0; t0 < k.tiles; t0 += k.chunk) {
        call.t0 = t0;
        call.t1 = adi_min(t0 + k.chunk, k.tiles);
        adi_parallel_cpu(threads, call.t1 - t0, SHARE, transform_tiles, &call);
        adi_parallel_cpu(threads, k.s.points * adi_ceil_div(k.s.panels, PAIR), 1, accumulate,
                         &call);
    }
    adi_parallel_cpu(threads, d->c, 4, transform_sums, &call);
    return AD_OK;
}

ad_status adi_winograd_bwd_weight_cpu(const adi_exec *ex, float *dw, const float *x,
                                      const float *dy, const adi_conv2d_dims *d)
{
    return adi_winograd_bwd_weight_with_cpu(adi_isa_cpu(0), ex, dw, x, dy, d);
}
