/* Inputs of fuzz_depth.c: TIFF files, written by hand, since the library may be without libtiff. Of PNG,
 * make_corpus_image.c puts what it makes for the other decoders here too. */
#include <math.h>
#include <zlib.h>

#include "harness/seeded.h"
#include "make_corpus.h"

enum {
    W = 13, H = 9, MAX_FILE = 4096, MAX_ENTRIES = 16,
    SHORT = 3, LONG = 4, LONG8 = 16,        /* types of TIFF's fields */
    PLAIN = 1, DEFLATE = 8, PACKBITS = 32773 /* its compressions */
};

typedef struct tiff_kind {
    const char *name;
    int big_endian, wide; /* wide: BigTIFF */
    unsigned bits, format, samples, planar, compression, rows_per_strip, tiled;
} tiff_kind;

typedef struct writer {
    uint8_t bytes[MAX_FILE];
    size_t size;
    int big_endian;
} writer;

static void put_number(writer *w, uint64_t v, int bytes)
{
    MUST(w->size + (size_t)bytes > sizeof w->bytes);
    for (int i = 0; i < bytes; i++)
        w->bytes[w->size++] = (uint8_t)(v >> 8 * (w->big_endian ? bytes - 1 - i : i));
}

/* A part of 20 mm on a table, a hole, what is no number, and x and y in front of z where there are three samples. */
static float value(unsigned sample, int y, int x, unsigned samples)
{
    const int inside = y > 2 && y < H - 2 && x > 3 && x < W - 3;
    if (sample + 1 < samples)
        return (float)(sample ? y : x) * 0.01f;
    if (y == 4 && x == 6)
        return NAN;
    return x == 5 && y == 5 ? 0.0f : 0.6f - 0.02f * (float)inside + 1e-4f * (float)seeded_signed("tiff", (uint64_t)(y * W + x));
}

static size_t put_values(const tiff_kind *k, uint8_t *out, unsigned first, unsigned step, int y0, int rows)
{
    writer w = {.big_endian = k->big_endian};
    for (int y = y0; y < y0 + rows && y < H; y++)
        for (int x = 0; x < W; x++)
            for (unsigned s = first; s < k->samples; s += step) {
                const float v = value(s, y, x, k->samples);
                uint32_t word;
                memcpy(&word, &v, sizeof word);
                put_number(&w, k->format == 3 ? word : (uint64_t)(isnan(v) ? 0 : 1000.0f * v), (int)k->bits / 8);
            }
    memcpy(out, w.bytes, w.size);
    return w.size;
}

static size_t pack(unsigned compression, uint8_t *out, const uint8_t *in, size_t size)
{
    if (compression == DEFLATE) {
        uLongf packed = MAX_FILE;
        MUST(compress2(out, &packed, in, size, 9));
        return packed;
    }
    size_t n = 0;
    for (size_t i = 0; compression == PACKBITS && i < size; i += 4 * W) { /* literal runs, one a row */
        const size_t run = 4 * W;
        out[n++] = (uint8_t)(run - 1);
        memcpy(out + n, in + i, run);
        n += run;
    }
    if (compression == PLAIN)
        memcpy(out, in, n = size);
    return n;
}

static void put_entry(writer *w, const tiff_kind *k, unsigned tag, int type, uint64_t count, uint64_t v)
{
    const int bytes = type == SHORT ? 2 : type == LONG ? 4 : 8, field = k->wide ? 8 : 4;
    put_number(w, tag, 2);
    put_number(w, (uint64_t)type, 2);
    put_number(w, count, field);
    if (count > 1) { /* an offset */
        put_number(w, v, field);
        return;
    }
    put_number(w, v, bytes);
    put_number(w, 0, field - bytes);
}

