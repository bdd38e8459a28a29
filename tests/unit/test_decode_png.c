/* PNG: every colour type, depth and interlacing against samples unpacked here; damage of every
 * kind. The dispatch by signature (decode.c) is tested here too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <png.h>
#include <zlib.h>

#include "adfeat.h"
#include "harness/fault_alloc.h"
#include "harness/image_source.h"
#include "harness/seeded.h"
#include "vision/vision.h"

enum { ROOM = 1 << 16, MAX_ROW = 1024 };

typedef struct file {
    size_t size;
    uint8_t bytes[ROOM];
} file;

typedef struct spec {
    int color, depth, interlace;
    bool trns;
    int w, h;
} spec;

static void write_bytes(png_structp png, png_bytep bytes, size_t count)
{
    file *f = png_get_io_ptr(png);
    assert_true(f->size + count <= ROOM);
    memcpy(f->bytes + f->size, bytes, count);
    f->size += count;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static int channels_of(int color)
{
    return color == PNG_COLOR_TYPE_RGB ? 3 : color == PNG_COLOR_TYPE_RGBA ? 4 : color == 4 ? 2 : 1;
}

static png_color palette_color(int i)
{
    const uint64_t k = 3 * (uint64_t)i;
    return (png_color){seeded_byte("palette", k), seeded_byte("palette", k + 1),
                       seeded_byte("palette", k + 2)};
}

/* Packed rows of seeded bytes; any bytes are valid samples, as palettes are always full. */
static void raw_row(uint8_t *row, int y)
{
    for (int i = 0; i < MAX_ROW; i++)
        row[i] = seeded_byte("png", (uint64_t)(y * MAX_ROW + i));
}

static int sample_at(const spec *s, int x, int y, int c)
{
    uint8_t row[MAX_ROW];
    raw_row(row, y);
    const int i = x * channels_of(s->color) + c;
    if (s->depth == 16)
        return row[2 * i] << 8 | row[2 * i + 1];
    const int per_byte = 8 / s->depth;
    return row[i / per_byte] >> (8 - s->depth * (i % per_byte + 1)) & ((1 << s->depth) - 1);
}

static void make_png(file *f, const spec *s)
{
    f->size = 0;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_false(setjmp(png_jmpbuf(png)));
    png_set_write_fn(png, f, write_bytes, flush_nothing);
    png_set_IHDR(png, info, (unsigned)s->w, (unsigned)s->h, s->depth, s->color, s->interlace, 0, 0);
    png_set_gAMA(png, info, 1.0); /* ignored */
    png_color colors[256];
    for (int i = 0; i < 256; i++)
        colors[i] = palette_color(i);
    if (s->color == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, colors, 1 << s->depth);
    if (s->trns) {
        uint8_t alpha[2] = {0, 128};
        png_color_16 transparent = {0};
        transparent.gray = (uint16_t)sample_at(s, 0, 0, 0);
        png_set_tRNS(png, info, alpha, 2, &transparent);
    }
    png_write_info(png, info);
    uint8_t storage[64][MAX_ROW];
    uint8_t *rows[64];
    for (int y = 0; y < s->h; y++) {
        raw_row(storage[y], y);
        rows[y] = storage[y];
    }
    png_write_image(png, rows);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
}

/* Decode from a block of exactly that size, so that the sanitizer sees a byte too many. */
static ad_status decode_exact(fault_alloc *counts, const uint8_t *bytes, size_t size, ad_image *out)
{
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, counts};
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    const ad_status ignored = adi_fail(AD_ERR_STATE, "stale");
    (void)ignored;
    const ad_status status = read_image(adi_decode_png, &a, copy, size, out);
    free(copy);
    if (status != AD_OK) {
        assert_int_equal(counts->live, 0);
        assert_string_not_equal(ad_last_error_message(), "stale");
    }
    return status;
}

static void expect_pixels(const spec *s, const ad_image *image)
{
    assert_int_equal(image->width, s->w);
    assert_int_equal(image->height, s->h);
    const bool grey = !(s->color & PNG_COLOR_MASK_COLOR);
    assert_int_equal(image->format, !grey            ? AD_PIXEL_RGB8
                                    : s->depth == 16 ? AD_PIXEL_MONO16
                                                     : AD_PIXEL_MONO8);
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) {
            const uint8_t *line = (const uint8_t *)image->pixels + y * image->row_bytes;
            const int v = sample_at(s, x, y, 0);
            if (grey && s->depth == 16) {
                assert_int_equal(((const uint16_t *)(const void *)line)[x], v);
            } else if (grey) {
                assert_int_equal(line[x], v * 255 / ((1 << s->depth) - 1));
            } else if (s->color == PNG_COLOR_TYPE_PALETTE) {
                const png_color c = palette_color(v);
                assert_memory_equal(line + 3 * x, &c, 3);
            } else {
                for (int c = 0; c < 3; c++) {
                    const int w = sample_at(s, x, y, c);
                    assert_int_equal(line[3 * x + c], s->depth == 16 ? (w + 128) / 257 : w);
                }
            }
        }
}

