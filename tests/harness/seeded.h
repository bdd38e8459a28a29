/* Seeded numbers that tests/golden/golden_io.py makes too: splitmix64 keyed by a name. */
#ifndef ADFEAT_TESTS_SEEDED_H
#define ADFEAT_TESTS_SEEDED_H

#include <stdint.h>
#include <string.h>
#include <zlib.h>

static inline uint64_t seeded_u64(const char *name, uint64_t index)
{
    uint64_t z = ((uint64_t)crc32(0, (const unsigned char *)name, (unsigned)strlen(name)) << 32) + index;
    z += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Uniform in [0, 1). */
static inline double seeded_unit(const char *name, uint64_t index)
{
    return (double)(seeded_u64(name, index) >> 11) * 0x1p-53;
}

/* Uniform in [-1, 1). */
static inline double seeded_signed(const char *name, uint64_t index)
{
    return 2.0 * seeded_unit(name, index) - 1.0;
}

static inline uint8_t seeded_byte(const char *name, uint64_t index)
{
    return (uint8_t)(seeded_u64(name, index) >> 56);
}

#endif