/* Header, strips, their offsets and sizes, then the directory. */
static void make_tiff(const tiff_kind *k)
{
    writer w = {.big_endian = k->big_endian};
    uint64_t offsets[2 * H * 3];
    const unsigned step = k->planar == 2 ? 1 : k->samples, rows = k->rows_per_strip;
    const int type = k->wide ? LONG8 : LONG, field = k->wide ? 8 : 4;
    size_t strips = 0, place;
    memcpy(w.bytes, k->big_endian ? "MM" : "II", 2);
    w.size = 2;
    put_number(&w, k->wide ? 43 : 42, 2);
    if (k->wide) {
        put_number(&w, 8, 2);
        put_number(&w, 0, 2);
    }
    place = w.size;
    put_number(&w, 0, field);
    for (unsigned s = 0; s < k->samples; s += step)
        for (int y = 0; y < H; y += (int)rows) {
            uint8_t values[MAX_FILE], packed[MAX_FILE];
            const size_t size = put_values(k, values, s, k->planar == 2 ? k->samples : 1, y, (int)rows);
            const size_t n = pack(k->compression, packed, values, size);
            MUST(w.size + n > sizeof w.bytes);
            memcpy(w.bytes + w.size, packed, n);
            offsets[2 * strips] = w.size;
            offsets[2 * strips++ + 1] = n;
            w.size += n + n % 2;
        }
    uint64_t lists[2];
    for (int i = 0; i < 2; i++) {
        lists[i] = strips > 1 ? w.size : offsets[i];
        for (size_t j = 0; strips > 1 && j < strips; j++)
            put_number(&w, offsets[2 * j + (size_t)i], field);
    }
    const size_t end = w.size;
    w.size = place;
    put_number(&w, end, field);
    w.size = end;
    const struct {
        unsigned tag;
        int type;
        uint64_t count, value;
    } entries[] = {{256, SHORT, 1, W}, {257, SHORT, 1, H}, {258, SHORT, 1, k->bits}, {259, SHORT, 1, k->compression},
                   {262, SHORT, 1, 1}, {273, type, strips, lists[0]}, {277, SHORT, 1, k->samples}, {278, SHORT, 1, rows},
                   {279, type, strips, lists[1]}, {284, SHORT, 1, k->planar}, {339, SHORT, 1, k->format},
                   {322, SHORT, 1, 16}, {323, SHORT, 1, 16}}; /* the last two make tiles of the strips */
    const size_t count = sizeof entries / sizeof *entries - (k->tiled ? 0 : 2);
    put_number(&w, count, k->wide ? 8 : 2);
    for (size_t i = 0; i < count; i++)
        put_entry(&w, k, entries[i].tag, entries[i].type, entries[i].count, entries[i].value);
    put_number(&w, 0, field);
    put("depth", k->name, 2, w.bytes, w.size);
    if (k->samples == 3 || k->compression != PLAIN)
        put_broken("depth", k->name, 0, w.bytes, w.size);
}

void make_depths(void)
{
    static const tiff_kind kinds[] = {
        {"tiff", 0, 0, 32, 3, 1, 1, PLAIN, H, 0},
        {"tiff_big_endian", 1, 0, 32, 3, 1, 1, PLAIN, 4, 0},
        {"tiff_cloud", 0, 0, 32, 3, 3, 1, PLAIN, 2, 0},
        {"tiff_planes", 0, 0, 32, 3, 3, 2, PLAIN, 4, 0},
        {"tiff_deflate", 0, 0, 32, 3, 1, 1, DEFLATE, 4, 0},
        {"tiff_cloud_deflate", 1, 0, 32, 3, 3, 1, DEFLATE, H, 0},
        {"tiff_packbits", 0, 0, 32, 3, 1, 1, PACKBITS, 3, 0},
        {"tiff_wide", 0, 1, 32, 3, 1, 1, PLAIN, 4, 0},
        {"tiff_wide_big_endian", 1, 1, 32, 3, 1, 1, DEFLATE, H, 0},
        {"tiff_integers", 0, 0, 16, 1, 1, 1, PLAIN, H, 0},
        {"tiff_doubles", 0, 0, 64, 3, 1, 1, PLAIN, H, 0},
        {"tiff_two_samples", 0, 0, 32, 3, 2, 1, PLAIN, H, 0},
        {"tiff_tiles", 0, 0, 32, 3, 1, 1, PLAIN, H, 1},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        make_tiff(&kinds[i]);
    put("depth", "tiff_nothing", 0, "II*\0\0\0\0\0", 8);
    put("depth", "tiff_loop", 0, "II*\0\10\0\0\0\0\0\10\0\0\0", 14);
    put("depth", "text", 0, "x y z\n", 6);
}