static const struct kind {
    int color, depth;
} kinds[] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1},
             {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void decodes_every_kind(void **state)
{
    (void)state;
    static file f;
    static const int sides[][2] = {{1, 1}, {13, 9}, {3, 17}, {33, 2}};
    for (int k = 0; k < KINDS; k++)
        for (int interlace = 0; interlace < 2; interlace++)
            for (int trns = 0; trns < (kinds[k].color & 4 ? 1 : 2); trns++)
                for (int i = 0; i < 4; i++) {
                    const spec s = {kinds[k].color, kinds[k].depth, interlace,
                                    trns,           sides[i][0],    sides[i][1]};
                    make_png(&f, &s);
                    fault_alloc counts = {0};
                    ad_image image;
                    assert_int_equal(decode_exact(&counts, f.bytes, f.size, &image), AD_OK);
                    assert_int_equal(counts.live, 1);
                    expect_pixels(&s, &image);
                    adi_image_free(&image);
                    assert_int_equal(counts.live, 0);
                }
}

/* Where the chunk after the last of pixels begins. */
static size_t pixels_end(const file *f)
{
    size_t end = 0;
    for (size_t at = 8; at + 12 <= f->size; at += 12 + png_get_uint_32(f->bytes + at))
        if (memcmp(f->bytes + at + 4, "IDAT", 4) == 0)
            end = at + 12 + png_get_uint_32(f->bytes + at);
    return end;
}

static ad_status decode_noted(const uint8_t *bytes, size_t size, adi_notes *notes, ad_image *out)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    adi_image_source source = image_source(&adi_default_allocator, copy, size);
    *notes = (adi_notes){0};
    source.notes = notes;
    *out = (ad_image){0};
    const ad_status status = adi_decode_png(&source, out);
    free(copy);
    return status;
}

/* Up to the end of the pixels; what is cut behind it is noted. */
static void refuses_every_truncation(void **state)
{
    (void)state;
    static file f;
    for (int k = 0; k < KINDS; k += 3)
        for (int interlace = 0; interlace < 2; interlace++) {
            const spec s = {kinds[k].color, kinds[k].depth, interlace, false, 9, 7};
            make_png(&f, &s);
            for (size_t n = 0; n < f.size; n++) {
                ad_image image;
                adi_notes notes;
                const ad_status status = decode_noted(f.bytes, n, &notes, &image);
                assert_int_equal(status, n < pixels_end(&f) ? AD_ERR_FORMAT : AD_OK);
                assert_int_equal(status == AD_OK, image.owner != NULL);
                if (status == AD_OK) {
                    expect_pixels(&s, &image);
                    assert_non_null(strstr(notes.first, "cut or damaged behind the pixels"));
                }
                adi_image_free(&image);
            }
        }
}

/* Every byte of a PNG is under a CRC-32, except signature and chunk lengths. One that is read all the same, with a note,
 * has every pixel. */
