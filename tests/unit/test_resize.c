/* Resize: Pillow's pixels bit for bit, the two-tap definition, and that formats, strides, windows
 * and kept memory change nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "adfeat.h"
#include "core/safetensors.h"
#include "harness/fault_alloc.h"
#include "harness/seeded.h"
#include "vision/vision.h"

#ifndef ADFEAT_GOLDEN_DIR
#define ADFEAT_GOLDEN_DIR "tests/golden"
#endif

static const int32_t filters[] = {ADI_RESIZE_CV_LINEAR, ADI_RESIZE_PIL_BILINEAR,
                                  ADI_RESIZE_PIL_LANCZOS};

/* The pixels that the golden scripts make: seeded bytes under the name "resize.WxH". */
static uint8_t *seeded_image(int w, int h)
{
    char name[32];
    snprintf(name, sizeof name, "resize.%dx%d", w, h);
    uint8_t *rgb = malloc((size_t)(3 * w * h));
    for (int i = 0; i < 3 * w * h; i++)
        rgb[i] = seeded_byte(name, (uint64_t)i);
    return rgb;
}

static uint8_t *resized(const ad_image *image, int w, int h, int32_t filter)
{
    uint8_t *out[2];
    for (int i = 0; i < 2; i++) { /* ref's, and the fastest */
        adi_resize_scratch scratch = {.allocator = &adi_default_allocator,
                                      .kernels = i ? adi_backend_cpu.host
                                                 : adi_backend_ref.host};
        out[i] = malloc((size_t)(3 * w * h));
        assert_non_null(out[i]);
        assert_int_equal(adi_resize_rgb8(out[i], w, h, image, filter, &scratch), AD_OK);
        adi_resize_scratch_free(&scratch);
    }
    assert_memory_equal(out[0], out[1], 3 * w * h);
    free(out[0]);
    return out[1];
}

static uint32_t resized_crc(int w, int h, int out_w, int out_h, int32_t filter)
{
    uint8_t *rgb = seeded_image(w, h);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, rgb, w, h, 3 * w);
    uint8_t *out = resized(&image, out_w, out_h, filter);
    const uint32_t crc = (uint32_t)crc32(0, out, (unsigned)(3 * out_w * out_h));
    free(out);
    free(rgb);
    return crc;
}

/* The reference card's vectors: an 8 x 8 ramp to 3 x 3. */
static void equals_the_card(void **state)
{
    (void)state;
    uint8_t ramp[64];
    for (int i = 0; i < 64; i++)
        ramp[i] = (uint8_t)(4 * i);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO8, ramp, 8, 8, 8);
    static const uint8_t bilinear[9] = {39, 49, 59, 116, 126, 136, 193, 203, 213};
    static const uint8_t lanczos[9] = {29, 40, 51, 115, 126, 137, 201, 212, 223};
    uint8_t *b = resized(&image, 3, 3, ADI_RESIZE_PIL_BILINEAR);
    uint8_t *l = resized(&image, 3, 3, ADI_RESIZE_PIL_LANCZOS);
    for (int i = 0; i < 27; i++) {
        assert_int_equal(b[i], bilinear[i / 3]);
        assert_int_equal(l[i], lanczos[i / 3]);
    }
    free(b);
    free(l);
}

/* crc32(Image.fromarray(golden_io.seeded_bytes("resize.WxH", (H, W, 3))).resize((OW, OH),
 * F).tobytes()) with Pillow 9.4.0, for F = Image.BILINEAR and Image.LANCZOS. */
static const struct pillow_case {
    int w, h, out_w, out_h;
    uint32_t bilinear, lanczos;
} pillow_cases[] = {
    {8, 8, 3, 3, 0xf68d9f3e, 0x39a78768},         {8, 8, 8, 3, 0xd574e7a1, 0x1c514ece},
    {8, 8, 3, 8, 0x3b7f0828, 0xdd39a321},         {37, 23, 224, 224, 0x226413d4, 0xc8d15065},
    {64, 48, 32, 24, 0xe125b40f, 0xa58426bd},     {100, 75, 99, 76, 0x83901a4f, 0xde8327cd},
    {256, 256, 224, 224, 0xbc625b35, 0x5bae976d}, {500, 333, 256, 256, 0xb336b5d0, 0x43a6158b},
    {333, 500, 17, 256, 0x3c4b51e1, 0x75f788c8},  {3, 2, 100, 1, 0x050ab4da, 0x3bb1458b},
    {2, 3, 1, 100, 0x226b9df2, 0x6d907180},       {1, 1, 7, 5, 0x3fdbc29d, 0x3fdbc29d},
    {1, 64, 64, 1, 0xd70121ab, 0x25424e01},       {64, 1, 1, 64, 0x864f2272, 0x300f0e6f},
    {4096, 3, 5, 7, 0xe81a2f37, 0xbb99780a},      {3, 4096, 7, 5, 0x85a968aa, 0x027a865c},
    {32768, 1, 9, 2, 0x32954330, 0x39aae15e},     {1, 32768, 2, 9, 0x77a54308, 0x6d631936},
    {1048576, 1, 9, 2, 0x10b4b1b2, 0xe9b3fceb},   {1, 1048576, 2, 9, 0x64b47370, 0x1c134ea4},
    {1048576, 2, 224, 3, 0xc696f607, 0x7095607e},
    {97, 131, 97, 50, 0xa11d0a35, 0x59e3d5f3},    {97, 131, 50, 131, 0x8c4a0c61, 0x989584fa},
    {31, 31, 30, 30, 0xa10d0dd4, 0x87c011c0},     {30, 30, 31, 31, 0xbb0625d8, 0x020ebad5},
    {640, 480, 341, 256, 0x151c8189, 0x36538f54},
};

