/* Winograd weight gradient. A chunk of tiles at a time is transformed, each tile by some thread;
 * then the sums, point by point and panel by panel, take in the chunk's tiles in their order. So
 * there is one set of sums, and its bits do not depend on the number of threads. */
#include <string.h>

#include "isa_cpu.h"

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

ad_status adi_winograd_bwd_weight_with_cpu(const adi_isa *isa, const adi_exec *ex,
                                           float *dw, const float *x, const float *dy,
                                           const adi_conv2d_dims *d)
{
    const chunking k = chunk(d);
    float *s = ex->scratch, *v = s + k.s.points * k.s.point, *g = v + k.v.points * k.v.point;
    const int64_t pairs = adi_ceil_div(k.s.panels, PAIR);
#pragma omp parallel num_threads(ex->num_threads)
    {
#pragma omp for schedule(static)
        for (int64_t z = 0; z < k.s.points; z++)
            memset(s + z * k.s.point, 0, (size_t)k.s.point * sizeof *s);
        for (int64_t t0 = 0; t0 < k.tiles; t0 += k.chunk) {
            const int64_t t1 = adi_min(t0 + k.chunk, k.tiles);
#pragma omp for schedule(dynamic, 1)
            for (int64_t t = t0; t < t1; t += SHARE) {
                const int64_t first = (t - t0) * ADI_LANES, end = adi_min(t + SHARE, t1);
                isa->winograd.input(v + first, &k.v, x, &k.x, t, end, 0, k.v.panels);
                isa->winograd.gradient(g + first, &k.g, dy, &k.dy, t, end);
            }
#pragma omp for schedule(dynamic, 1)
            for (int64_t i = 0; i < k.s.points * pairs; i++) {
                const int64_t z = i / pairs, p = i % pairs * PAIR;
                isa->winograd.accumulate(s + z * k.s.point, &k.s, v + z * k.v.point, &k.v, g + z * k.g.point,
                                &k.g, t1 - t0, p, adi_min(p + PAIR, k.s.panels));
            }
        }
#pragma omp for schedule(dynamic, 4)
        for (int64_t row = 0; row < d->c; row++)
            isa->winograd.filter_bwd(dw, d->c, d->k, s, &k.s, row);
    }
    return AD_OK;
}

ad_status adi_winograd_bwd_weight_cpu(const adi_exec *ex, float *dw, const float *x,
                                      const float *dy, const adi_conv2d_dims *d)
{
    return adi_winograd_bwd_weight_with_cpu(adi_isa_cpu(0), ex, dw, x, dy, d);
}
