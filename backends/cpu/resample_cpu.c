/* resample: the rows of an image, on the machine's vectors. */
#include "isa_cpu.h"

void adi_resample_row_cpu(uint8_t *out, const uint8_t *in, const adi_resample *a, int64_t n,
                          int64_t channels)
{
    adi_isa_cpu(0)->resample_row(out, in, a, n, channels);
}

void adi_resample_rows_cpu(uint8_t *out, const adi_resample_ring *ring, int64_t start,
                           int64_t count, const int32_t *weight, int64_t n)
{
    adi_isa_cpu(0)->resample_rows(out, ring, start, count, weight, n);
}
