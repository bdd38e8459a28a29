/* vision/orientation.c and the way to it: files of all eight orientations, written by Pillow, come as Pillow's
 * ImageOps.exif_transpose() shows them (golden/make_orientation.py); raw, they come as they are stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/file.h"
#include "golden/orientation_rows.h"
#include "harness/fault_alloc.h"
#include "harness/seeded.h"
#include "vision/image_kinds.h"
#include "vision/vision.h"

static const char *path_of(int value, const char *ending)
{
    static char path[512];
    snprintf(path, sizeof path, ADFEAT_GOLDEN_DIR "/orientation/%d.%s", value, ending);
    return path;
}

static ad_read_options reading(int32_t orientation, int32_t min_side)
{
    ad_read_options o;
    ad_read_options_init(&o, sizeof o);
    o.orientation = orientation;
    o.min_side = min_side;
    return o;
}

static const uint8_t *pixel(const ad_image *image, int64_t x, int64_t y)
{
    return (const uint8_t *)image->pixels + y * image->row_bytes + x * adi_pixel_bytes(image->format);
}

static void expect_shown(const ad_image *shown, const ad_image *stored, const struct orientation_row *row)
{
    assert_int_equal(stored->width, 5);
    assert_int_equal(stored->height, 3);
    assert_int_equal(shown->width, row->width);
    assert_int_equal(shown->height, row->height);
    for (int i = 0; i < 15; i++)
        assert_memory_equal(pixel(shown, i % row->width, i / row->width),
                            pixel(stored, row->stored[i] % 5, row->stored[i] / 5), 3);
}

static void as_pillow_shows_them(void **state)
{
    (void)state;
    static const char *const endings[] = {"jpg", "png"};
    static const int32_t uprights[] = {AD_ORIENTATION_AUTO, AD_ORIENTATION_UPRIGHT};
    ad_context *context = NULL;
    assert_int_equal(ad_context_create(NULL, &context), AD_OK);
    for (int i = 0; i < 32; i++) {
        const char *path = path_of(1 + i % 8, endings[i / 8 % 2]);
        const ad_read_options raw = reading(AD_ORIENTATION_RAW, 0), upright = reading(uprights[i / 16], i / 16);
        const ad_read_options *options = i < 16 ? NULL : &upright; /* the default, and said, with min_side */
        ad_image stored, shown, decoded;
        uint8_t *bytes = NULL;
        size_t size = 0;
        assert_int_equal(ad_image_read(context, path, &raw, &stored), AD_OK);
        assert_int_equal(ad_image_read(context, path, options, &shown), AD_OK);
        if (i < 16 || i / 8 % 2)
            expect_shown(&shown, &stored, &orientation_rows[i % 8]);
        assert_int_equal(adi_file_read(&adi_default_allocator, path, 1 << 20, &bytes, &size), AD_OK);
        assert_int_equal(ad_image_decode(context, bytes, size, options, &decoded), AD_OK);
        assert_int_equal(decoded.width, shown.width);
        assert_memory_equal(decoded.pixels, shown.pixels, (size_t)(shown.height * shown.row_bytes));
        adi_free(&adi_default_allocator, bytes);
        ad_image_release(&stored);
        ad_image_release(&shown);
        ad_image_release(&decoded);
    }
    ad_context_destroy(context);
}

/* A reduced JPEG is turned as the whole one is. */
static void reduced(void **state)
{
    (void)state;
    ad_context *context = NULL;
    assert_int_equal(ad_context_create(NULL, &context), AD_OK);
    for (int value = 1; value <= 8; value++) {
        const ad_read_options raw = reading(AD_ORIENTATION_RAW, 2), upright = reading(AD_ORIENTATION_AUTO, 2);
        ad_image stored, shown;
        assert_int_equal(ad_image_read(context, path_of(value, "jpg"), &raw, &stored), AD_OK);
        assert_int_equal(ad_image_read(context, path_of(value, "jpg"), &upright, &shown), AD_OK);
        assert_int_equal(stored.width, 3); /* a half of 5 x 3 */
        assert_int_equal(stored.height, 2);
        assert_int_equal(adi_image_orient(&adi_default_allocator, value, &stored), AD_OK);
        assert_int_equal(shown.width, stored.width);
        assert_memory_equal(shown.pixels, stored.pixels, (size_t)(stored.height * stored.row_bytes));
        ad_image_release(&stored);
        ad_image_release(&shown);
    }
    ad_context_destroy(context);
}

static ad_image seeded_image(uint32_t format, int64_t w, int64_t h)
{
    ad_image image;
    assert_int_equal(adi_image_alloc(&adi_default_allocator, format, w, h, &image), AD_OK);
    for (int64_t i = 0; i < h * image.row_bytes; i++)
        ((uint8_t *)(uintptr_t)image.pixels)[i] = seeded_byte("orientation", (uint64_t)i);
    return image;
}

/* Where the pixel shown at x, y is stored, as the table in orientation.c has it. */
static void stored_at(int value, int64_t w, int64_t h, int64_t x, int64_t y, int64_t *sx, int64_t *sy)
{
    const int64_t at[9][2] = {{0, 0}, {x, y}, {w - 1 - x, y}, {w - 1 - x, h - 1 - y}, {x, h - 1 - y},
                              {y, x}, {y, h - 1 - x}, {w - 1 - y, h - 1 - x}, {w - 1 - y, x}};
    *sx = at[value][0];
    *sy = at[value][1];
}

