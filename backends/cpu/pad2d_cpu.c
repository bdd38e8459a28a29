/* pad2d: a row of the result, or of the gradient, per task. */
#include "cpu.h"

#include <string.h>

static int64_t inside(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

typedef struct pad_rows_call {
    float *y;
    const float *x;
    const adi_pad2d_dims *d;
    int64_t oh, ow, c;
    size_t position;
} pad_rows_call;

static void pad_rows(void *call, adi_share s)
{
    const pad_rows_call *k = call;
    const adi_pad2d_dims *d = k->d;
    const int64_t c = k->c;
    const size_t position = k->position;
    for (int64_t row = s.begin; row < s.end; row++) {
        const int64_t n = row / k->oh, i = inside(row % k->oh - d->pad, d->h);
        const float *from = k->x + (n * d->h + i) * d->w * c;
        float *to = k->y + row * k->ow * c;
        for (int64_t j = 0; j < d->pad; j++) {
            memcpy(to + j * c, from, position);
            memcpy(to + (d->pad + d->w + j) * c, from + (d->w - 1) * c, position);
        }
        memcpy(to + d->pad * c, from, (size_t)d->w * position);
    }
}

ad_status adi_pad2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const adi_pad2d_dims *d)
{
    const int64_t oh = d->h + 2 * d->pad, ow = d->w + 2 * d->pad, c = d->c;
    const size_t position = (size_t)c * sizeof *y;
    adi_parallel_cpu(ex->num_threads, d->n * oh, 0, pad_rows,
                     &(pad_rows_call){y, x, d, oh, ow, c, position});
    return AD_OK;
}

static void add(double *sum, const float *v, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        sum[i] += v[i];
}

/* Sum the window of outputs that copy one position, in blocks of channels. */
static void sum_window(float *dx, const float *dy, int64_t rows, int64_t columns,
                       int64_t row_floats, int64_t c)
{
    enum { BLOCK = 64 };
    for (int64_t first = 0; first < c; first += BLOCK) {
        const int64_t count = adi_min(BLOCK, c - first);
        double sum[BLOCK] = {0.0};
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                add(sum, dy + i * row_floats + j * c + first, count);
        for (int64_t i = 0; i < count; i++)
            dx[first + i] = (float)sum[i];
    }
}

typedef struct pad_bwd_rows_call {
    float *dx;
    const float *dy;
    const adi_pad2d_dims *d;
    int64_t oh, ow, c;
} pad_bwd_rows_call;

static void pad_bwd_rows(void *call, adi_share s)
{
    const pad_bwd_rows_call *k = call;
    const adi_pad2d_dims *d = k->d;
    const int64_t ow = k->ow, c = k->c;
    for (int64_t row = s.begin; row < s.end; row++) {
        const int64_t n = row / d->h, i = row % d->h;
        const int64_t i0 = i == 0 ? 0 : i + d->pad, i1 = i == d->h - 1 ? k->oh : i + d->pad + 1;
        for (int64_t j = 0; j < d->w; j++) {
            const int64_t j0 = j == 0 ? 0 : j + d->pad, j1 = j == d->w - 1 ? ow : j + d->pad + 1;
            const float *from = k->dy + ((n * k->oh + i0) * ow + j0) * c;
            float *to = k->dx + (row * d->w + j) * c;
            if (i1 - i0 == 1 && j1 - j0 == 1)
                memcpy(to, from, (size_t)c * sizeof *to);
            else
                sum_window(to, from, i1 - i0, j1 - j0, ow * c, c);
        }
    }
}

ad_status adi_pad2d_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const adi_pad2d_dims *d)
{
    const int64_t oh = d->h + 2 * d->pad, ow = d->w + 2 * d->pad, c = d->c;
    adi_parallel_cpu(ex->num_threads, d->n * d->h, 0, pad_bwd_rows,
                     &(pad_bwd_rows_call){dx, dy, d, oh, ow, c});
    return AD_OK;
}
