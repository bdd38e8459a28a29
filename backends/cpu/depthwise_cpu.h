/* Depthwise convolution, a row of results at a time. */
#ifndef ADI_DEPTHWISE_CPU_H
#define ADI_DEPTHWISE_CPU_H

#include "cpu.h"

enum { ADI_DEPTHWISE_ROWS = 64 }; /* the most that a kernel may have here: a graph allows no more */

typedef struct adi_depthwise_row {
    /* the input's row for each row of the kernel; NULL outside the image */
    const float *const *rows;
    const float *w;           /* [kh, kw], from one tap to the next w_tap floats */
    float *y;
    int64_t columns, out_columns, channels; /* of a row */
    int64_t x_column, y_column, w_tap;      /* floats from one to the next; the residual's is y's */
    int32_t kh, kw, stride, pad_left;
    adi_epilogue e; /* of the first column and channel */
} adi_depthwise_row;

/* Row oy of image n of the result, `channels` channels from k0 on; the input's rows begin at k0,
 * their columns x_column floats apart. y, w and e are those of the whole convolution. */
static inline adi_depthwise_row adi_depthwise_row_cpu(const adi_conv2d_dims *d,
                                                      const float *const *rows, float *y,
                                                      const float *w, const adi_epilogue *e,
                                                      int64_t n, int64_t oy, int64_t k0,
                                                      int64_t channels, int64_t x_column)
{
    const int64_t to = (n * d->oh + oy) * d->ow * d->c + k0;
    return (adi_depthwise_row){
        .rows = rows,
        .w = w + k0,
        .y = y + to,
        .columns = d->w,
        .out_columns = d->ow,
        .channels = channels,
        .x_column = x_column,
        .y_column = d->c,
        .w_tap = d->c,
        .kh = d->kh,
        .kw = d->kw,
        .stride = d->stride,
        .pad_left = d->pad_left,
        .e = {e->bias ? e->bias + k0 : NULL, e->residual ? e->residual + to : NULL, e->act,
              e->row_sums ? e->row_sums + (n * d->oh + oy) * d->c + k0 : NULL},
    };
}

#endif
