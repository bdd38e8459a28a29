/* PNG writing: every format and stride read back, by libpng's own simple reader and by ours. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <png.h>

#include "adfeat.h"
#include "core/file.h"
#include "harness/fault_alloc.h"
#include "harness/image_source.h"
#include "harness/seeded.h"
#include "vision/vision.h"

static const uint32_t formats[] = {AD_PIXEL_MONO8, AD_PIXEL_MONO16, AD_PIXEL_RGB8,
                                   AD_PIXEL_BGR8,  AD_PIXEL_RGBA8,  AD_PIXEL_BGRA8};

static char folder[256];
static char path[300];

static int set_up(void **state)
{
    (void)state;
    const char *where = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/adfeat-encode-png-XXXXXX", where ? where : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/image.png", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails where a temporary file was left behind */
}

static int files_in_folder(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return n;
}

/* What libpng's simplified reader, which shares nothing with ours, makes of the file. */
static void read_rgba(uint8_t *rgba, int w, int h, bool expect_alpha)
{
    png_image reader = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&reader, path));
    assert_int_equal(reader.width, w);
    assert_int_equal(reader.height, h);
    assert_int_equal((reader.format & PNG_FORMAT_FLAG_ALPHA) != 0, expect_alpha);
    reader.format = PNG_FORMAT_RGBA;
    assert_true(png_image_finish_read(&reader, NULL, rgba, 0, NULL));
}

static ad_image read_back(void)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    ad_image image = {0};
    assert_int_equal(adi_file_read(&adi_default_allocator, path, 1 << 20, &bytes, &size), AD_OK);
    assert_int_equal(read_image(adi_decode_png, &adi_default_allocator, bytes, size, &image), AD_OK);
    adi_free(&adi_default_allocator, bytes);
    return image;
}

static void expect_file(const ad_image *view)
{
    const int n = adi_pixel_bytes(view->format);
    const int w = (int)view->width, h = (int)view->height;
    ad_image back = read_back();
    assert_int_equal(back.width, w);
    assert_int_equal(back.height, h);
    assert_int_equal(back.format, n <= 2 ? view->format : (uint32_t)AD_PIXEL_RGB8);
    uint8_t *rgba = malloc((size_t)(4 * w * h));
    if (n != 2) /* the simple reader takes 16 bits as linear light */
        read_rgba(rgba, w, h, n == 4);
    for (int y = 0; y < h; y++) {
        const uint8_t *line = (const uint8_t *)view->pixels + y * view->row_bytes;
        if (n <= 2)
            assert_memory_equal((const uint8_t *)back.pixels + y * back.row_bytes, line,
                                (size_t)(n * w));
        uint8_t expected[3 * 64];
        adi_row_to_rgb8(expected, view, y, 0, w);
        for (int x = 0; x < w && n != 2; x++) {
            assert_memory_equal(rgba + 4 * (y * w + x), expected + 3 * x, 3);
            assert_int_equal(rgba[4 * (y * w + x) + 3], n == 4 ? line[4 * x + 3] : 255);
        }
    }
    free(rgba);
    adi_image_free(&back);
}

static void writes_every_format_and_stride(void **state)
{
    (void)state;
    enum { ROOM = 40 * 40 * 4 };
    static uint16_t room[ROOM / 2];
    for (int i = 0; i < ROOM; i++)
        ((uint8_t *)room)[i] = seeded_byte("encode", (uint64_t)i);
    static const int sides[][2] = {{1, 1}, {13, 9}, {32, 20}};
    for (size_t f = 0; f < 6; f++)
        for (int s = 0; s < 3; s++)
            for (int layout = 0; layout < 3; layout++) { /* packed, padded, bottom up */
                const int w = sides[s][0], h = sides[s][1];
                const int stride = w * adi_pixel_bytes(formats[f]) + (layout ? 6 : 0);
                const ad_image view = AD_IMAGE_INIT(
                    formats[f], (uint8_t *)room + (layout == 2 ? (h - 1) * stride : 0), w, h,
                    layout == 2 ? -stride : stride);
                fault_alloc counts = {0};
                const adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
                assert_int_equal(adi_encode_png(&a, &view, path), AD_OK);
                assert_int_equal(counts.live, 0);
                assert_int_equal(files_in_folder(), 1);
                expect_file(&view);
            }
}

static void keeps_the_old_file_when_memory_fails(void **state)
{
    (void)state;
    static const uint8_t old_pixels[4] = {1, 2, 3, 4}, new_pixels[4] = {5, 6, 7, 8};
    const ad_image before = AD_IMAGE_INIT(AD_PIXEL_MONO8, old_pixels, 2, 2, 2);
    const ad_image after = AD_IMAGE_INIT(AD_PIXEL_MONO8, new_pixels, 2, 2, 2);
    assert_int_equal(adi_encode_png(&adi_default_allocator, &before, path), AD_OK);
    for (long n = 1;; n++) {
        fault_alloc counts = {.fail_at = n};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
        const ad_status status = adi_encode_png(&a, &after, path);
        assert_int_equal(counts.live, 0);
        assert_int_equal(files_in_folder(), 1);
        expect_file(status == AD_OK ? &after : &before);
        if (status == AD_OK) {
            assert_true(n > 3);
            break;
        }
        assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
        assert_string_equal(ad_last_error_message(), "out of memory");
    }
}

static void refuses_bad_views_and_places(void **state)
{
    (void)state;
    static const uint8_t pixels[4] = {1, 2, 3, 4};
    const ad_image good = AD_IMAGE_INIT(AD_PIXEL_MONO8, pixels, 2, 2, 2);
    char nowhere[400];
    snprintf(nowhere, sizeof nowhere, "%s/no/such/folder.png", folder);
    assert_int_equal(adi_encode_png(&adi_default_allocator, &good, nowhere), AD_ERR_IO);
    ad_image bad = good;
    bad.row_bytes = 1;
    snprintf(nowhere, sizeof nowhere, "%s/never.png", folder);
    assert_int_equal(adi_encode_png(&adi_default_allocator, &bad, nowhere),
                     AD_ERR_INVALID_ARGUMENT);
    assert_int_not_equal(access(nowhere, F_OK), 0);
}

/* A limit on the size of files makes write() fail in the middle, as a full disk does. */
static void keeps_the_old_file_when_writing_fails(void **state)
{
    (void)state;
    static uint8_t pixels[64 * 64];
    for (int i = 0; i < 64 * 64; i++)
        pixels[i] = seeded_byte("noise", (uint64_t)i);
    const ad_image before = AD_IMAGE_INIT(AD_PIXEL_MONO8, pixels, 2, 2, 2);
    const ad_image after = AD_IMAGE_INIT(AD_PIXEL_MONO8, pixels, 64, 64, 64);
    assert_int_equal(adi_encode_png(&adi_default_allocator, &before, path), AD_OK);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    const rlim_t sizes[] = {0, 20, 1000};
    for (int i = 0; i < 3; i++) {
        const struct rlimit small = {sizes[i], limit.rlim_max};
        fault_alloc counts = {0};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        const ad_status status = adi_encode_png(&a, &after, path);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        assert_int_equal(status, AD_ERR_IO);
        assert_int_equal(counts.live, 0);
        assert_int_equal(files_in_folder(), 1);
        expect_file(&before);
    }
    signal(SIGXFSZ, handler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_every_format_and_stride),
        cmocka_unit_test(keeps_the_old_file_when_memory_fails),
        cmocka_unit_test(refuses_bad_views_and_places),
        cmocka_unit_test(keeps_the_old_file_when_writing_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
