/* Activations, and what a convolution does with its sums. */
#ifndef ADI_EPILOGUE_CUDA_H
#define ADI_EPILOGUE_CUDA_H

#include "device_cuda.h"

/* adi_apply_act in float: within two roundings of it. NaN stays NaN. */
static __device__ __forceinline__ float adi_activate_cuda(float v, int act)
{
    if (act == ADI_ACT_SILU)
        return v / (1.0f + expf(-v));
    if (act == ADI_ACT_SIGMOID)
        return 1.0f / (1.0f + expf(-v));
    if (act != ADI_ACT_NONE && v < 0.0f)
        v = 0.0f;
    if (act == ADI_ACT_RELU6 && v > 6.0f)
        v = 6.0f;
    return v;
}

/* act(sum + bias[k] + residual[at]); bias and residual may be NULL. */
static __device__ __forceinline__ float
adi_epilogue_cuda(float sum, const float *bias, int k, const float *residual, int64_t at, int act)
{
    if (bias)
        sum += bias[k];
    if (residual)
        sum += residual[at];
    return adi_activate_cuda(sum, act);
}

#endif