/* Every pixel size, and sides that are no multiple of a tile. */
static void every_pixel(void **state)
{
    (void)state;
    static const uint32_t formats[] = {AD_PIXEL_MONO8, AD_PIXEL_MONO16, AD_PIXEL_RGB8, AD_PIXEL_RGBA8};
    static const int64_t sides[][2] = {{1, 1}, {70, 1}, {1, 70}, {45, 67}, {32, 64}};
    for (int i = 0; i < 4 * 5 * 8; i++) {
        const int64_t w = sides[i / 4 % 5][0], h = sides[i / 4 % 5][1];
        const int value = i / 20 + 1, bytes = adi_pixel_bytes(formats[i % 4]);
        ad_image stored = seeded_image(formats[i % 4], w, h), shown = seeded_image(formats[i % 4], w, h);
        assert_int_equal(adi_image_orient(&adi_default_allocator, value, &shown), AD_OK);
        assert_int_equal(shown.width, value >= 5 ? h : w);
        for (int64_t y = 0; y < shown.height; y++)
            for (int64_t x = 0; x < shown.width; x++) {
                int64_t sx, sy;
                stored_at(value, w, h, x, y, &sx, &sy);
                assert_memory_equal(pixel(&shown, x, y), pixel(&stored, sx, sy), (size_t)bytes);
            }
        adi_image_free(&stored);
        adi_image_free(&shown);
    }
}

static void out_of_memory(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        fault_alloc f = {.fail_at = n};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &f};
        const ad_read_options o = reading(AD_ORIENTATION_UPRIGHT, 0);
        uint8_t *bytes = NULL;
        size_t size = 0;
        ad_image image = {0};
        assert_int_equal(adi_file_read(&adi_default_allocator, path_of(6, "png"), 1 << 20, &bytes, &size), AD_OK);
        const adi_image_source source = {&a, bytes, size, &o, NULL, NULL};
        const ad_status status = adi_image_decode(&source, &image);
        adi_free(&adi_default_allocator, bytes);
        if (status == AD_OK) {
            adi_image_free(&image);
            assert_true(n > 2);
            return;
        }
        assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
        assert_int_equal(f.live, 0);
        assert_null(image.pixels);
    }
}

static void log_line(void *user, ad_log_level level, const char *text)
{
    if (level == AD_LOG_WARNING) {
        char *all = user;
        snprintf(all + strlen(all), 4096 - strlen(all), "%s\n", text);
    }
}

/* Raw rows of a file that is to be shown otherwise: a line in the log, and only one. */
static void said_once(void **state)
{
    (void)state;
    char log[4096] = "";
    ad_context_options o;
    ad_context *context = NULL;
    ad_context_options_init(&o, sizeof o);
    o.log = log_line;
    o.log_user = log;
    assert_int_equal(ad_context_create(&o, &context), AD_OK);
    log[0] = '\0'; /* of the BLAS */
    const ad_read_options raw = reading(AD_ORIENTATION_RAW, 0);
    for (int value = 1; value <= 8; value++) {
        ad_image image;
        assert_int_equal(ad_image_read(context, path_of(value, "png"), NULL, &image), AD_OK);
        ad_image_release(&image);
        assert_int_equal(ad_image_read(context, path_of(value, "png"), &raw, &image), AD_OK);
        ad_image_release(&image);
        if (value == 1)
            assert_string_equal(log, "");
    }
    assert_non_null(strstr(log, "2.png' has EXIF orientation 2, which is not applied"));
    assert_ptr_equal(strchr(log, '\n'), log + strlen(log) - 1);
    ad_context_destroy(context);
}

enum { TIFF_TAGS = 10, TIFF_BYTES = 8 + 2 + 12 * TIFF_TAGS + 4 + 6 };

/* Three by two greys, with this tag. */
static void make_tiff(uint8_t *bytes, uint16_t orientation)
{
    const uint16_t at = TIFF_BYTES - 6;
    const uint16_t tags[TIFF_TAGS][2] = {{256, 3}, {257, 2},  {258, 8},           {259, 1}, {262, 1},
                                         {273, at}, {274, orientation}, {277, 1}, {278, 2}, {279, 6}};
    memset(bytes, 0, TIFF_BYTES);
    memcpy(bytes, "II*\0\010", 5);
    bytes[8] = TIFF_TAGS;
    for (int i = 0; i < TIFF_TAGS; i++) {
        uint8_t *e = bytes + 10 + 12 * i;
        e[0] = (uint8_t)tags[i][0];
        e[1] = (uint8_t)(tags[i][0] >> 8);
        e[2] = 3; /* one number of 16 bits */
        e[4] = 1;
        e[8] = (uint8_t)tags[i][1];
        e[9] = (uint8_t)(tags[i][1] >> 8);
    }
    for (int i = 0; i < 6; i++)
        bytes[at + i] = (uint8_t)(40 * i);
}

/* A tag that is no orientation means 1, in TIFF too, where libtiff complains of it. */
static void wrong_tag_of_tiff(void **state)
{
    (void)state;
    static const uint16_t tags[] = {1, 0, 9, 10, 65535, 6};
    uint8_t bytes[TIFF_BYTES];
    ad_context *context = NULL;
    if (!strstr(ad_build_info(), "TIFF"))
        skip();
    assert_int_equal(ad_context_create(NULL, &context), AD_OK);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        const int turned = tags[i] == 6;
        ad_image image = {0};
        make_tiff(bytes, tags[i]);
        assert_int_equal(ad_image_decode(context, bytes, sizeof bytes, NULL, &image), AD_OK);
        assert_int_equal(image.width, turned ? 2 : 3);
        assert_int_equal(*(const uint8_t *)image.pixels, turned ? 120 : 0);
        ad_image_release(&image);
    }
    ad_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_tag_of_tiff),
        cmocka_unit_test(as_pillow_shows_them),
        cmocka_unit_test(reduced),
        cmocka_unit_test(every_pixel),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
