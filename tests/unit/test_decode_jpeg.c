/* JPEG: parity with Pillow, every coding process against plain baseline, reduced sizes, limits,
 * truncated files and flipped bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <unistd.h>
#include <zlib.h>

#include "adfeat.h"
#include "harness/fault_alloc.h"
#include "harness/image_source.h"
#include "vision/vision.h"

#include "pillow_jpeg.h"

typedef struct file {
    unsigned long size;
    uint8_t *bytes;
} file;

typedef enum coding { BASELINE, PROGRESSIVE, ARITHMETIC, RESTARTS, SCANS, CODINGS } coding;

typedef struct spec {
    J_COLOR_SPACE from, to;
    int components, w, h, quality;
    int sampling; /* h and v factor of the first component, as 0x21 */
    coding coding;
} spec;

/* Smooth enough for a close match after quantisation. */
static uint8_t smooth_sample(int x, int y, int c)
{
    return (uint8_t)(40 + 2 * x + y * (c + 1) + 20 * c);
}

static file make_jpeg(const spec *s)
{
    static const jpeg_scan_info scans[] = {
        {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    file f = {0};
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &f.bytes, &f.size);
    c.image_width = (unsigned)s->w;
    c.image_height = (unsigned)s->h;
    c.input_components = s->components;
    c.in_color_space = s->from;
    jpeg_set_defaults(&c);
    jpeg_set_colorspace(&c, s->to);
    jpeg_set_quality(&c, s->quality, TRUE);
    if (s->sampling) {
        c.comp_info[0].h_samp_factor = s->sampling >> 4;
        c.comp_info[0].v_samp_factor = s->sampling & 15;
    }
    if (s->coding == PROGRESSIVE)
        jpeg_simple_progression(&c);
    c.arith_code = s->coding == ARITHMETIC;
    c.restart_interval = s->coding == RESTARTS ? 2 : 0;
    if (s->coding == SCANS) {
        c.scan_info = scans;
        c.num_scans = s->components;
    }
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < s->h; y++) {
        uint8_t row[256 * 4], *rows = row;
        for (int x = 0; x < s->w; x++)
            for (int k = 0; k < s->components; k++)
                row[x * s->components + k] = smooth_sample(x, y, k);
        jpeg_write_scanlines(&c, &rows, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return f;
}

/* Decode from a block of exactly that size, so that the sanitizer sees a byte too many. */
static ad_status decode_exact(const void *bytes, size_t size, ad_image *out)
{
    static fault_alloc counts; /* outlives the image */
    counts = (fault_alloc){0};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    const ad_status ignored = adi_fail(AD_ERR_STATE, "stale");
    (void)ignored;
    *out = (ad_image){0};
    const ad_status status = read_image(adi_decode_jpeg, &a, copy, size, out);
    free(copy);
    assert_int_equal(counts.live, status == AD_OK);
    if (status != AD_OK) {
        assert_null(out->owner);
        assert_string_not_equal(ad_last_error_message(), "stale");
    }
    return status;
}

static void equals_pillow(void **state)
{
    (void)state;
    ad_image image;
    assert_int_equal(decode_exact(pillow_file, PILLOW_SIZE, &image), AD_OK);
    assert_int_equal(image.format, AD_PIXEL_RGB8);
    assert_int_equal(image.width, 19);
    assert_int_equal(image.height, 14);
    assert_int_equal(image.row_bytes, 57);
    assert_int_equal(pixels_crc(&image), pillow_crc);
    adi_image_free(&image);
}

static const spec specs[] = {
    {JCS_GRAYSCALE, JCS_GRAYSCALE, 1, 37, 21, 95, 0, BASELINE},
    {JCS_GRAYSCALE, JCS_GRAYSCALE, 1, 1, 1, 95, 0, BASELINE},
    {JCS_RGB, JCS_YCbCr, 3, 37, 21, 95, 0x11, BASELINE},
    {JCS_RGB, JCS_YCbCr, 3, 37, 21, 95, 0x21, BASELINE},
    {JCS_RGB, JCS_YCbCr, 3, 37, 21, 95, 0x12, BASELINE},
    {JCS_RGB, JCS_YCbCr, 3, 37, 21, 95, 0x22, BASELINE},
    {JCS_RGB, JCS_YCbCr, 3, 1, 1, 95, 0x22, BASELINE},
    {JCS_RGB, JCS_YCbCr, 3, 17, 1, 95, 0x22, BASELINE},
    {JCS_RGB, JCS_RGB, 3, 37, 21, 95, 0, BASELINE},
};
enum { SPECS = sizeof specs / sizeof *specs };

/* Quantised coefficients are the same whatever the coding, so the pixels must be, bit for bit. */
static void decodes_every_coding(void **state)
{
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        uint32_t crc = 0;
        for (int k = 0; k < CODINGS; k++) {
            spec s = specs[i];
            s.coding = (coding)k;
            file f = make_jpeg(&s);
            ad_image image;
            assert_int_equal(decode_exact(f.bytes, f.size, &image), AD_OK);
            assert_int_equal(image.format, s.components == 1 ? AD_PIXEL_MONO8 : AD_PIXEL_RGB8);
            assert_int_equal(image.width, s.w);
            assert_int_equal(image.height, s.h);
            for (int y = 0; y < s.h; y++)
                for (int x = 0; x < s.w; x++)
                    for (int c = 0; c < s.components; c++) {
                        const uint8_t *line = (const uint8_t *)image.pixels + y * image.row_bytes;
                        const int d = line[x * s.components + c] - smooth_sample(x, y, c);
                        assert_in_range(d + 16, 8, 24); /* subsampled colour drifts at the rim */
                    }
            if (k == BASELINE)
                crc = pixels_crc(&image);
            assert_int_equal(pixels_crc(&image), crc);
            adi_image_free(&image);
            free(f.bytes);
        }
    }
}

/* As small as the shorter side may be, close to what the samples' mean is; damage is found all the same. */
static void reduces(void **state)
{
    (void)state;
    static const struct {
        int64_t min_side;
        int denominator;
    } cases[] = {{0, 1}, {1, 8}, {9, 8}, {10, 4}, {17, 4}, {18, 2}, {34, 2}, {35, 1}, {1000, 1}};
    for (int i = 0; i < 2 * (int)(sizeof cases / sizeof *cases); i++) { /* grey, colour */
        const int k = i / 2, d = cases[k].denominator, colour = i % 2;
        const spec s = {colour ? JCS_RGB : JCS_GRAYSCALE, colour ? JCS_YCbCr : JCS_GRAYSCALE, colour ? 3 : 1, 91, 67, 95,
                        0x11, BASELINE};
        file f = make_jpeg(&s);
        ad_image image = {0};
        const ad_read_options options = {.struct_size = sizeof options, .min_side = (int32_t)cases[k].min_side};
        adi_image_source source = image_source(&adi_default_allocator, f.bytes, f.size);
        source.options = &options;
        assert_int_equal(adi_decode_jpeg(&source, &image), AD_OK);
        assert_int_equal(image.width, (91 + d - 1) / d);
        assert_int_equal(image.height, (67 + d - 1) / d);
        for (int y = 0; y < 32 / d; y++) /* where no channel wraps around */
            for (int x = 0; x < 32 / d; x++)
                for (int c = 0; c < s.components; c++) {
                    double mean = 0.0;
                    for (int p = 0; p < d * d; p++)
                        mean += smooth_sample(x * d + p % d, y * d + p / d, c) / (double)(d * d);
                    const uint8_t *line = (const uint8_t *)image.pixels + y * image.row_bytes;
                    assert_true(fabs(line[x * s.components + c] - mean) < 8.0);
                }
        adi_image_free(&image);
        source.size /= 2;
        assert_int_equal(adi_decode_jpeg(&source, &image), AD_ERR_FORMAT);
        free(f.bytes);
    }
}

/* The same through the public header, from a file. */
static void reads_reduced_files(void **state)
{
    (void)state;
    const spec s = {JCS_RGB, JCS_YCbCr, 3, 91, 67, 95, 0x11, PROGRESSIVE};
    file f = make_jpeg(&s);
    char path[] = "test_decode_jpeg_XXXXXX"; /* in the build folder */
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, f.bytes, f.size) == (ssize_t)f.size);
    close(fd);
    ad_context *context = NULL;
    ad_image image = {0}, whole = {0};
    assert_int_equal(ad_context_create(NULL, &context), AD_OK);
    ad_read_options options;
    ad_read_options_init(&options, sizeof options);
    assert_int_equal(options.min_side, 0);
    options.min_side = 30;
    assert_int_equal(ad_image_read(context, path, &options, &image), AD_OK);
    assert_int_equal(image.width, 46);
    assert_int_equal(image.height, 34);
    ad_image_release(&image);
    assert_int_equal(ad_image_decode(context, f.bytes, f.size, &options, &whole), AD_OK);
    assert_int_equal(whole.width, 46);
    ad_image_release(&whole);
    assert_int_equal(ad_read_options_set(&options, "min_side", "35"), AD_OK);
    assert_int_equal(ad_image_read(context, path, &options, &image), AD_OK);
    assert_int_equal(ad_image_read(context, path, NULL, &whole), AD_OK);
    assert_int_equal(pixels_crc(&image), pixels_crc(&whole));
    ad_image_release(&image);
    ad_image_release(&whole);
    assert_int_equal(ad_image_read(context, NULL, &options, &image), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_image_read(context, "absent.jpg", &options, &image), AD_ERR_IO);
    assert_int_equal(ad_read_options_set(&options, "min_side", "-1"), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_read_options_set(&options, "side", "1"), AD_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(ad_last_error_message(), "there are min_side"));
    options.min_side = -1;
    assert_int_equal(ad_image_read(context, path, &options, &image), AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(ad_last_error_message(), "min_side is -1, 0 to 1048576 is possible");
    ad_context_destroy(context);
    remove(path);
    free(f.bytes);
}

