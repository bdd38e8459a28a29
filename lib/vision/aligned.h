/* Enlarging a map with aligned corners. */
#ifndef ADI_VISION_ALIGNED_H
#define ADI_VISION_ALIGNED_H

#include <stdint.h>

/* out[side, side] of in[h, w]: bilinear, where the first and last values of both lie on each other,
 * as PyTorch's interpolate(mode='bilinear', align_corners=True) has it. */
void adi_aligned_resize(float *out, int64_t side, const float *in, int64_t h, int64_t w);

#endif
