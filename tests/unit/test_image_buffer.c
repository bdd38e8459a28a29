/* Pixel formats, the check of views, owned images, rows as RGB8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "adfeat.h"
#include "harness/fault_alloc.h"
#include "vision/vision.h"

static const uint32_t formats[] = {AD_PIXEL_MONO8, AD_PIXEL_MONO16, AD_PIXEL_RGB8,
                                   AD_PIXEL_BGR8,  AD_PIXEL_RGBA8,  AD_PIXEL_BGRA8};
static const int32_t sizes[] = {1, 2, 3, 3, 4, 4};

static void knows_every_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(adi_pixel_bytes(formats[i]), sizes[i]);
        /* PFNC codes hold the bits per pixel themselves */
        assert_int_equal(formats[i] >> 16 & 0xff, 8 * sizes[i]);
    }
    assert_int_equal(adi_pixel_bytes(0), 0);
    assert_int_equal(adi_pixel_bytes(0x01080002), 0);
}

static void refuse(const ad_image *image, ad_status expected)
{
    const ad_status ignored = adi_fail(AD_ERR_STATE, "stale");
    (void)ignored;
    assert_int_equal(adi_image_check(image), expected);
    assert_string_not_equal(ad_last_error_message(), "stale");
    assert_true(strlen(ad_last_error_message()) > 10);
}

static void checks_views(void **state)
{
    (void)state;
    static uint16_t pixels[64 * 4];
    for (size_t i = 0; i < 6; i++) {
        const ad_image good = AD_IMAGE_INIT(formats[i], pixels, 7, 5, 7 * sizes[i]);
        ad_image v = good;
        assert_int_equal(adi_image_check(&v), AD_OK);
        v.row_bytes = -7 * sizes[i];
        assert_int_equal(adi_image_check(&v), AD_OK);
        v.row_bytes = 7 * sizes[i] + 6;
        assert_int_equal(adi_image_check(&v), AD_OK);
        v.row_bytes = 7 * sizes[i] - 1;
        refuse(&v, AD_ERR_INVALID_ARGUMENT);
        v.row_bytes = -(7 * sizes[i] - 1);
        refuse(&v, AD_ERR_INVALID_ARGUMENT);
        v.row_bytes = 0;
        refuse(&v, AD_ERR_INVALID_ARGUMENT);
        v.row_bytes = INT64_MIN;
        refuse(&v, AD_ERR_INVALID_ARGUMENT);
        v.row_bytes = INT64_MAX;
        refuse(&v, AD_ERR_INVALID_ARGUMENT);
        v = good, v.struct_size = 0;
        refuse(&v, AD_ERR_INVALID_ARGUMENT);
        struct later { /* from a later version, with fields appended */
            ad_image known;
            int64_t appended[2];
        } later = {good, {0, 0}};
        later.known.struct_size = sizeof later;
        assert_int_equal(adi_image_check(&later.known), AD_OK);
        later.appended[1] = 1; /* it would be ignored */
        refuse(&later.known, AD_ERR_INVALID_ARGUMENT);
        v = good, v.struct_size = UINT32_MAX;
        refuse(&v, AD_ERR_INVALID_ARGUMENT);
        v = good, v.format = 1;
        refuse(&v, AD_ERR_INVALID_ARGUMENT);
        v = good, v.pixels = NULL;
        refuse(&v, AD_ERR_INVALID_ARGUMENT);
        const int64_t sides[] = {0, -1, 1048577, INT64_MAX, INT64_MIN};
        for (size_t s = 0; s < 5; s++) {
            v = good, v.width = sides[s];
            refuse(&v, AD_ERR_SHAPE);
            v = good, v.height = sides[s];
            refuse(&v, AD_ERR_SHAPE);
        }
    }
    refuse(NULL, AD_ERR_INVALID_ARGUMENT);
    ad_image odd = AD_IMAGE_INIT(AD_PIXEL_MONO16, pixels, 7, 5, 15);
    refuse(&odd, AD_ERR_INVALID_ARGUMENT);
    odd = (ad_image)AD_IMAGE_INIT(AD_PIXEL_MONO16, (uint8_t *)pixels + 1, 7, 5, 14);
    refuse(&odd, AD_ERR_INVALID_ARGUMENT);
}