static void refuses_other_colours(void **state)
{
    (void)state;
    static const spec cases[] = {
        {JCS_CMYK, JCS_CMYK, 4, 9, 9, 75, 0, BASELINE},
        {JCS_CMYK, JCS_YCCK, 4, 9, 9, 75, 0, BASELINE},
        {JCS_UNKNOWN, JCS_UNKNOWN, 2, 9, 9, 75, 0, BASELINE},
    };
    static const char *const words[] = {"CMYK", "CMYK", "2 components"};
    for (int i = 0; i < 3; i++) {
        file f = make_jpeg(&cases[i]);
        ad_image image;
        assert_int_equal(decode_exact(f.bytes, f.size, &image), AD_ERR_UNSUPPORTED);
        assert_non_null(strstr(ad_last_error_message(), words[i]));
        free(f.bytes);
    }
}

/* What is cut is refused, unless it is the end marker, or bits that fill the last byte up: then the pixels are those of the
 * whole file. Not so with arithmetic codes, which do not show where they end. */
static void refuses_every_truncation(void **state)
{
    (void)state;
    for (int k = 0; k < CODINGS; k++)
        for (int grey = 0; grey < 2; grey++) {
            spec s = specs[grey ? 0 : 5];
            s.coding = (coding)k;
            file f = make_jpeg(&s);
            ad_image image;
            assert_int_equal(decode_exact(f.bytes, f.size, &image), AD_OK);
            const uint32_t crc = pixels_crc(&image);
            size_t whole = 0;
            adi_image_free(&image);
            for (size_t n = 0; n < f.size; n++) {
                const ad_status status = decode_exact(f.bytes, n, &image);
                if (status == AD_OK) {
                    assert_true(n + 4 > f.size);
                    assert_int_equal(pixels_crc(&image), crc);
                    adi_image_free(&image);
                    whole++;
                } else {
                    assert_int_equal(status, AD_ERR_FORMAT);
                }
            }
            assert_int_equal(whole > 0, s.coding != ARITHMETIC);
            free(f.bytes);
        }
}

