/* The random numbers of random masks. Kernels draw them, so that they are part of what a backend
 * implements, and the library makes the keys. */
#ifndef ADI_MIX64_H
#define ADI_MIX64_H

#include <stdint.h>

/* A counter-based generator: the number follows from z alone. The finaliser of SplitMix64 (Steele
 * et al. 2014). */
static inline uint64_t adi_mix64(uint64_t z)
{
    z += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

#endif