static void refuses_every_bit_flip(void **state)
{
    (void)state;
    static file f;
    const spec s = {3, 4, 1, true, 9, 7};
    make_png(&f, &s);
    int noted = 0;
    for (size_t bit = 0; bit < 8 * f.size; bit++) {
        ad_image image;
        adi_notes notes;
        f.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const ad_status status = decode_noted(f.bytes, f.size, &notes, &image);
        if (status == AD_OK) {
            expect_pixels(&s, &image);
            assert_string_not_equal(notes.first, "");
            noted++;
        } else {
            assert_int_equal(status, AD_ERR_FORMAT);
        }
        adi_image_free(&image);
        f.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(noted >= 8 * (12 + 4)); /* in the last chunk, and in tRNS but for its length */
}

static void put_at(file *f, size_t at, const void *bytes, size_t n)
{
    memmove(f->bytes + at + n, f->bytes + at, f->size - at);
    memcpy(f->bytes + at, bytes, n);
    f->size += n;
}

/* A chunk of nonsense in front of the pixels and behind them, right and wrong checksums; bytes behind the end. */
static void notes_what_is_harmless(void **state)
{
    (void)state;
    static file f;
    static const char *const types[] = {"tEXt", "iCCP", "gAMA", "zTXt", "tIME", "pHYs", "abCd", "hIST", "bKGD"};
    const spec s = {2, 8, 0, false, 9, 7};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int behind = 0; behind < 2; behind++) {
            uint8_t chunk[12 + 5] = "\0\0\0\x05....x\xff\xff\xff\xff";
            memcpy(chunk + 4, types[i], 4);
            make_png(&f, &s);
            put_at(&f, behind ? pixels_end(&f) : 33, chunk, sizeof chunk);
            ad_image image;
            adi_notes notes;
            if (decode_noted(f.bytes, f.size, &notes, &image) != AD_OK)
                fail_msg("%s: %s", types[i], ad_last_error_message());
            expect_pixels(&s, &image);
            assert_non_null(strstr(notes.first, "CRC error"));
            adi_image_free(&image);
        }
    make_png(&f, &s);
    put_at(&f, f.size, "\0\0\0 trailer", 11);
    ad_image image;
    adi_notes notes;
    assert_int_equal(decode_noted(f.bytes, f.size, &notes, &image), AD_OK);
    expect_pixels(&s, &image);
    assert_string_equal(notes.first, "PNG: 11 bytes after the last chunk are not read");
    adi_image_free(&image);
}

/* zlib's checksum under a right CRC-32. */
static void refuses_wrong_adler(void **state)
{
    (void)state;
    static file f;
    const spec s = {2, 8, 0, false, 9, 7};
    make_png(&f, &s);
    const size_t end = pixels_end(&f);
    size_t begin = 33;
    while (memcmp(f.bytes + begin + 4, "IDAT", 4) != 0)
        begin += 12 + png_get_uint_32(f.bytes + begin);
    f.bytes[end - 5] ^= 1;
    png_save_uint_32(f.bytes + end - 4, (uint32_t)crc32(0, f.bytes + begin + 4, (unsigned)(end - begin - 8)));
    ad_image image;
    adi_notes notes;
    assert_int_equal(decode_noted(f.bytes, f.size, &notes, &image), AD_ERR_FORMAT);
    assert_non_null(strstr(ad_last_error_message(), "IDAT: incorrect data check"));
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    static file f;
    for (int k = 0; k < KINDS; k++) {
        const spec s = {kinds[k].color, kinds[k].depth, k % 2, true, 9, 7};
        if (s.color & 4)
            continue;
        make_png(&f, &s);
        for (long n = 1;; n++) {
            fault_alloc counts = {.fail_at = n};
            ad_image image = {0};
            const ad_status status = decode_exact(&counts, f.bytes, f.size, &image);
            if (status == AD_OK) {
                assert_true(n > 3);
                adi_image_free(&image);
                break;
            }
            assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
            assert_null(image.owner);
        }
    }
}

static void put_chunk(file *f, const char *type, const uint8_t *data, uint32_t size)
{
    uint8_t *p = f->bytes + f->size;
    png_save_uint_32(p, size);
    memcpy(p + 4, type, 4);
    if (size)
        memcpy(p + 8, data, size);
    png_save_uint_32(p + 8 + size, (uint32_t)crc32(0, p + 4, size + 4));
    f->size += 12 + size;
}

/* A header and no pixels to speak of. */
static void make_header(file *f, uint32_t w, uint32_t h, uint8_t depth, uint8_t color)
{
    uint8_t header[13] = {0};
    png_save_uint_32(header, w);
    png_save_uint_32(header + 4, h);
    header[8] = depth;
    header[9] = color;
    memcpy(f->bytes, "\x89PNG\r\n\x1a\n", 8);
    f->size = 8;
    put_chunk(f, "IHDR", header, 13);
    put_chunk(f, "IDAT", (const uint8_t *)"x\x9c\x03\0\0\0\0\1", 8);
    put_chunk(f, "IEND", NULL, 0);
}