/* A JPEG has no checksum, so a flipped bit may give another image; never a crash or a leak. */
static void survives_every_bit_flip(void **state)
{
    (void)state;
    for (int k = 0; k < CODINGS; k++) {
        spec s = specs[5];
        s.coding = (coding)k;
        file f = make_jpeg(&s);
        int decoded = 0;
        for (size_t bit = 0; bit < 8 * f.size; bit++) {
            f.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            ad_image image;
            const ad_status status = decode_exact(f.bytes, f.size, &image);
            assert_true(status == AD_OK || status == AD_ERR_FORMAT || status == AD_ERR_SHAPE ||
                        status == AD_ERR_UNSUPPORTED);
            if (status == AD_OK) {
                assert_int_equal(adi_image_check(&image), AD_OK);
                decoded++;
            }
            adi_image_free(&image);
            f.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_true(decoded > 0);
        free(f.bytes);
    }
}

/* Change the frame header's size: FF C0 length(2) precision height(2) width(2). */
static void limits_what_a_header_claims(void **state)
{
    (void)state;
    static const struct {
        uint16_t w, h;
        ad_status expected;
    } cases[] = {{32769, 8, AD_ERR_FORMAT},     {8, 65500, AD_ERR_FORMAT},
                 {65501, 8, AD_ERR_SHAPE},      {8, 65501, AD_ERR_SHAPE}, /* libjpeg's own limit */
                 {65535, 65535, AD_ERR_SHAPE},  {32768, 32768, AD_ERR_SHAPE},
                 {16384, 16384, AD_ERR_FORMAT}, {0, 8, AD_ERR_FORMAT},
                 {8, 0, AD_ERR_FORMAT},         {300, 300, AD_ERR_FORMAT}};
    uint8_t bytes[PILLOW_SIZE];
    memcpy(bytes, pillow_file, PILLOW_SIZE);
    size_t at = 0;
    while (bytes[at] != 0xff || bytes[at + 1] != 0xc0)
        at++;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes[at + 5] = (uint8_t)(cases[i].h >> 8);
        bytes[at + 6] = (uint8_t)cases[i].h;
        bytes[at + 7] = (uint8_t)(cases[i].w >> 8);
        bytes[at + 8] = (uint8_t)cases[i].w;
        ad_image image;
        assert_int_equal(decode_exact(bytes, PILLOW_SIZE, &image), cases[i].expected);
    }
    bytes[at + 1] = 0xc3; /* lossless */
    ad_image image;
    assert_int_equal(decode_exact(bytes, PILLOW_SIZE, &image), AD_ERR_UNSUPPORTED);
    bytes[at + 1] = 0xc1;
    bytes[at + 4] = 12; /* bits */
    bytes[at + 6] = bytes[at + 8] = 9;
    assert_int_equal(decode_exact(bytes, PILLOW_SIZE, &image), AD_ERR_UNSUPPORTED);
}

