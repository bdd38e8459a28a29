/* How libFuzzer changes an image file: as bytes, and then, mostly, with the checksums of a PNG's
 * chunks put right, since a wrong one ends the decoding. */
#ifndef ADFEAT_TESTS_FUZZ_MUTATE_IMAGE_H
#define ADFEAT_TESTS_FUZZ_MUTATE_IMAGE_H
#ifdef ADFEAT_LIBFUZZER

#include <zlib.h>

#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static uint32_t mutate_big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void mutate_repair_png(uint8_t *png, size_t size)
{
    size_t at = 8;
    if (size < at || memcmp(png, "\x89PNG", 4) != 0)
        return;
    while (size - at >= 12) {
        const size_t length = mutate_big_endian(png + at);
        if (length > size - at - 12)
            return;
        const uint32_t crc = (uint32_t)crc32_z(0, png + at + 4, length + 4);
        for (int i = 0; i < 4; i++)
            png[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + length;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 && size > FUZZ_CONTROL_BYTES)
        mutate_repair_png(data + FUZZ_CONTROL_BYTES, size - FUZZ_CONTROL_BYTES);
    return size;
}

#endif
#endif