static void limits_what_a_header_claims(void **state)
{
    (void)state;
    static file f;
    static const struct {
        uint32_t w, h;
        uint8_t depth, color;
        ad_status expected;
    } cases[] = {
        {1048577, 1, 8, 0, AD_ERR_SHAPE},
        {1, 1048577, 8, 0, AD_ERR_SHAPE},
        {0x7fffffff, 0x7fffffff, 1, 0, AD_ERR_SHAPE},
        {32768, 32768, 8, 2, AD_ERR_SHAPE},
        {16384, 16384, 8, 2, AD_ERR_FORMAT},
        {16384, 16384, 1, 0, AD_ERR_FORMAT},
        {0, 1, 8, 0, AD_ERR_FORMAT},
        {1, 0, 8, 0, AD_ERR_FORMAT},
        {0xffffffff, 1, 8, 0, AD_ERR_FORMAT},
        {8, 8, 3, 0, AD_ERR_FORMAT},
        {8, 8, 8, 1, AD_ERR_FORMAT},
        {8, 8, 8, 0, AD_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_header(&f, cases[i].w, cases[i].h, cases[i].depth, cases[i].color);
        fault_alloc counts = {0};
        ad_image image = {0};
        assert_int_equal(decode_exact(&counts, f.bytes, f.size, &image), cases[i].expected);
        assert_true(counts.peak < 1 << 20); /* refused before the pixels are allocated */
    }
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    static file f;
    const spec s = {2, 8, 0, false, 9, 7};
    make_png(&f, &s);
    fault_alloc counts = {0};
    ad_image image;
    assert_int_equal(decode_exact(&counts, f.bytes, f.size - 20, &image), AD_ERR_FORMAT);
    assert_string_equal(ad_last_error_message(), "PNG: the file ends early");
    f.bytes[f.size - 14] ^= 1; /* in the checksum of IDAT: IEND has 12 bytes */
    assert_int_equal(decode_exact(&counts, f.bytes, f.size, &image), AD_ERR_FORMAT);
    assert_string_equal(ad_last_error_message(), "PNG: IDAT: CRC error");
}

static void tells_kinds_by_signature(void **state)
{
    (void)state;
    const bool has_tiff = strstr(adi_images_read, "TIFF"), has_webp = strstr(adi_images_read, "WebP");
    const struct {
        const char *bytes;
        size_t size;
        ad_status expected;
        const char *sentence;
    } cases[] = {
        {"", 0, AD_ERR_FORMAT, "no bytes"},
        {"x", 1, AD_ERR_FORMAT, "begins with 78"},
        {"hello world", 11, AD_ERR_FORMAT, "68 65 6c 6c 6f 20 77 6f"},
        {"\xff\xd8", 2, AD_ERR_FORMAT, "JPEG: "},
        {"\x89PNG\n\x1a\n....", 11, AD_ERR_FORMAT, "PNG: "},
        {"BM\x46\0\0\0\0\0\0\0\x36\0\0\0", 14, AD_ERR_FORMAT, "BMP: "},
        {"BMX is not one", 14, AD_ERR_FORMAT, "not an image"},
        {"GIF89a", 6, AD_ERR_UNSUPPORTED, "this is a GIF image; JPEG, PNG, BMP, PNM"},
        {"\0\0\0\x18""ftypheic", 12, AD_ERR_UNSUPPORTED, "this is a HEIF image"},
        {"P7\nWIDTH 1\n", 11, AD_ERR_UNSUPPORTED, "this is a PAM image"},
        {"II*\0\x08\0\0\0", 8, has_tiff ? AD_ERR_FORMAT : AD_ERR_UNSUPPORTED, "TIFF"},
        {"MM\0*\0\0\0\x08", 8, has_tiff ? AD_ERR_FORMAT : AD_ERR_UNSUPPORTED, "TIFF"},
        {"RIFF....WEBPVP8 ", 16, has_webp ? AD_ERR_FORMAT : AD_ERR_UNSUPPORTED, "WebP"},
        {"RIFF....WAVEfmt ", 16, AD_ERR_FORMAT, "not an image"},
        {"P5\n1 1\n255\n", 11, AD_ERR_FORMAT, "PNM: 0 bytes are too few"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fault_alloc counts = {0};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
        ad_image image = {0};
        uint8_t copy[16];
        memcpy(copy, cases[i].bytes, cases[i].size);
        assert_int_equal(read_image(adi_image_decode, &a, copy, cases[i].size, &image), cases[i].expected);
        assert_non_null(strstr(ad_last_error_message(), cases[i].sentence));
        assert_int_equal(counts.live, 0);
    }
    static file f;
    const spec s = {2, 8, 0, false, 9, 7};
    make_png(&f, &s);
    ad_image image;
    assert_int_equal(read_image(adi_image_decode, &adi_default_allocator, f.bytes, f.size, &image), AD_OK);
    expect_pixels(&s, &image);
    adi_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_kind),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_every_bit_flip),
        cmocka_unit_test(notes_what_is_harmless), cmocka_unit_test(refuses_wrong_adler),
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(limits_what_a_header_claims),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(tells_kinds_by_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
