/* Enlarging a map smoothly. */
#ifndef ADI_VISION_BICUBIC_H
#define ADI_VISION_BICUBIC_H

#include <stdint.h>

enum { ADI_BICUBIC_MAX_FACTOR = 16 };

/* out[h * factor, w * factor] of in[h, w]: bicubic with a = -0.75 and half-pixel centres, borders repeated, as PyTorch's
 * interpolate(mode='bicubic', align_corners=False) has it. */
void adi_bicubic_enlarge(float *out, const float *in, int64_t h, int64_t w, int32_t factor);

#endif
