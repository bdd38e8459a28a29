/* blur: a row per task, down the columns and then along the rows. */
#include <string.h>

#include "isa_cpu.h"

static size_t line_bytes(int64_t w, int64_t radius)
{
    return adi_whole_lines((size_t)(w + 2 * radius) * sizeof(float));
}

size_t adi_blur_scratch_cpu(const adi_blur_dims *d, int32_t num_threads)
{
    const size_t map = adi_whole_lines((size_t)(d->h * d->w) * sizeof(float));
    return map + line_bytes(d->w, d->radius) * (size_t)num_threads;
}

static void blur_down(const adi_isa *isa, float *out, const float *in, const double *weights,
                      const adi_blur_dims *d, int64_t y)
{
    const float *rows[2 * ADI_BLUR_MAX_RADIUS + 1];
    for (int64_t k = -d->radius; k <= d->radius; k++)
        rows[d->radius + k] = in + adi_mirror(y + k, d->h) * d->w;
    isa->blur_row(out + y * d->w, rows, weights, d->radius, d->w);
}

static void blur_across(const adi_isa *isa, float *out, const float *in, float *line,
                        const double *weights, const adi_blur_dims *d)
{
    const float *rows[2 * ADI_BLUR_MAX_RADIUS + 1];
    for (int64_t k = 0; k <= 2 * d->radius; k++)
        rows[k] = line + k;
    for (int64_t k = 0; k < d->radius; k++) {
        line[k] = in[adi_mirror(k - d->radius, d->w)];
        line[d->radius + d->w + k] = in[adi_mirror(d->w + k, d->w)];
    }
    memcpy(line + d->radius, in, (size_t)d->w * sizeof *in);
    isa->blur_row(out, rows, weights, d->radius, d->w);
}

typedef struct blur_call {
    const adi_isa *isa;
    float *map, *between;
    char *lines;
    const double *weights;
    const adi_blur_dims *d;
} blur_call;

static void rows_down(void *call, adi_share s)
{
    const blur_call *k = call;
    for (int64_t y = s.begin; y < s.end; y++)
        blur_down(k->isa, k->between, k->map, k->weights, k->d, y);
}

static void rows_across(void *call, adi_share s)
{
    const blur_call *k = call;
    const int64_t w = k->d->w;
    float *line = (float *)(void *)(k->lines + line_bytes(w, k->d->radius) * (size_t)s.thread);
    for (int64_t y = s.begin; y < s.end; y++)
        blur_across(k->isa, k->map + y * w, k->between + y * w, line, k->weights, k->d);
}

ad_status adi_blur_cpu(const adi_exec *ex, float *map, const double *weights,
                       const adi_blur_dims *d)
{
    char *lines = (char *)ex->scratch + adi_whole_lines((size_t)(d->h * d->w) * sizeof(float));
    blur_call call = {adi_isa_cpu(0), map, ex->scratch, lines, weights, d};
    adi_parallel_cpu(ex->num_threads, d->h, 0, rows_down, &call);
    adi_parallel_cpu(ex->num_threads, d->h, 0, rows_across, &call);
    return AD_OK;
}
