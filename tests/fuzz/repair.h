/* Checksums in a safetensors file put right in place, so that a changed file gets past them. */
#ifndef ADFEAT_TESTS_FUZZ_REPAIR_H
#define ADFEAT_TESTS_FUZZ_REPAIR_H

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "core/safetensors.h"

#define REPAIR_KEY "adfeat.crc32"

static inline uint64_t repair_header_size(const uint8_t *bytes, size_t size)
{
    uint64_t length = 0;
    for (int i = 7; i >= 0 && size >= 8; i--)
        length = length << 8 | bytes[i];
    return size >= 8 && length <= size - 8 ? length : 0;
}

/* The eight digits of a metadata entry whose key needs no escapes; NULL where it is not like that.
 */
static inline uint8_t *repair_digits(uint8_t *header, size_t size, const char *key)
{
    char marker[ADI_ST_MAX_NAME + 32];
    const int n = snprintf(marker, sizeof marker, "\"%s\":\"", key);
    if (n < 0 || (size_t)n >= sizeof marker)
        return NULL;
    for (size_t i = 0; i + (size_t)n + 9 <= size; i++) {
        const uint8_t *quote = memchr(header + i, '"', size - i);
        if (!quote)
            return NULL;
        i = (size_t)(quote - header);
        if (i + (size_t)n + 9 <= size && memcmp(quote, marker, (size_t)n) == 0)
            return header[i + (size_t)n + 8] == '"' ? header + i + n : NULL;
    }
    return NULL;
}

static inline void repair_put(uint8_t *digits, uLong crc)
{
    char text[9];
    snprintf(text, sizeof text, "%08x", (unsigned)crc);
    memcpy(digits, text, 8);
}

static inline void repair_safetensors(uint8_t *bytes, size_t size)
{
    adi_safetensors *file = NULL;
    if (adi_st_parse(&adi_default_allocator, bytes, size, "repair", &file) != AD_OK)
        return;
    uint8_t *header = bytes + 8;
    const size_t header_size = (size_t)repair_header_size(bytes, size);
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        char key[ADI_ST_MAX_NAME + 16];
        snprintf(key, sizeof key, "%s.%s", REPAIR_KEY, t->name);
        uint8_t *digits = repair_digits(header, header_size, key);
        if (digits)
            repair_put(digits, crc32_z(0, t->data, (size_t)t->count * adi_dtype_bytes(t->dtype)));
    }
    adi_st_close(file);
    uint8_t *digits = repair_digits(header, header_size, REPAIR_KEY);
    if (!digits)
        return;
    memcpy(digits, "00000000", 8);
    repair_put(digits, crc32_z(0, header, header_size));
}

#endif