static void equals_pillow(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pillow_cases / sizeof *pillow_cases; i++) {
        const struct pillow_case *p = &pillow_cases[i];
        assert_int_equal(resized_crc(p->w, p->h, p->out_w, p->out_h, ADI_RESIZE_PIL_BILINEAR),
                         p->bilinear);
        assert_int_equal(resized_crc(p->w, p->h, p->out_w, p->out_h, ADI_RESIZE_PIL_LANCZOS),
                         p->lanczos);
    }
}

static void equals_the_golden_file(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t filter;
    } names[] = {{"pil_bilinear", ADI_RESIZE_PIL_BILINEAR},
                 {"pil_lanczos", ADI_RESIZE_PIL_LANCZOS},
                 {"cv_linear_float", ADI_RESIZE_CV_LINEAR}};
    adi_safetensors *golden = NULL;
    assert_int_equal(
        adi_st_open(&adi_default_allocator, ADFEAT_GOLDEN_DIR "/vision.safetensors", &golden),
        AD_OK);
    int compared = 0;
    for (int32_t i = 0; i < adi_st_count(golden); i++) {
        const adi_st_tensor *t = adi_st_at(golden, i);
        for (int f = 0; f < 3; f++) {
            char name[128];
            int w, h, out_w, out_h, end = 0;
            snprintf(name, sizeof name, "resize.%s.", names[f].name);
            if (strncmp(t->name, name, strlen(name)) != 0 ||
                sscanf(t->name + strlen(name), "%dx%d_%dx%d.crc32%n", &w, &h, &out_w, &out_h,
                       &end) != 4 ||
                !end)
                continue;
            int64_t crc;
            assert_int_equal(t->dtype, ADI_I64);
            memcpy(&crc, t->data, sizeof crc);
            assert_int_equal(resized_crc(w, h, out_w, out_h, names[f].filter), crc);
            compared++;
        }
    }
    adi_st_close(golden);
    assert_true(compared >= 18);
}

static double two_tap(const uint8_t *rgb, int w, int h, double x, double y, int c)
{
    x = x < 0 ? 0 : x > w - 1 ? w - 1 : x;
    y = y < 0 ? 0 : y > h - 1 ? h - 1 : y;
    const int x0 = (int)x, y0 = (int)y;
    const int x1 = x0 + 1 < w ? x0 + 1 : x0, y1 = y0 + 1 < h ? y0 + 1 : y0;
    const double fx = x - x0, fy = y - y0;
    const double top = rgb[3 * (y0 * w + x0) + c] * (1 - fx) + rgb[3 * (y0 * w + x1) + c] * fx;
    const double low = rgb[3 * (y1 * w + x0) + c] * (1 - fx) + rgb[3 * (y1 * w + x1) + c] * fx;
    return top * (1 - fy) + low * fy;
}

static void equals_the_two_tap_definition(void **state)
{
    (void)state;
    static const int cases[][4] = {{8, 8, 3, 3}, {3, 3, 8, 8},  {1, 1, 4, 3},    {64, 48, 32, 24},
                                   {9, 1, 1, 9}, {1, 9, 9, 1},  {37, 23, 50, 7}, {5, 5, 5, 9},
                                   {5, 5, 9, 5}, {200, 3, 7, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int w = cases[i][0], h = cases[i][1], ow = cases[i][2], oh = cases[i][3];
        uint8_t *rgb = seeded_image(w, h);
        const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, rgb, w, h, 3 * w);
        uint8_t *out = resized(&image, ow, oh, ADI_RESIZE_CV_LINEAR);
        for (int y = 0; y < oh; y++)
            for (int x = 0; x < ow; x++)
                for (int c = 0; c < 3; c++) {
                    const double v =
                        two_tap(rgb, w, h, (x + 0.5) * w / ow - 0.5, (y + 0.5) * h / oh - 0.5, c);
                    assert_int_equal(out[3 * (y * ow + x) + c], (int)(v + 0.5));
                }
        free(out);
        free(rgb);
    }
}