/* The last scan of a file with several, again and again: only the number of them is wrong. */
static void limits_scans(void **state)
{
    (void)state;
    spec s = specs[2];
    s.coding = SCANS;
    const file f = make_jpeg(&s);
    size_t at = f.size - 2;
    while (f.bytes[at] != 0xff || f.bytes[at + 1] != 0xda)
        at--;
    const size_t scan = f.size - 2 - at;
    for (size_t copies = 90; copies <= 110; copies += 20) {
        uint8_t *many = malloc(at + copies * scan + 2);
        memcpy(many, f.bytes, at);
        for (size_t i = 0; i < copies; i++)
            memcpy(many + at + i * scan, f.bytes + at, scan);
        memcpy(many + at + copies * scan, "\xff\xd9", 2);
        ad_image image;
        const ad_status status = decode_exact(many, at + copies * scan + 2, &image);
        assert_int_equal(status, copies < 100 ? AD_OK : AD_ERR_FORMAT);
        if (status != AD_OK)
            assert_non_null(strstr(ad_last_error_message(), "scans"));
        adi_image_free(&image);
        free(many);
    }
    free(f.bytes);
}

static void ignores_what_follows(void **state)
{
    (void)state;
    uint8_t bytes[PILLOW_SIZE + 5] = {0};
    memcpy(bytes, pillow_file, PILLOW_SIZE);
    ad_image image;
    assert_int_equal(decode_exact(bytes, sizeof bytes, &image), AD_OK);
    assert_int_equal(pixels_crc(&image), pillow_crc);
    adi_image_free(&image);
}

static void survives_a_failing_allocation(void **state)
{
    (void)state;
    fault_alloc counts = {.fail_at = 1};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
    ad_image image = {0};
    assert_int_equal(read_image(adi_decode_jpeg, &a, pillow_file, PILLOW_SIZE, &image),
                     AD_ERR_OUT_OF_MEMORY);
    assert_string_equal(ad_last_error_message(), "out of memory");
    assert_null(image.owner);
    assert_int_equal(counts.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pillow),
        cmocka_unit_test(decodes_every_coding),
        cmocka_unit_test(reduces),
        cmocka_unit_test(reads_reduced_files),
        cmocka_unit_test(refuses_other_colours),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_bit_flip),
        cmocka_unit_test(limits_what_a_header_claims),
        cmocka_unit_test(limits_scans),
        cmocka_unit_test(ignores_what_follows),
        cmocka_unit_test(survives_a_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
