/* Enlarging a map with aligned corners. */
#ifndef ADI_METHODS_ALIGNED_H
#define ADI_METHODS_ALIGNED_H

#include <stdint.h>

/* out[side, side] of in[h, w]: bilinear, where the first and last values of both lie on each other, as PyTorch's
 * interpolate(mode='bilinear', align_corners=True) has it. `combine`: how it meets what is in out already. */
typedef enum adi_aligned { ADI_ALIGNED_SET, ADI_ALIGNED_ADD, ADI_ALIGNED_MULTIPLY } adi_aligned;
void adi_aligned_resize(float *out, int64_t side, const float *in, int64_t h, int64_t w, adi_aligned combine);

#endif
