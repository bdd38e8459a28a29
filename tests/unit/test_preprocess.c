/* Preprocessing: torchvision's size and crop rules, the normalisation, and bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "adfeat.h"
#include "harness/fault_alloc.h"
#include "harness/seeded.h"
#include "vision/vision.h"

#define IMAGENET                                                                                   \
    {0.485f, 0.456f, 0.406f},                                                                      \
    {                                                                                              \
        0.229f, 0.224f, 0.225f                                                                     \
    }
#define NONE                                                                                       \
    {0.0f, 0.0f, 0.0f},                                                                            \
    {                                                                                              \
        1.0f, 1.0f, 1.0f                                                                           \
    }

/* int(size * long / short) by Python, and the crop's start int(round((long - crop) / 2)). */
static void follows_torchvision(void **state)
{
    (void)state;
    static const struct {
        int w, h, size, out_w, out_h;
    } cases[] = {
        {512, 512, 256, 256, 256}, {300, 200, 256, 384, 256},     {200, 300, 256, 256, 384},
        {576, 768, 256, 256, 341}, {768, 576, 256, 341, 256},     {7, 5, 224, 313, 224},
        {1, 1, 224, 224, 224},     {1, 32768, 224, 224, 7340032}, {32768, 1, 4096, 134217728, 4096},
        {1, 1048576, 224, 224, 234881024},
        {3, 2, 1, 1, 1},           {1000, 999, 999, 1000, 999},   {49, 3, 3, 49, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        adi_preprocess p = {ADI_RESIZE_PIL_BILINEAR, ADI_ASPECT_SHORTER_SIDE, cases[i].size, 1, NONE, 0};
        adi_frame f = adi_frame_of(&p, cases[i].w, cases[i].h);
        assert_int_equal(f.whole_w, cases[i].out_w);
        assert_int_equal(f.whole_h, cases[i].out_h);
        p.aspect = ADI_ASPECT_SQUARE;
        f = adi_frame_of(&p, cases[i].w, cases[i].h);
        assert_int_equal(f.whole_w, cases[i].size);
        assert_int_equal(f.whole_h, cases[i].size);
    }
}

static uint8_t *seeded_pixels(size_t bytes)
{
    uint8_t *p = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        p[i] = seeded_byte("preprocess", i);
    return p;
}

/* Against a whole resize, a crop and a division in double. */
static void expect_input(const adi_preprocess *p, const ad_image *image, int64_t x0, int64_t y0)
{
    adi_resize_scratch scratch = {.allocator = &adi_default_allocator,
                                  .kernels = adi_backend_ref.host};
    adi_resize_scratch other = {.allocator = &adi_default_allocator,
                                .kernels = adi_backend_ref.host};
    const adi_frame f = adi_frame_of(p, image->width, image->height);
    const int64_t w = f.whole_w, h = f.whole_h;
    uint8_t *whole = malloc((size_t)(3 * w * h));
    assert_int_equal(adi_resize_rgb8(whole, w, h, image, p->resize, &other), AD_OK);
    const size_t n = (size_t)(3 * p->crop * p->crop);
    float *input = malloc(n * sizeof *input), *again = malloc(n * sizeof *again);
    uint8_t *rgb = malloc(n);
    for (int twice = 0; twice < 2; twice++) {
        memset(input, 0xff, n * sizeof *input);
        assert_int_equal(adi_preprocess_run(p, &f, input, twice ? rgb : NULL, image, &scratch),
                         AD_OK);
        for (int64_t y = 0; y < p->crop; y++)
            for (int64_t x = 0; x < p->crop; x++)
                for (int c = 0; c < 3; c++) {
                    const double v = whole[3 * ((y0 + y) * w + x0 + x) + c] / 255.0;
                    const double expected = (v - (double)p->mean[c]) / (double)p->std[c];
                    const double got = (double)input[3 * (y * p->crop + x) + c];
                    assert_true(got > expected - 1e-6 && got < expected + 1e-6);
                }
    }
    for (int64_t y = 0; y < p->crop; y++)
        assert_memory_equal(rgb + 3 * p->crop * y, whole + 3 * ((y0 + y) * w + x0), (size_t)(3 * p->crop));
    adi_preprocess_from_bytes(p, again, rgb, p->crop * p->crop);
    assert_memory_equal(again, input, n * sizeof *again);
    free(rgb);
    free(again);
    free(input);
    free(whole);
    adi_resize_scratch_free(&scratch);
    adi_resize_scratch_free(&other);
}

static void crops_and_normalises(void **state)
{
    (void)state;
    static const struct {
        int w, h;
        adi_preprocess p;
        int x0, y0;
    } cases[] = {
        {64, 64, {ADI_RESIZE_PIL_BILINEAR, ADI_ASPECT_SQUARE, 32, 28, IMAGENET, 0}, 2, 2},
        {64, 40, {ADI_RESIZE_PIL_LANCZOS, ADI_ASPECT_SQUARE, 32, 32, IMAGENET, 0}, 0, 0},
        {64, 40, {ADI_RESIZE_CV_LINEAR, ADI_ASPECT_SQUARE, 33, 30, NONE, 0}, 2, 2}, /* 1.5 to even */
        {64, 40, {ADI_RESIZE_CV_LINEAR, ADI_ASPECT_SQUARE, 33, 28, NONE, 0}, 2, 2}, /* 2.5 to even */
        {64, 40, {ADI_RESIZE_CV_LINEAR, ADI_ASPECT_SQUARE, 33, 32, NONE, 0}, 0, 0}, /* 0.5 to even */
        {40, 64, {ADI_RESIZE_PIL_BILINEAR, ADI_ASPECT_SHORTER_SIDE, 20, 16, IMAGENET, 0}, 2, 8},
        {64, 40, {ADI_RESIZE_PIL_LANCZOS, ADI_ASPECT_SHORTER_SIDE, 20, 20, IMAGENET, 0}, 6, 0},
        {64, 40, {ADI_RESIZE_PIL_BILINEAR, ADI_ASPECT_SHORTER_SIDE, 40, 40, IMAGENET, 0}, 12, 0},
        {7, 5, {ADI_RESIZE_PIL_BILINEAR, ADI_ASPECT_SHORTER_SIDE, 24, 1, IMAGENET, 0}, 16, 12},
        {1, 1, {ADI_RESIZE_CV_LINEAR, ADI_ASPECT_SHORTER_SIDE, 8, 5, IMAGENET, 0}, 2, 2},
    };
    uint8_t *pixels = seeded_pixels(64 * 64 * 4);
    static const uint32_t formats[] = {AD_PIXEL_MONO8, AD_PIXEL_RGB8, AD_PIXEL_BGRA8};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int f = 0; f < 3; f++) {
            const ad_image image = AD_IMAGE_INIT(formats[f], pixels, cases[i].w, cases[i].h,
                                                 cases[i].w * adi_pixel_bytes(formats[f]));
            expect_input(&cases[i].p, &image, cases[i].x0, cases[i].y0);
        }
    free(pixels);
}

