/* The kernels of an instruction set: one table for each set, chosen at run time. */
#ifndef ADI_ISA_CPU_H
#define ADI_ISA_CPU_H

#include "depthwise_cpu.h"
#include "panel_gemm_cpu.h"
#include "winograd_tiles_cpu.h"

/* Space for d values and a vector of any instruction set; the stride of rows of doubles, in whole
 * vectors. */
#define ADI_DISTANCE_FLOATS(d) ((d) + 16)
#define ADI_OUTER_STRIDE(d)    (((d) + 15) / 16 * 16)

enum { ADI_SUM_CHANNELS = 32 }; /* two cache lines of floats, and sums that stay in registers */

struct adi_isa {
    const char *name;
    int32_t panels; /* of sums that a product keeps in registers */
    /* n values in place */
    void (*activate)(float *y, int64_t n, adi_act act);
    void (*panel_gemm)(const adi_panel_gemm *g);
    void (*depthwise_row)(const adi_depthwise_row *g);
    /* sum[ADI_SUM_CHANNELS] in double over positions that lie `stride` floats apart, each channel
     * in their order */
    void (*sum_positions)(double *sum, const float *x, int64_t stride, int64_t positions);
    /* sum[r] += the squares of `columns` values of each of the rows, which are `stride` floats
     * apart */
    void (*add_squares)(double *sum, const float *y, int64_t rows, int64_t columns, int64_t stride);
    /* y[channels] = the maximum over rows x columns positions; x_row and x_column floats from one
     * to the next */
    void (*window_maximum)(float *y, const float *x, int64_t channels, int64_t rows,
                           int64_t columns, int64_t x_row, int64_t x_column);
    /* resample_vector_cpu.h: as in adi_kernels */
    adi_resample_row_fn *resample_row;
    adi_resample_rows_fn *resample_rows;
    /* blur_vector_cpu.h, position_vector_cpu.h */
    void (*blur_row)(float *y, const float *const *rows, const double *weights, int64_t radius,
                     int64_t n);
    float (*packed_distance)(float *z, const float *v, const float *w, int64_t d, const float *end);
    void (*add_outer_products)(double *triangle, const double *z, int64_t vectors, int64_t d);
    void (*add_vector_sums)(double *sum, double *qsum, const double *z, int64_t vectors, int64_t d);
    /* coupling_vector_cpu.h: one position of c channels each; dx or dst may be NULL */
    void (*coupling)(float *y, const float *x, const float *st, int32_t inverse, int64_t c,
                     double alpha);
    void (*coupling_bwd)(float *dx, float *dst, const float *dy, const float *x, const float *st,
                         int64_t c, double alpha);
    float (*logdet)(const float *st, int64_t c, double alpha);
    void (*logdet_bwd)(float *dst, float dy, const float *st, int64_t c, double alpha);
    adi_winograd_kernels winograd;
};

extern const adi_isa adi_isa_plain_cpu;
#ifdef __x86_64__
extern const adi_isa adi_isa_avx2_cpu, adi_isa_avx512_cpu;
#endif

/* isa_cpu.c: the instruction sets of this machine, the fastest first; NULL past the last. */
const adi_isa *adi_isa_cpu(int32_t index);
/* 0 if there are only plain vectors: OpenBLAS, which uses the machine's own, then multiplies
 * faster. */
static inline int adi_has_vectors_cpu(void)
{
    return adi_isa_cpu(0) != &adi_isa_plain_cpu;
}
/* For tests, before anything runs: put `name` first in the list. 0 if this machine does not have
 * that set. */
int adi_isa_begin_with_cpu(const char *name);

/* dwconv2d_cpu.c: on a given instruction set; kernels of up to ADI_DEPTHWISE_ROWS rows. */
ad_status adi_dwconv2d_with_cpu(const adi_isa *isa, const adi_exec *ex, float *y, const float *x,
                                const float *w, const adi_epilogue *e, const adi_conv2d_dims *d);
/* expand_dw_cpu.c */
ad_status adi_expand_dw_with_cpu(const adi_isa *isa, const adi_exec *ex, float *y, const float *x,
                                 const adi_expansion *first, const float *w, const adi_epilogue *e,
                                 const adi_conv2d_dims *d);

#endif
