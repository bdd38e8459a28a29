/* Four floats at once, from addresses that are multiples of 16. */
#ifndef ADI_VECTOR_CUDA_H
#define ADI_VECTOR_CUDA_H

#include "device_cuda.h"

static __device__ __forceinline__ float4 adi_load4_cuda(const float *p)
{
#ifdef ADI_EMULATED
    if ((uintptr_t)p % 16)
        adi_emu::die("four floats are loaded from %p", (const void *)p);
#endif
    return *reinterpret_cast<const float4 *>(p);
}

static __device__ __forceinline__ void adi_store4_cuda(float *p, float4 v)
{
#ifdef ADI_EMULATED
    if ((uintptr_t)p % 16)
        adi_emu::die("four floats are stored to %p", (void *)p);
#endif
    *reinterpret_cast<float4 *>(p) = v;
}

/* Whether every row of `count` floats at p begins at such an address. On the host. */
static inline bool adi_suits4_cuda(const void *p, int64_t count)
{
    return (uintptr_t)p % 16 == 0 && count % 4 == 0;
}

#endif
