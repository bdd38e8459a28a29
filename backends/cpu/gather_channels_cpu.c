/* gather_channels: a task is a row of the grid, one channel after the other, so that the vectors
 * and the features that they come from stay in cache. */
#include "cpu.h"

typedef struct gather_call {
    float *y;
    const float *x, *pick;
    const adi_gather_dims *d;
} gather_call;

/* One channel of a row: `y` is its place in the first vector, `x` in the first position. */
static void gather_channel(float *y, const float *x, const adi_gather_dims *d)
{
    for (int64_t j = 0, ahead = 0; j < d->ow; j++, ahead += d->w) {
        for (; ahead >= d->ow; ahead -= d->ow) /* position floor(j w / ow) */
            x += d->c;
        y[j * d->y_stride] = *x;
    }
}

static void gather_rows(void *call, adi_share s)
{
    const gather_call *g = call;
    const adi_gather_dims *d = g->d;
    for (int64_t i = s.begin; i < s.end; i++)
        for (int64_t k = 0; k < d->count; k++)
            gather_channel(g->y + i * d->ow * d->y_stride + (int64_t)g->pick[2 * k + 1],
                           g->x + i * d->h / d->oh * d->w * d->c + (int64_t)g->pick[2 * k], d);
}

ad_status adi_gather_channels_cpu(const adi_exec *ex, float *y, const float *x, const float *pick,
                                  const adi_gather_dims *d)
{
    adi_parallel_cpu(ex->num_threads, d->oh, 0, gather_rows, &(gather_call){y, x, pick, d});
    return AD_OK;
}
