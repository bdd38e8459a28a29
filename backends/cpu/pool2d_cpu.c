/* maxpool2d: forward, a task is an output row; backward, where windows overlap, an image and a
 * block of channels. Vectors run over channels. */
#include "isa_cpu.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 64 }; /* channels: four cache lines */

/* A window, clipped to the image. */
typedef struct window {
    int64_t top, bottom, left, right;
} window;

static window window_at(const adi_pool2d_dims *d, int64_t oy, int64_t ox)
{
    const int64_t top = oy * d->stride - d->pad_top, left = ox * d->stride - d->pad_left;
    return (window){top < 0 ? 0 : top, adi_min(top + d->k, d->h), left < 0 ? 0 : left,
                    adi_min(left + d->k, d->w)};
}

typedef struct maximum_rows_call {
    float *y;
    const float *x;
    const adi_pool2d_dims *d;
    const adi_isa *isa;
} maximum_rows_call;

static void maximum_rows(void *call, adi_share s)
{
    const maximum_rows_call *k = call;
    const adi_pool2d_dims *d = k->d;
    for (int64_t row = s.begin; row < s.end; row++)
        for (int64_t ox = 0; ox < d->ow; ox++) {
            const window w = window_at(d, row % d->oh, ox);
            const int64_t from = (row / d->oh * d->h + w.top) * d->w + w.left;
            k->isa->window_maximum(k->y + (row * d->ow + ox) * d->c, k->x + from * d->c, d->c,
                                   w.bottom - w.top, w.right - w.left, d->w * d->c, d->c);
        }
}

ad_status adi_maxpool2d_fwd_cpu(const adi_exec *ex, float *y, const float *x,
                                const adi_pool2d_dims *d)
{
    const adi_isa *isa = adi_isa_cpu(0);
    adi_parallel_cpu(ex->num_threads, d->n * d->oh, 0, maximum_rows,
                     &(maximum_rows_call){y, x, d, isa});
    return AD_OK;
}

/* The maximum so far and the position it is at; NaN counts as greater, as in forward. */
static void take(float *restrict best, int32_t *restrict winner, const float *restrict x,
                 int32_t at, int64_t c)
{
    for (int64_t i = 0; i < c; i++) {
        const int greater = (x[i] > best[i]) | (x[i] != x[i]);
        best[i] = greater ? x[i] : best[i];
        winner[i] = greater ? at : winner[i];
    }
}

static void give(float *restrict dx, const float *restrict dy, const int32_t *restrict winner,
                 int32_t at, int64_t c)
{
    for (int64_t i = 0; i < c; i++) {
        const float g = dy[i]; /* read in any case, so that the loop vectorises */
        dx[i] += winner[i] == at ? g : 0.0f;
    }
}

/* Backward of c channels of one window of the image x; positions lie `stride` apart. */
static void window_bwd(float *dx, const float *dy, const float *x, const window *v, int64_t w,
                       int64_t stride, int64_t c)
{
    float best[BLOCK];
    int32_t winner[BLOCK], at = 0;
    for (int64_t i = 0; i < c; i++) {
        best[i] = -INFINITY;
        winner[i] = 0; /* also where nothing is greater */
    }
    for (int64_t iy = v->top; iy < v->bottom; iy++)
        for (int64_t ix = v->left; ix < v->right; ix++)
            take(best, winner, x + (iy * w + ix) * stride, at++, c);
    at = 0;
    for (int64_t iy = v->top; iy < v->bottom; iy++)
        for (int64_t ix = v->left; ix < v->right; ix++)
            give(dx + (iy * w + ix) * stride, dy, winner, at++, c);
}

/* Backward of c channels of one image. Rows of dx are set to 0 when windows first reach them, while
 * they are in cache. */
static void image_bwd(float *dx, const float *dy, const float *x, const adi_pool2d_dims *d,
                      int64_t c)
{
    int64_t cleared = 0; /* positions */
    for (int64_t o = 0; o < d->oh * d->ow; o++) {
        const window v = window_at(d, o / d->ow, o % d->ow);
        for (; cleared < v.bottom * d->w; cleared++)
            memset(dx + cleared * d->c, 0, (size_t)c * sizeof *dx);
        window_bwd(dx, dy + o * d->c, x, &v, d->w, d->c, c);
    }
    for (; cleared < d->h * d->w; cleared++)
        memset(dx + cleared * d->c, 0, (size_t)c * sizeof *dx);
}

typedef struct maximum_bwd_blocks_call {
    float *dx;
    const float *dy, *x;
    const adi_pool2d_dims *d;
    int64_t blocks, in, out;
} maximum_bwd_blocks_call;

static void maximum_bwd_blocks(void *call, adi_share s)
{
    const maximum_bwd_blocks_call *k = call;
    for (int64_t i = s.begin; i < s.end; i++) {
        const int64_t n = i / k->blocks, c0 = i % k->blocks * BLOCK;
        image_bwd(k->dx + n * k->in + c0, k->dy + n * k->out + c0, k->x + n * k->in + c0, k->d,
                  adi_min(BLOCK, k->d->c - c0));
    }
}

ad_status adi_maxpool2d_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *x,
                                const adi_pool2d_dims *d)
{
    const int64_t blocks = adi_ceil_div(d->c, BLOCK), in = d->h * d->w * d->c;
    const int64_t out = d->oh * d->ow * d->c;
    adi_parallel_cpu(ex->num_threads, d->n * blocks, 0, maximum_bwd_blocks,
                     &(maximum_bwd_blocks_call){dx, dy, x, d, blocks, in, out});
    return AD_OK;
}
