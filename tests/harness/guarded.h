/* Memory with patterned zones around it. A kernel that writes one byte too many, or one too few,
 * changes a zone; one that reads what nobody wrote gets NaN, since new memory is filled with 0xFF.
 */
#ifndef ADFEAT_TESTS_GUARDED_H
#define ADFEAT_TESTS_GUARDED_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD_BYTES = 512 }; /* before and after; a multiple of the alignment */

static inline unsigned char guarded_pattern(size_t i)
{
    return (unsigned char)(0xA5 ^ (i * 37));
}

/* 64-byte aligned; the zone behind begins at the very next byte. Aborts the test when memory is
 * out. */
static inline void *guarded_alloc(size_t bytes)
{
    unsigned char *block = aligned_alloc(64, (bytes + 2 * GUARD_BYTES + 63) / 64 * 64);
    assert_non_null(block);
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        block[i] = guarded_pattern(i);
        block[GUARD_BYTES + bytes + i] = guarded_pattern(i);
    }
    memcpy(block, &bytes, sizeof bytes); /* the size, at the far end of the zone in front */
    memset(block + GUARD_BYTES, 0xFF, bytes);
    return block + GUARD_BYTES;
}

static inline float *guarded_floats(int64_t count)
{
    return guarded_alloc((size_t)count * sizeof(float));
}

static inline double *guarded_doubles(int64_t count)
{
    return guarded_alloc((size_t)count * sizeof(double));
}

static inline void guarded_check(const void *pointer, const char *what)
{
    const unsigned char *data = pointer, *block = data - GUARD_BYTES;
    size_t bytes;
    memcpy(&bytes, block, sizeof bytes);
    for (size_t i = sizeof bytes; i < GUARD_BYTES; i++)
        if (block[i] != guarded_pattern(i))
            fail_msg("%s: byte %zu in front of the buffer was overwritten", what, GUARD_BYTES - i);
    for (size_t i = 0; i < GUARD_BYTES; i++)
        if (data[bytes + i] != guarded_pattern(i))
            fail_msg("%s: byte %zu behind the buffer was overwritten", what, i);
}

/* Checks the zones, then frees. NULL is allowed. */
static inline void guarded_free(void *pointer, const char *what)
{
    if (!pointer)
        return;
    guarded_check(pointer, what);
    free((unsigned char *)pointer - GUARD_BYTES);
}

#endif