/* float32 in torch's order, ToTensor() then Normalize(): computed with torch 1.13. */
static void equals_torch(void **state)
{
    (void)state;
    static const uint8_t pixel[3] = {255, 128, 7};
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixel, 1, 1, 3);
    const adi_preprocess p = {ADI_RESIZE_CV_LINEAR, ADI_ASPECT_SQUARE, 1, 1, IMAGENET, 0};
    adi_resize_scratch scratch = {.allocator = &adi_default_allocator,
                                  .kernels = adi_backend_ref.host};
    const adi_frame f = adi_frame_of(&p, 1, 1);
    float input[3];
    assert_int_equal(adi_preprocess_run(&p, &f, input, NULL, &image, &scratch), AD_OK);
    static const float expected[3] = {0x1.1fdc3ap+1f, 0x1.a4369p-3f, -0x1.aeb464p+0f};
    assert_memory_equal(input, expected, sizeof expected);
    adi_resize_scratch_free(&scratch);
}

enum { STRIP = 1 << 20 };

/* A strip of 1 x 2^20 resized to 224 x 234881024: only the crop's window may cost anything. */
static void stays_small_for_strips(void **state)
{
    (void)state;
    uint8_t *pixels = seeded_pixels(STRIP);
    float *input = malloc(sizeof(float) * 3 * 224 * 224);
    static const adi_preprocess p = {ADI_RESIZE_PIL_LANCZOS, ADI_ASPECT_SHORTER_SIDE, 224, 224,
                                     IMAGENET, 0};
    for (int lying = 0; lying < 2; lying++) {
        fault_alloc counts = {0};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
        adi_resize_scratch scratch = {.allocator = &a, .kernels = adi_backend_ref.host};
        const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO8, pixels, lying ? STRIP : 1,
                                             lying ? 1 : STRIP, lying ? STRIP : 1);
        const adi_frame f = adi_frame_of(&p, image.width, image.height);
        assert_int_equal(adi_preprocess_run(&p, &f, input, NULL, &image, &scratch), AD_OK);
        assert_int_equal(counts.calls, 1);
        assert_true(counts.peak < (1 << 18) + 3 * STRIP); /* a row in RGB at most */
        assert_int_equal(adi_preprocess_run(&p, &f, input, NULL, &image, &scratch), AD_OK);
        assert_int_equal(counts.calls, 1); /* nothing more for a second frame of that size */
        adi_resize_scratch_free(&scratch);
        assert_int_equal(counts.live, 0);
    }
    free(input);
    free(pixels);
}

static void survives_a_failing_allocation(void **state)
{
    (void)state;
    static const uint8_t pixel[3] = {1, 2, 3};
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixel, 1, 1, 3);
    const adi_preprocess p = {ADI_RESIZE_PIL_BILINEAR, ADI_ASPECT_SQUARE, 1, 1, IMAGENET, 0};
    fault_alloc counts = {.fail_at = 1};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
    adi_resize_scratch scratch = {.allocator = &a, .kernels = adi_backend_ref.host};
    const adi_frame f = adi_frame_of(&p, 1, 1);
    float input[3];
    assert_int_equal(adi_preprocess_run(&p, &f, input, NULL, &image, &scratch),
                     AD_ERR_OUT_OF_MEMORY);
    assert_int_equal(adi_preprocess_run(&p, &f, input, NULL, &image, &scratch), AD_OK);
    adi_resize_scratch_free(&scratch);
    assert_int_equal(counts.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_torchvision),
        cmocka_unit_test(crops_and_normalises),
        cmocka_unit_test(equals_torch),
        cmocka_unit_test(stays_small_for_strips),
        cmocka_unit_test(survives_a_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
