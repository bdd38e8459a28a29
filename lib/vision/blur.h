/* Smoothing a map. */
#ifndef ADI_VISION_BLUR_H
#define ADI_VISION_BLUR_H

#include "backend.h"
#include "core/error.h"

enum { ADI_BLUR_MAX_SIGMA = 64 };

/* Separable Gaussian blur in place, scipy's definition: radius int(4 sigma + 0.5), symmetric border
 * with the edge sample repeated, double accumulation. sigma <= ADI_BLUR_MAX_SIGMA; ex->scratch of
 * adi_blur_scratch() bytes. */
size_t adi_blur_scratch(const adi_kernels *kernels, int64_t h, int64_t w, double sigma,
                        int32_t num_threads);
ad_status adi_blur(const adi_kernels *kernels, const adi_exec *ex, float *map, int64_t h,
                   int64_t w, double sigma);
/* Taps of the blur on one side plus the centre, for callers that size buffers. */
int64_t adi_blur_radius(double sigma);

#endif
