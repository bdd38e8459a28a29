/* Whether values are finite. */
#ifndef ADI_CORE_FINITE_H
#define ADI_CORE_FINITE_H

#include <stdint.h>
#include <string.h>

/* By the exponents' bits, so that the loop is one of vectors. */
static inline int adi_all_finite(const float *x, int64_t n)
{
    const uint32_t exponent = 0x7f800000u;
    uint32_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bad |= (bits & exponent) == exponent;
    }
    return !bad;
}

#endif
