/* Packing a matrix into GEMM panels. */
#include "panel_gemm_cpu.h"

#include <string.h>

void adi_panel_pack_cpu(float *packed, const float *b, int64_t depth, int64_t columns)
{
    for (int64_t k0 = 0; k0 < columns; k0 += ADI_LANES) {
        const size_t there = (size_t)adi_min(ADI_LANES, columns - k0);
        for (int64_t i = 0; i < depth; i++, packed += ADI_LANES) {
            memcpy(packed, b + i * columns + k0, there * sizeof *b);
            memset(packed + there, 0, (ADI_LANES - there) * sizeof *b);
        }
    }
}