static void copies_where_nothing_changes(void **state)
{
    (void)state;
    uint8_t *rgb = seeded_image(37, 23);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, rgb, 37, 23, 3 * 37);
    for (int f = 0; f < 3; f++) {
        uint8_t *out = resized(&image, 37, 23, filters[f]);
        assert_memory_equal(out, rgb, 3 * 37 * 23);
        free(out);
    }
    free(rgb);
}

/* A uniform image stays uniform: the fixed-point weights' error never reaches half a grey level. */
static void keeps_uniform_images(void **state)
{
    (void)state;
    static uint8_t grey[300 * 200];
    for (int level = 0; level < 256; level += 51) {
        memset(grey, level, sizeof grey);
        const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO8, grey, 300, 200, 300);
        for (int f = 0; f < 3; f++) {
            static const int sizes[][2] = {{7, 5}, {224, 224}, {1, 1}, {400, 3}};
            for (int s = 0; s < 4; s++) {
                uint8_t *out = resized(&image, sizes[s][0], sizes[s][1], filters[f]);
                for (int i = 0; i < 3 * sizes[s][0] * sizes[s][1]; i++)
                    assert_int_equal(out[i], level);
                free(out);
            }
        }
    }
}

/* Every format, packed, padded and bottom up, gives what its rows as packed RGB8 give. */
static void formats_and_strides_agree(void **state)
{
    (void)state;
    enum { W = 29, H = 21, STRIDE = 4 * W + 6 };
    static const uint32_t formats[] = {AD_PIXEL_MONO8, AD_PIXEL_MONO16, AD_PIXEL_RGB8,
                                       AD_PIXEL_BGR8,  AD_PIXEL_RGBA8,  AD_PIXEL_BGRA8};
    static uint16_t room[H * STRIDE / 2 + 1];
    for (int i = 0; i < H * STRIDE; i++)
        ((uint8_t *)room)[i] = seeded_byte("formats", (uint64_t)i);
    static const int sizes[][2] = {{29, 21}, {11, 13}, {29, 7}, {8, 21}, {64, 64}};
    for (size_t i = 0; i < 6; i++)
        for (int layout = 0; layout < 3; layout++) {
            const int stride =
                layout ? STRIDE : W * adi_pixel_bytes(formats[i]); /* packed, padded, bottom up */
            const ad_image view =
                AD_IMAGE_INIT(formats[i], (uint8_t *)room + (layout == 2 ? (H - 1) * stride : 0), W,
                              H, layout == 2 ? -stride : stride);
            static uint8_t packed[3 * W * H];
            for (int y = 0; y < H; y++)
                adi_row_to_rgb8(packed + 3 * W * y, &view, y, 0, W);
            const ad_image plain = AD_IMAGE_INIT(AD_PIXEL_RGB8, packed, W, H, 3 * W);
            for (int f = 0; f < 3; f++)
                for (int s = 0; s < 5; s++) {
                    uint8_t *a = resized(&view, sizes[s][0], sizes[s][1], filters[f]);
                    uint8_t *b = resized(&plain, sizes[s][0], sizes[s][1], filters[f]);
                    assert_memory_equal(a, b, (size_t)(3 * sizes[s][0] * sizes[s][1]));
                    free(a);
                    free(b);
                }
        }
}

static void windows_are_parts_of_the_whole(void **state)
{
    (void)state;
    uint8_t *rgb = seeded_image(61, 47);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, rgb, 61, 47, 3 * 61);
    static const int sizes[][2] = {{20, 18}, {61, 30}, {30, 47}, {100, 90}};
    static const int windows[][4] = {{0, 0, 1, 1}, {19, 17, 1, 1}, {3, 2, 11, 9}, {0, 5, 20, 3}};
    adi_resize_scratch scratch = {.allocator = &adi_default_allocator,
                                  .kernels = adi_backend_ref.host};
    for (int f = 0; f < 3; f++)
        for (int s = 0; s < 4; s++) {
            const int w = sizes[s][0], h = sizes[s][1];
            uint8_t *whole = resized(&image, w, h, filters[f]);
            for (int k = 0; k < 4; k++) {
                const int *v = windows[k];
                const adi_frame frame = {w, h, v[0], v[1], v[2], v[3]};
                assert_int_equal(adi_resize_begin(&scratch, &image, &frame, filters[f]), AD_OK);
                for (int y = 0; y < v[3]; y++)
                    assert_memory_equal(adi_resize_row(&scratch, &image, y),
                                        whole + 3 * ((v[1] + y) * w + v[0]), (size_t)(3 * v[2]));
            }
            free(whole);
        }
    adi_resize_scratch_free(&scratch);
    free(rgb);
}

