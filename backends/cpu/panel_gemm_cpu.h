/* GEMM with packed panels, as in a BLAS (Goto and van de Geijn 2008), by the vectors of an
 * instruction set: y = act(a b + bias + residual), where b is packed once. */
#ifndef ADI_PANEL_GEMM_CPU_H
#define ADI_PANEL_GEMM_CPU_H

#include "cpu.h"

/* A packed matrix [depth, columns] is panels of ADI_LANES columns, one panel after the other, each
 * [depth][ADI_LANES]. Missing columns of the last panel are zeros. */
static inline int64_t adi_panel_floats_cpu(int64_t depth, int64_t columns)
{
    return depth * adi_ceil_div(columns, ADI_LANES) * ADI_LANES;
}
void adi_panel_pack_cpu(float *packed, const float *b, int64_t depth, int64_t columns);

/* A part of a product: some rows, some panels, and some of the depth, in `pieces` pieces of `depth`
 * values that lie a_piece floats apart in a and b_piece in b. For a convolution a piece is a row of
 * the kernel: the values that it sees are contiguous in the image, which is implicit im2col. */
typedef struct adi_panel_gemm {
    int64_t rows, columns; /* columns from the panel at which b begins */
    int64_t pieces, depth;
    const float *a, *b;
    float *y;
    int64_t a_row, a_piece, b_piece, b_panel, y_row; /* floats from one to the next */
    /* without `first` the sums go on from y; with `last` the epilogue follows */
    int32_t first, last;
    adi_epilogue e; /* from the first column and row on; rows of the residual are y_row apart */
} adi_panel_gemm;

static inline size_t adi_conv2d_panel_bytes_cpu(const adi_conv2d_dims *d)
{
    const int64_t depth = d->kh * d->kw * d->c;
    return adi_whole_lines((size_t)adi_panel_floats_cpu(depth, d->k) * sizeof(float));
}

/* conv2d_panels_cpu.c: filters [kh * kw * c, k] packed in panels. The scratch is enough for every
 * instruction set. */
size_t adi_conv2d_panels_scratch_cpu(const adi_conv2d_dims *d, const adi_conv2d_layout *at,
                                     int32_t num_threads);
ad_status adi_conv2d_panels_cpu(const adi_isa *isa, const adi_exec *ex, float *y, const float *x,
                                const float *panels, const adi_epilogue *e,
                                const adi_conv2d_dims *d, const adi_conv2d_layout *at);

#endif
