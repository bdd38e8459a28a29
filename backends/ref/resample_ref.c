/* resample: Pillow's sums in whole numbers (Resample.c), so that every backend gives the same
 * bytes. */
#include "ref.h"

static uint8_t clip8(int32_t sum)
{
    const int32_t v = sum >> ADI_RESAMPLE_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

void adi_resample_row_ref(uint8_t *out, const uint8_t *in, const adi_resample *a, int64_t n,
                          int64_t channels)
{
    for (int64_t o = 0; o < n; o++)
        for (int64_t c = 0; c < channels; c++) {
            const uint8_t *from = in + (a->start[o] - a->first) * channels + c;
            int32_t sum = 1 << (ADI_RESAMPLE_BITS - 1);
            for (int64_t k = 0; k < a->count[o]; k++)
                sum += from[k * channels] * a->weight[o * a->taps + k];
            *out++ = clip8(sum);
        }
}

void adi_resample_rows_ref(uint8_t *out, const adi_resample_ring *ring, int64_t start,
                           int64_t count, const int32_t *weight, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int32_t sum = 1 << (ADI_RESAMPLE_BITS - 1);
        for (int64_t k = 0; k < count; k++)
            sum += ring->bytes[(start + k) % ring->rows * ring->stride + i] * weight[k];
        out[i] = clip8(sum);
    }
}
