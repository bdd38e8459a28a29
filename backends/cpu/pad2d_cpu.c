/* pad2d: a row of the result, or of the gradient, per task. */
#include "cpu.h"

#include <string.h>

static int64_t inside(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

ad_status adi_pad2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const adi_pad2d_dims *d)
{
    const int64_t oh = d->h + 2 * d->pad, ow = d->w + 2 * d->pad, c = d->c;
    const size_t position = (size_t)c * sizeof *y;
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t row = 0; row < d->n * oh; row++) {
        const int64_t n = row / oh, i = inside(row % oh - d->pad, d->h);
        const float *from = x + (n * d->h + i) * d->w * c;
        float *to = y + row * ow * c;
        for (int64_t j = 0; j < d->pad; j++) {
            memcpy(to + j * c, from, position);
            memcpy(to + (d->pad + d->w + j) * c, from + (d->w - 1) * c, position);
        }
        memcpy(to + d->pad * c, from, (size_t)d->w * position);
    }
    return AD_OK;
}

static void add(double *sum, const float *v, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        sum[i] += v[i];
}

/* The sum over the window of outputs that are copies of one position, channels in blocks. */
static void sum_window(float *dx, const float *dy, int64_t rows, int64_t columns, int64_t row_floats, int64_t c)
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

ad_status adi_pad2d_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const adi_pad2d_dims *d)
{
    const int64_t oh = d->h + 2 * d->pad, ow = d->w + 2 * d->pad, c = d->c;
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t row = 0; row < d->n * d->h; row++) {
        const int64_t n = row / d->h, i = row % d->h;
        const int64_t i0 = i == 0 ? 0 : i + d->pad, i1 = i == d->h - 1 ? oh : i + d->pad + 1;
        for (int64_t j = 0; j < d->w; j++) {
            const int64_t j0 = j == 0 ? 0 : j + d->pad, j1 = j == d->w - 1 ? ow : j + d->pad + 1;
            const float *from = dy + ((n * oh + i0) * ow + j0) * c;
            float *to = dx + (row * d->w + j) * c;
            if (i1 - i0 == 1 && j1 - j0 == 1)
                memcpy(to, from, (size_t)c * sizeof *to);
            else
                sum_window(to, from, i1 - i0, j1 - j0, ow * c, c);
        }
    }
    return AD_OK;
}
