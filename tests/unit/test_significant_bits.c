/* vision/significant_bits.c through PNG files that libpng writes: which of 16 bits mean something, by the caller's word, by
 * the file's, and where neither says it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <png.h>

#include "adfeat.h"
#include "vision/reading.h"
#include "vision/vision.h"

enum { W = 6, H = 2, ROOM = 1 << 14 };

typedef struct file {
    size_t size;
    uint8_t bytes[ROOM];
} file;

static char logged[4096];
static ad_context *context;

static void log_line(void *user, ad_log_level level, const char *text)
{
    (void)user;
    if (level == AD_LOG_WARNING)
        snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s\n", text);
}

/* A context of its own for each, since it says things once. */
static int new_context(void **state)
{
    (void)state;
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.log = log_line;
    const int failed = ad_context_create(&o, &context) != AD_OK;
    logged[0] = '\0';
    return failed;
}

static int drop_context(void **state)
{
    (void)state;
    ad_context_destroy(context);
    return 0;
}

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

/* Grey or colour, every channel the same; sbit 0: no such chunk. */
static void make_png(file *f, const uint16_t *values, int color, int sbit)
{
    f->size = 0;
    const int channels = color == PNG_COLOR_TYPE_RGB ? 3 : color == PNG_COLOR_TYPE_GRAY_ALPHA ? 2 : 1;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_false(setjmp(png_jmpbuf(png)));
    png_set_write_fn(png, f, write_bytes, flush_nothing);
    png_set_IHDR(png, info, W, H, 16, color, PNG_INTERLACE_NONE, 0, 0);
    const uint8_t bits = (uint8_t)sbit;
    const png_color_8 s = {bits, bits, bits, bits, bits};
    if (sbit)
        png_set_sBIT(png, info, &s);
    png_write_info(png, info);
    for (int y = 0; y < H; y++) {
        uint8_t row[W * 6];
        for (int i = 0; i < W * channels; i++) {
            row[2 * i] = (uint8_t)(values[y * W + i / channels] >> 8);
            row[2 * i + 1] = (uint8_t)values[y * W + i / channels];
        }
        png_write_row(png, row);
    }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
}

static ad_status decode(const file *f, int32_t said, ad_image *image)
{
    ad_read_options o;
    ad_read_options_init(&o, sizeof o);
    o.significant_bits = said;
    return ad_image_decode(context, f->bytes, f->size, &o, image);
}

/* The samples come shifted by `shift`, grey as they are and colour as 8 bits of them. */
static void expect(const uint16_t *values, int sbit, int32_t said, int shift)
{
    static const int colors[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB};
    for (int c = 0; c < 3; c++) {
        static file f;
        ad_image image;
        make_png(&f, values, colors[c], sbit);
        assert_int_equal(decode(&f, said, &image), AD_OK);
        assert_int_equal(image.format, c == 2 ? AD_PIXEL_RGB8 : AD_PIXEL_MONO16);
        for (int i = 0; i < W * H; i++) {
            const uint16_t wide = (uint16_t)(values[i] << shift);
            if (c < 2)
                assert_int_equal(((const uint16_t *)image.pixels)[i], wide);
            else
                assert_int_equal(((const uint8_t *)image.pixels)[3 * i + 1], (wide * 255u * 2 + 65535) / (2 * 65535u));
        }
        ad_image_release(&image);
    }
}

static const uint16_t low[W * H] = {0, 1, 900, 901, 902, 903, 904, 905, 906, 907, 908, 4095};
static const uint16_t high[W * H] = {0, 16, 14400, 14416, 14432, 160, 176, 192, 208, 224, 240, 65520};
static const uint16_t dark[W * H] = {0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 4080}; /* multiples of 16 */
static const uint16_t full[W * H] = {0, 1, 2, 3, 40000, 50000, 60000, 65535, 7, 8, 9, 4096};
static const uint16_t black[W * H] = {0};

static void said_by_the_caller(void **state)
{
    (void)state;
    expect(low, 0, 12, 4);
    expect(low, 10, 12, 4); /* over the file's own */
    expect(low, 0, 14, 2);
    expect(low, 12, 16, 0);
    expect(dark, 0, 12, 4);
    expect(dark, 12, 12, 4);
    expect(full, 0, 16, 0);
    expect(black, 0, 8, 8);
    assert_string_equal(logged, "");
}

static void beyond_what_was_said(void **state)
{
    (void)state;
    static file f;
    ad_image image = {.width = 7};
    make_png(&f, low, PNG_COLOR_TYPE_RGB, 0);
    assert_int_equal(decode(&f, 11, &image), AD_ERR_FORMAT);
    assert_string_equal(ad_last_error_message(), "a sample is 4095, beyond the 2047 of 11 significant bits; 16 takes "
                                                 "samples as they are");
    assert_int_equal(image.width, 7);
    assert_int_equal(decode(&f, 7, &image), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(decode(&f, 17, &image), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(decode(&f, -1, &image), AD_ERR_INVALID_ARGUMENT);
    ad_read_options o;
    ad_read_options_init(&o, sizeof o);
    assert_int_equal(ad_read_options_set(&o, "significant_bits", "12"), AD_OK);
    assert_int_equal(o.significant_bits, 12);
    assert_int_equal(ad_read_options_set(&o, "significant_bits", "0"), AD_OK);
    assert_int_equal(o.significant_bits, 0);
    assert_int_equal(ad_read_options_set(&o, "significant_bits", "7"), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_read_options_set(&o, "orientation", "sideways"), AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(ad_last_error_message(), "option orientation: 'sideways' is none of auto, upright, raw");
}

static void said_by_the_file(void **state)
{
    (void)state;
    expect(low, 12, 0, 4);   /* as cameras write it */
    expect(high, 12, 0, 0);  /* as the standard has it */
    expect(full, 12, 0, 0);
    expect(low, 14, 0, 2);
    expect(low, 11, 0, 0);   /* beyond: taken as scaled up already */
    expect(black, 12, 0, 0); /* either way the same */
    expect(full, 16, 0, 0);
    expect(full, 5, 0, 0);   /* no camera */
    assert_string_equal(logged, "");
    expect(dark, 12, 0, 0);
    assert_string_equal(logged, "'image in memory' says that 12 bits are significant, and its samples do not tell which: "
                                "they are taken as they are unless significant_bits says it (not said again of "
                                "others)\n");
}

static void said_by_nobody(void **state)
{
    (void)state;
    static const uint16_t bright[W * H] = {1, 2, 4096};
    expect(full, 0, 0, 0);
    expect(bright, 0, 0, 0);
    expect(black, 0, 0, 0);
    assert_string_equal(logged, "");
    expect(low, 0, 0, 0); /* three files: said once */
    assert_string_equal(logged, "no sample of 'image in memory' is above 4095 of 65535, so it is nearly black: "
                                "significant_bits says how many bits its camera has (not said again of others)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(said_by_the_caller, new_context, drop_context),
        cmocka_unit_test_setup_teardown(beyond_what_was_said, new_context, drop_context),
        cmocka_unit_test_setup_teardown(said_by_the_file, new_context, drop_context),
        cmocka_unit_test_setup_teardown(said_by_nobody, new_context, drop_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
