/* d += a b of a 16x8x8 tile in TF32, by a warp; layouts as PTX's mma.sync.m16n8k8 has them. */
#ifndef ADI_MMA_CUDA_H
#define ADI_MMA_CUDA_H

#include "device_cuda.h"

/* To the nearest number with 10 bits of fraction, ties away from 0. */
static __device__ __forceinline__ uint32_t adi_to_tf32_cuda(float x)
{
#ifdef ADI_EMULATED
    return isnan(x) ? 0x7fffffffu : (__float_as_uint(x) + 0x1000u) & ~0x1fffu;
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800 /* no such numbers: never launched there */
    return __float_as_uint(x);
#else
    uint32_t r;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
    return r;
#endif
}

static __device__ __forceinline__ void adi_mma_tf32_cuda(float d[4], const uint32_t a[4],
                                                         const uint32_t b[2])
{
#ifdef ADI_EMULATED
    struct give {
        uint32_t a[4], b[2];
    } mine = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
    const unsigned char *all = adi_emu::gather(~0u, &mine, sizeof mine);
    const unsigned g = adi_emu::self->lane / 4, t = adi_emu::self->lane % 4;
    for (unsigned i = 0; i < 4; i++) {
        const unsigned row = g + i / 2 * 8, col = 2 * t + i % 2;
        float sum = d[i];
        for (unsigned k = 0; k < 8; k++) {
            give ga, gb;
            memcpy(&ga, all + adi_emu::SLOT * (row % 8 * 4 + k % 4), sizeof ga);
            memcpy(&gb, all + adi_emu::SLOT * (col * 4 + k % 4), sizeof gb);
            sum += __uint_as_float(ga.a[row / 8 + k / 4 * 2]) * __uint_as_float(gb.b[k / 4]);
        }
        d[i] = sum;
    }
#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

#endif
