/* A depthwise convolution, a row of results at a time. */
#ifndef ADI_DEPTHWISE_CPU_H
#define ADI_DEPTHWISE_CPU_H

#include "cpu.h"

enum { ADI_DEPTHWISE_ROWS = 64 }; /* the most that a kernel may have here: a graph allows no more */

typedef struct adi_depthwise_row {
    const float *const *rows; /* of the input, one for each row of the kernel; NULL outside the image */
    const float *w;           /* [kh, kw], from one tap to the next w_tap floats */
    float *y;
    int64_t columns, out_columns, channels; /* of a row */
    int64_t x_column, y_column, w_tap;      /* floats from one to the next; the residual's is y's */
    int32_t kh, kw, stride, pad_left;
    adi_epilogue e; /* of the first column and channel */
} adi_depthwise_row;

#endif
