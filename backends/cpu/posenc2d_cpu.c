/* posenc2d: a row of positions per task; a column's sines are taken from the first row, a row's
 * from its first column. */
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

typedef struct encode_rows_call {
    float *y;
    const adi_pad2d_dims *d;
    int64_t half;
    size_t bytes;
} encode_rows_call;

static void encode_rows(void *call, adi_share s)
{
    const encode_rows_call *k = call;
    const adi_pad2d_dims *d = k->d;
    const int64_t half = k->half;
    for (int64_t row = s.begin; row < s.end; row++) {
        float *to = k->y + row * d->w * d->c;
        waves(to + half, (double)(row % d->h), half);
        for (int64_t j = 0; j < d->w; j++) {
            if (row)
                memcpy(to + j * d->c, k->y + j * d->c, k->bytes);
            if (j)
                memcpy(to + j * d->c + half, to + half, k->bytes);
        }
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
    adi_parallel_cpu(ex->num_threads, d->n * d->h, 0, encode_rows,
                     &(encode_rows_call){y, d, half, bytes});
    return AD_OK;
}
