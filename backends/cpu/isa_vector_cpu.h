/* All kernels that are written for vectors of VECTOR_FLOATS floats and compiled for each
 * instruction set. isa_plain_cpu.c, isa_avx2_cpu.c and isa_avx512_cpu.c define VECTOR_FLOATS, the
 * ROWS x PANELS of 16 sums that a GEMM keeps in registers, and ISA, the table's name. */
#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "isa_cpu.h"
#include "vector_cpu.h"
/* in this order: each uses what is above it */
#include "depthwise_vector_cpu.h"
#include "panel_gemm_vector_cpu.h"
#include "sums_vector_cpu.h"
#include "blur_vector_cpu.h"
#include "position_vector_cpu.h"
#include "resample_vector_cpu.h"
#include "coupling_vector_cpu.h"
#include "winograd_transform_cpu.h"
#include "winograd_filter_cpu.h"
#include "winograd_vector_cpu.h"

const adi_isa ISA = {
    .name = ISA_NAME,
    .panels = PANELS,
    .activate = activate_row,
    .panel_gemm = panel_gemm,
    .depthwise_row = depthwise_row,
    .sum_positions = sum_positions,
    .add_squares = add_squares,
    .window_maximum = window_maximum,
    .resample_row = resample_row,
    .resample_rows = resample_rows,
    .blur_row = blur_row,
    .packed_distance = packed_distance,
    .add_outer_products = add_outer_products,
    .add_vector_sums = add_vector_sums,
    .coupling = coupling_position,
    .coupling_bwd = coupling_bwd_position,
    .logdet = logdet_position,
    .logdet_bwd = logdet_bwd_position,
    .winograd = {filter, filter_bwd, input, gradient, output, multiply, accumulate},
};