static void keeps_its_memory(void **state)
{
    (void)state;
    fault_alloc counts = {0};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
    adi_resize_scratch scratch = {.allocator = &a, .kernels = adi_backend_ref.host};
    uint8_t *rgb = seeded_image(61, 47);
    ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, rgb, 61, 47, 3 * 61);
    static uint8_t first[3 * 32 * 32], again[3 * 32 * 32];
    for (int f = 0; f < 3; f++) {
        assert_int_equal(adi_resize_rgb8(first, 32, 32, &image, filters[f], &scratch), AD_OK);
        const long calls = counts.calls;
        for (int i = 0; i < 3; i++) {
            memset(again, 0, sizeof again);
            assert_int_equal(adi_resize_rgb8(again, 32, 32, &image, filters[f], &scratch), AD_OK);
            assert_memory_equal(first, again, sizeof first);
        }
        assert_int_equal(counts.calls, calls);
        /* a smaller image and a grey one fit into what is there, and going back is right too */
        image.width = 30, image.height = 40;
        assert_int_equal(adi_resize_rgb8(again, 20, 20, &image, filters[f], &scratch), AD_OK);
        image.width = 61, image.height = 47, image.format = AD_PIXEL_MONO8;
        assert_int_equal(adi_resize_rgb8(again, 32, 32, &image, filters[f], &scratch), AD_OK);
        image.format = AD_PIXEL_RGB8;
        assert_int_equal(adi_resize_rgb8(again, 32, 32, &image, filters[f], &scratch), AD_OK);
        assert_memory_equal(first, again, sizeof first);
        assert_int_equal(counts.calls, calls);
    }
    adi_resize_scratch_free(&scratch);
    adi_resize_scratch_free(&scratch);
    assert_int_equal(counts.live, 0);
    free(rgb);
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    fault_alloc counts = {.fail_at = 2};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
    adi_resize_scratch scratch = {.allocator = &a, .kernels = adi_backend_ref.host};
    uint8_t *rgb = seeded_image(61, 47);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, rgb, 61, 47, 3 * 61);
    static uint8_t before[3 * 9 * 8], out[3 * 320 * 320];
    assert_int_equal(adi_resize_rgb8(before, 9, 8, &image, ADI_RESIZE_PIL_LANCZOS, &scratch), AD_OK);
    assert_int_equal(adi_resize_rgb8(out, 320, 320, &image, ADI_RESIZE_PIL_LANCZOS, &scratch),
                     AD_ERR_OUT_OF_MEMORY);
    assert_string_equal(ad_last_error_message(), "out of memory");
    /* the tables for the old size are still good */
    assert_int_equal(adi_resize_rgb8(out, 9, 8, &image, ADI_RESIZE_PIL_LANCZOS, &scratch), AD_OK);
    assert_memory_equal(before, out, sizeof before);
    assert_int_equal(counts.calls, 2);
    adi_resize_scratch_free(&scratch);
    assert_int_equal(counts.live, 0);
    free(rgb);
}

static void refuses_bad_arguments(void **state)
{
    (void)state;
    static const uint8_t pixel[3] = {1, 2, 3};
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixel, 1, 1, 3);
    static const int64_t windows[][4] = {{-1, 0, 4, 4}, {0, -1, 4, 4}, {0, 0, 9, 4}, {0, 0, 4, 9},
                                         {5, 0, 4, 4},  {0, 5, 4, 4},  {0, 0, 0, 4}, {0, 0, 4, 0}};
    adi_resize_scratch s = {.allocator = &adi_default_allocator,
                            .kernels = adi_backend_ref.host};
    for (int i = 0; i < 8; i++) {
        const int64_t *v = windows[i];
        const adi_frame frame = {8, 8, v[0], v[1], v[2], v[3]};
        assert_int_equal(adi_resize_begin(&s, &image, &frame, 1), AD_ERR_INVALID_ARGUMENT);
    }
    const adi_frame whole = {8, 8, 0, 0, 8, 8};
    assert_int_equal(adi_resize_begin(&s, &image, &whole, 3), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(adi_resize_begin(&s, &image, &whole, -1), AD_ERR_INVALID_ARGUMENT);
    assert_null(s.block);
    adi_resize_scratch_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_card),
        cmocka_unit_test(equals_pillow),
        cmocka_unit_test(equals_the_golden_file),
        cmocka_unit_test(equals_the_two_tap_definition),
        cmocka_unit_test(copies_where_nothing_changes),
        cmocka_unit_test(keeps_uniform_images),
        cmocka_unit_test(formats_and_strides_agree),
        cmocka_unit_test(windows_are_parts_of_the_whole),
        cmocka_unit_test(keeps_its_memory),
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(refuses_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