static void checks_sizes_of_files(void **state)
{
    (void)state;
    assert_int_equal(adi_image_check_size("PNG", 1, 1, NULL), AD_OK);
    assert_int_equal(adi_image_check_size("PNG", 32768, 8192, NULL), AD_OK);
    assert_int_equal(adi_image_check_size("PNG", 32768, 8193, NULL), AD_ERR_SHAPE);
    assert_int_equal(adi_image_check_size("PNG", 1048576, 256, NULL), AD_OK);
    assert_int_equal(adi_image_check_size("PNG", 257, 1048576, NULL), AD_ERR_SHAPE);
    assert_int_equal(adi_image_check_size("PNG", 1, 1048577, NULL), AD_ERR_SHAPE);
    assert_int_equal(adi_image_check_size("PNG", 1048577, 1, NULL), AD_ERR_SHAPE);
    assert_non_null(strstr(ad_last_error_message(), "PNG: image is 1048577x1"));
}

static void owns_pixels(void **state)
{
    (void)state;
    fault_alloc counts = {0};
    for (size_t i = 0; i < 6; i++) {
        adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
        ad_image image;
        assert_int_equal(adi_image_alloc(&a, formats[i], 7, 5, &image), AD_OK);
        memset(&a, 0, sizeof a); /* the image remembers a copy */
        assert_int_equal(adi_image_check(&image), AD_OK);
        assert_int_equal(image.row_bytes, 7 * sizes[i]);
        assert_int_equal((uintptr_t)image.pixels % ADI_ALIGNMENT, 0);
        memset((void *)(uintptr_t)image.pixels, 255, (size_t)(image.row_bytes * image.height));
        assert_int_equal(counts.live, 1);
        adi_image_free(&image);
        assert_null(image.owner);
        assert_null(image.pixels);
        assert_int_equal(counts.live, 0);
        adi_image_free(&image);
    }
    fault_alloc fails = {.fail_at = 1};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fails};
    ad_image untouched = {0};
    assert_int_equal(adi_image_alloc(&a, AD_PIXEL_MONO8, 1, 1, &untouched), AD_ERR_OUT_OF_MEMORY);
    assert_null(untouched.owner);
    uint8_t pixel = 0;
    ad_image view = AD_IMAGE_INIT(AD_PIXEL_MONO8, &pixel, 1, 1, 1);
    adi_image_free(&view);
    assert_ptr_equal(view.pixels, &pixel);
    adi_image_free(NULL);
}

static void converts_rows(void **state)
{
    (void)state;
    enum { W = 5, H = 3, PAD = 6 };
    for (size_t f = 0; f < 6; f++)
        for (int up = 0; up < 2; up++) {
            const int n = sizes[f], stride = W * n + PAD;
            uint16_t room[H * (W * 4 + PAD)];
            uint8_t *bytes = (uint8_t *)room;
            for (int i = 0; i < H * stride; i++)
                bytes[i] = (uint8_t)(i * 37 + 11);
            const ad_image v = AD_IMAGE_INIT(formats[f], up ? bytes + (H - 1) * stride : bytes, W,
                                             H, up ? -stride : stride);
            for (int y = 0; y < H; y++)
                for (int x0 = 0; x0 < W; x0++)
                    for (int x1 = x0; x1 <= W; x1++) {
                        uint8_t rgb[3 * W + 1];
                        memset(rgb, 0x5a, sizeof rgb);
                        adi_row_to_rgb8(rgb, &v, y, x0, x1);
                        assert_int_equal(rgb[3 * (x1 - x0)], 0x5a); /* nothing beyond the end */
                        for (int x = x0; x < x1; x++)
                            for (int c = 0; c < 3; c++) {
                                const uint8_t *p = bytes + (up ? H - 1 - y : y) * stride + x * n;
                                uint16_t wide;
                                memcpy(&wide, p, n == 1 ? 1 : 2);
                                const bool bgr =
                                    formats[f] == AD_PIXEL_BGR8 || formats[f] == AD_PIXEL_BGRA8;
                                const int expected = n == 1   ? p[0]
                                                     : n == 2 ? ((wide + 128) / 257 > wide / 256 ? (wide + 128) / 257 : wide / 256)
                                                              : p[bgr ? 2 - c : c];
                                assert_int_equal(rgb[3 * (x - x0) + c], expected);
                            }
                    }
        }
}

static void scales_16_bits(void **state)
{
    (void)state;
    for (uint32_t v = 0; v <= 65535; v++)
        assert_int_equal(adi_16_to_8((uint16_t)v), (v * 255u * 2 + 65535) / (2 * 65535u));
    for (uint32_t x = 0; x <= 255; x++) { /* of x << 8, as cameras have it, and of the full range */
        assert_int_equal(adi_grey_to_8((uint16_t)(x << 8)), x);
        assert_int_equal(adi_grey_to_8((uint16_t)(257 * x)), x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_format),    cmocka_unit_test(checks_views),
        cmocka_unit_test(checks_sizes_of_files), cmocka_unit_test(owns_pixels),
        cmocka_unit_test(converts_rows),         cmocka_unit_test(scales_16_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
