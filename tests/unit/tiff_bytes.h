/* TIFF files put together byte by byte, by the specification (TIFF 6.0) and not by libtiff. */
#ifndef ADFEAT_TESTS_TIFF_BYTES_H
#define ADFEAT_TESTS_TIFF_BYTES_H

#include <stdint.h>
#include <string.h>

/* What a file is; 0: what is usual. */
typedef struct tiff_kind {
    int big_endian, samples, separate, rows_per_strip, bits, format, tiled;
    uint32_t width, height;
} tiff_kind;

typedef struct tiff_bytes {
    uint8_t bytes[1 << 16];
    size_t size;
    int big_endian;
} tiff_bytes;

static inline void tiff_put(tiff_bytes *t, size_t at, uint64_t value, int width)
{
    for (int i = 0; i < width; i++)
        t->bytes[at + (size_t)i] = (uint8_t)(value >> 8 * (t->big_endian ? width - 1 - i : i));
    t->size = at + (size_t)width > t->size ? at + (size_t)width : t->size;
}

/* Sample `s` of a pixel: z is the last. */
static inline float tiff_value(const tiff_kind *k, uint32_t x, uint32_t y, int s)
{
    return s == k->samples - 1 ? 0.25f + (float)(y * k->width + x) : -1.0f - (float)s;
}

static inline void tiff_put_sample(tiff_bytes *t, const tiff_kind *k, size_t at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    tiff_put(t, at, k->bits == 16 ? (uint16_t)value : bits, k->bits / 8);
}

/* Entry `*entry` of the directory, whose `count` values of `width` bytes lie in it or at *extra. */
static inline void tiff_tag(tiff_bytes *t, size_t *entry, size_t *extra, int tag, int width, uint32_t count,
                            const uint32_t *values)
{
    const size_t bytes = (size_t)width * count, to = bytes <= 4 ? *entry + 8 : *extra;
    tiff_put(t, *entry, (uint64_t)tag, 2);
    tiff_put(t, *entry + 2, width == 2 ? 3 : 4, 2);
    tiff_put(t, *entry + 4, count, 4);
    tiff_put(t, *entry + 8, bytes <= 4 ? 0 : *extra, 4);
    for (uint32_t i = 0; i < count; i++)
        tiff_put(t, to + i * (size_t)width, values[i], width);
    *extra += bytes <= 4 ? 0 : bytes + bytes % 2;
    *entry += 12;
}

/* The directory in front, what it points to behind it, then the strips, up to the end of the file. */
static inline tiff_bytes tiff_make(tiff_kind k)
{
    enum { TAGS = 11, DIRECTORY = 8, MOST_STRIPS = 64 };
    k.samples = k.samples ? k.samples : 1;
    k.bits = k.bits ? k.bits : 32;
    k.format = k.format ? k.format : 3;
    k.rows_per_strip = k.rows_per_strip ? k.rows_per_strip : (int)k.height;
    tiff_bytes t = {.big_endian = k.big_endian};
    const uint32_t rows = (uint32_t)k.rows_per_strip, planes = k.separate ? (uint32_t)k.samples : 1;
    const uint32_t strips = (k.height + rows - 1) / rows, each = k.separate ? 1 : (uint32_t)k.samples;
    uint32_t offsets[MOST_STRIPS], counts[MOST_STRIPS], bits[8], formats[8];
    size_t entry = DIRECTORY + 2, extra = DIRECTORY + 2 + 12 * TAGS + 4, at = extra + 2 * 8 * 2 + 2 * 4 * MOST_STRIPS;
    for (int s = 0; s < k.samples; s++) {
        bits[s] = (uint32_t)k.bits;
        formats[s] = (uint32_t)k.format;
    }
    for (uint32_t p = 0; p < planes; p++)
        for (uint32_t i = 0; i < strips; i++) {
            const uint32_t first = i * rows, end = first + rows < k.height ? first + rows : k.height;
            offsets[p * strips + i] = (uint32_t)at;
            for (uint32_t y = first; y < end; y++)
                for (uint32_t x = 0; x < k.width; x++)
                    for (uint32_t s = 0; s < each; s++, at += (size_t)k.bits / 8)
                        tiff_put_sample(&t, &k, at, tiff_value(&k, x, y, (int)(p + s)));
            counts[p * strips + i] = (uint32_t)at - offsets[p * strips + i];
        }
    memcpy(t.bytes, k.big_endian ? "MM" : "II", 2);
    tiff_put(&t, 2, 42, 2);
    tiff_put(&t, 4, DIRECTORY, 4);
    tiff_put(&t, DIRECTORY, TAGS + (k.tiled ? 1 : 0), 2);
    extra += k.tiled ? 12 : 0;
    const uint32_t none = 1, photometric = k.samples == 3 ? 2 : 1, samples = (uint32_t)k.samples, planar = k.separate ? 2 : 1;
    const uint32_t side = 16;
    tiff_tag(&t, &entry, &extra, 256, 4, 1, &k.width);
    tiff_tag(&t, &entry, &extra, 257, 4, 1, &k.height);
    tiff_tag(&t, &entry, &extra, 258, 2, samples, bits);
    tiff_tag(&t, &entry, &extra, 259, 2, 1, &none);
    tiff_tag(&t, &entry, &extra, 262, 2, 1, &photometric);
    if (!k.tiled)
        tiff_tag(&t, &entry, &extra, 273, 4, planes * strips, offsets);
    tiff_tag(&t, &entry, &extra, 277, 2, 1, &samples);
    if (!k.tiled) {
        tiff_tag(&t, &entry, &extra, 278, 4, 1, &rows);
        tiff_tag(&t, &entry, &extra, 279, 4, planes * strips, counts);
    }
    tiff_tag(&t, &entry, &extra, 284, 2, 1, &planar);
    if (k.tiled) {
        tiff_tag(&t, &entry, &extra, 322, 4, 1, &side);
        tiff_tag(&t, &entry, &extra, 323, 4, 1, &side);
        tiff_tag(&t, &entry, &extra, 324, 4, 1, offsets);
        tiff_tag(&t, &entry, &extra, 325, 4, 1, counts);
    }
    tiff_tag(&t, &entry, &extra, 339, 2, samples, formats);
    tiff_put(&t, entry, 0, 4); /* no other directory */
    return t;
}

#endif
