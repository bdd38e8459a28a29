/* posenc2d: a row of positions per task; a column's sines are taken from the first row, a row's from its first column. */
#include "cpu.h"

#include <string.h>

static void waves(float *y, double at, int64_t half)
{
    for (int64_t k = 0; k < half / 2; k++) {
        const double angle = at * exp(-log(1e4) * (double)(2 * k) / (double)half);
        y[2 * k] = (float)sin(angle);
        y[2 * k + 1] = (float)cos(angle);
    }
}

ad_status adi_posenc2d_fwd_cpu(const adi_exec *ex, float *y, const adi_pad2d_dims *d)
{
    const int64_t half = d->c / 2;
    const size_t bytes = (size_t)half * sizeof *y;
    if (d->n * d->h * d->w == 0)
        return AD_OK;
    for (int64_t j = 0; j < d->w; j++)
        waves(y + j * d->c, (double)j, half);
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t row = 0; row < d->n * d->h; row++) {
        float *to = y + row * d->w * d->c;
        waves(to + half, (double)(row % d->h), half);
        for (int64_t j = 0; j < d->w; j++) {
            if (row)
                memcpy(to + j * d->c, y + j * d->c, bytes);
            if (j)
                memcpy(to + j * d->c + half, to + half, bytes);
        }
    }
    return AD_OK;
}
