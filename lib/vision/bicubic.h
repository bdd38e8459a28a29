/* Enlarging a map smoothly. */
#ifndef ADI_VISION_BICUBIC_H
#define ADI_VISION_BICUBIC_H

#include <stdint.h>

enum { ADI_BICUBIC_MAX_FACTOR = 16 };

/* Enlarges in[h, w] to out[h * factor, w * factor] as PyTorch's interpolate(mode='bicubic',
 * align_corners=False) does: a = -0.75, half-pixel centres, borders repeated. */
void adi_bicubic_enlarge(float *out, const float *in, int64_t h, int64_t w, int32_t factor);

#endif
