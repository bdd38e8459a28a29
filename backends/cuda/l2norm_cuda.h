/* The length of a feature vector, by a warp. */
#ifndef ADI_L2NORM_CUDA_H
#define ADI_L2NORM_CUDA_H

#include "reduce_cuda.h"

#define ADI_LEAST_LENGTH_CUDA 1e-12

/* max(|x|, 1e-12), or NaN. */
static __device__ __forceinline__ double adi_length_cuda(const float *x, int c)
{
    double squares = 0.0;
    for (int i = adi_lane_cuda(); i < c; i += 32)
        squares += (double)x[i] * x[i];
    const double length = sqrt(adi_warp_sum_cuda(squares));
    return length < ADI_LEAST_LENGTH_CUDA ? ADI_LEAST_LENGTH_CUDA : length;
}

#endif
