/* Depth files into an image's depth plane: 16-bit PNG, TIFF of floats where libtiff is there; whose memory it is; what is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/tiny.h"
#include "tiff_bytes.h"

enum { W = 7, H = 5 };

static char *path;
static ad_context *context;
static fault_alloc counter;

static int set_up(void **state)
{
    (void)state;
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.alloc = fault_alloc_get;
    o.free = fault_alloc_put;
    o.alloc_user = &counter;
    path = tiny_path("depth");
    return ad_context_create(&o, &context);
}

static int tear_down(void **state)
{
    (void)state;
    ad_context_destroy(context);
    unlink(path);
    free(path);
    return atomic_load(&counter.live) != 0;
}

static void put_bytes(const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* Millimetres: i + 1 at pixel i, and none at the first. */
static void put_png(int64_t w, int64_t h)
{
    uint16_t z[W * H + 200];
    for (int i = 0; i < w * h; i++)
        z[i] = (uint16_t)(i ? 1000 * i + 1 : 0);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO16, z, w, h, w * 2);
    assert_int_equal(ad_image_write_png(context, &image, path), AD_OK);
}

/* Refused, and the image is as before; nothing is kept. */
static void refused(double scale, ad_image *image, ad_status want, const char *part)
{
    const long live = atomic_load(&counter.live);
    const ad_image before = *image;
    const ad_status got = ad_image_read_depth(context, path, scale, image);
    if (got != want || !strstr(ad_last_error_message(), part))
        fail_msg("%s, '%s': not %s, '%s'", ad_status_name(got), got ? ad_last_error_message() : "", ad_status_name(want), part);
    assert_memory_equal(&before, image, sizeof before);
    assert_int_equal(atomic_load(&counter.live), live);
}

static ad_image bare(void)
{
    return (ad_image)AD_IMAGE_INIT(0, NULL, 0, 0, 0);
}

/* ---- PNG ---- */

static void png_by_scale(void **state)
{
    (void)state;
    static const double scales[] = {0.0, 0.001, 1.0, 0.25, 1e6};
    put_png(W, H);
    for (int s = 0; s < 5; s++) {
        ad_image image = bare();
        assert_int_equal(ad_image_read_depth(context, path, scales[s], &image), AD_OK);
        assert_true(image.width == W && image.height == H && image.depth_width == W && image.depth_height == H);
        assert_int_equal(image.depth_pixel_bytes, sizeof(float));
        assert_int_equal(image.depth_row_bytes, W * sizeof(float));
        assert_null(image.pixels);
        for (int i = 0; i < W * H; i++)
            assert_true(image.depth[i] == (float)((s ? scales[s] : 0.001) * (i ? 1000 * i + 1 : 0)));
        ad_image_release(&image);
        assert_null(image.depth);
        assert_null(image.depth_owner);
        ad_image_release(&image);
    }
    ad_image image = bare();
    refused(-1.0, &image, AD_ERR_INVALID_ARGUMENT, "scale is -1, 0 to 1e6 is possible");
    refused(NAN, &image, AD_ERR_INVALID_ARGUMENT, "scale is ");
    refused(INFINITY, &image, AD_ERR_INVALID_ARGUMENT, "scale is inf");
    image.struct_size = offsetof(ad_image, depth);
    refused(0.0, &image, AD_ERR_INVALID_ARGUMENT, "is needed for depth");
}

static void log_line(void *user, ad_log_level level, const char *text)
{
    if (level == AD_LOG_WARNING)
        snprintf(user, 512, "%s", text);
}

/* Another unit than metres shows in the values, where no scale was said. */
static void far_away(void **state)
{
    (void)state;
    char log[512] = "";
    ad_context_options o;
    ad_context *logged = NULL;
    ad_context_options_init(&o, sizeof o);
    o.log = log_line;
    o.log_user = log;
    assert_int_equal(ad_context_create(&o, &logged), AD_OK);
    log[0] = '\0';
    static const struct {
        uint16_t value, other;
        double scale;
        int far;
    } cases[] = {{49000, 60000, 0.0, 0}, {60000, 0, 0.001, 0}, {60000, 0, 0.0, 1}};
    for (int i = 0; i < 3; i++) {
        const uint16_t z[] = {cases[i].value, cases[i].other, cases[i].value, 0};
        const ad_image written = AD_IMAGE_INIT(AD_PIXEL_MONO16, z, 4, 1, 8);
        ad_image image = bare();
        assert_int_equal(ad_image_write_png(context, &written, path), AD_OK);
        assert_int_equal(ad_image_read_depth(logged, path, cases[i].scale, &image), AD_OK);
        ad_image_release(&image);
        assert_int_equal(strstr(log, "is above 50 metres") != NULL, cases[i].far);
    }
    ad_context_destroy(logged);
}

/* Beside a view's pixels, and beside those that the library read. */
static void beside_pixels(void **state)
{
    (void)state;
    static uint8_t pixels[3 * W * H];
    put_png(W, H);
    ad_image view = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, W, H, 3 * W);
    assert_int_equal(ad_image_read_depth(context, path, 0.0, &view), AD_OK);
    assert_true(view.depth[1] == (float)(0.001 * 1001));
    assert_ptr_equal(view.pixels, pixels);
    refused(0.0, &view, AD_ERR_INVALID_ARGUMENT, "the image has a depth plane already");
    ad_image_release(&view);
    assert_ptr_equal(view.pixels, pixels);
    assert_int_equal(ad_image_read_depth(context, path, 0.0, &view), AD_OK); /* after which there is room for another */
    ad_image_release(&view);
    ad_image owned;
    assert_int_equal(ad_image_read(context, path, NULL, &owned), AD_OK);
    assert_int_equal(ad_image_read_depth(context, path, 0.0, &owned), AD_OK);
    assert_non_null(owned.owner);
    assert_non_null(owned.depth_owner);
    ad_image_release(&owned);
    assert_null(owned.pixels);
    assert_null(owned.depth);
    float mine[W * H] = {0};
    view.depth = mine; /* the caller's own */
    refused(0.0, &view, AD_ERR_INVALID_ARGUMENT, "the image has a depth plane already");
    ad_image_release(&view);
    assert_ptr_equal(view.depth, mine);
}

static void files_that_are_no_depth(void **state)
{
    (void)state;
    static uint8_t pixels[3 * W * H];
    const ad_image grey = AD_IMAGE_INIT(AD_PIXEL_MONO8, pixels, W, H, W), colour = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, W, H, 3 * W);
    ad_image view = colour, none = bare();
    put_png(W, H + 1);
    refused(0.0, &view, AD_ERR_SHAPE, "the image is 7x5, the depth file 7x6");
    assert_non_null(strstr(ad_last_error_message(), path)); /* and which file it was */
    put_png(W + 1, H);
    refused(0.0, &view, AD_ERR_SHAPE, "the image is 7x5, the depth file 8x5");
    none.width = W; /* without pixels, but not without a size */
    none.height = H;
    refused(0.0, &none, AD_ERR_SHAPE, "the image is 7x5, the depth file 8x5");
    assert_int_equal(ad_image_write_png(context, &grey, path), AD_OK);
    refused(0.0, &view, AD_ERR_UNSUPPORTED, "this image is not 16-bit grey: depth is a 16-bit grey PNG or a 32-bit float TIFF");
    assert_int_equal(ad_image_write_png(context, &colour, path), AD_OK);
    refused(0.0, &view, AD_ERR_UNSUPPORTED, "this image is not 16-bit grey");
    static const struct {
        const char *bytes;
        size_t size;
    } others[] = {{"no image at all", 15}, {"\xff\xd8\xff\xe0 a JPEG", 11}, {"\x89PNG", 4}, {"", 0}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        put_bytes(others[i].bytes, others[i].size);
        refused(0.0, &view, AD_ERR_FORMAT, path);
        refused(0.0, &view, AD_ERR_FORMAT, "neither PNG nor TIFF: depth is a 16-bit grey PNG or a 32-bit float TIFF");
    }
    unlink(path);
    refused(0.0, &view, AD_ERR_IO, path);
    assert_int_equal(ad_image_read_depth(NULL, path, 0.0, &view), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_image_read_depth(context, NULL, 0.0, &view), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_image_read_depth(context, path, 0.0, NULL), AD_ERR_INVALID_ARGUMENT);
    ad_image_release(NULL);
}

/* ---- TIFF ---- */

static int has_tiff(void)
{
    return strstr(ad_build_info(), "libtiff 2") != NULL; /* by its dates */
}

static void put_tiff(tiff_kind kind)
{
    const tiff_bytes t = tiff_make(kind);
    put_bytes(t.bytes, t.size);
}

static void without_libtiff(void **state)
{
    (void)state;
    ad_image image = bare();
    if (has_tiff())
        skip();
    put_tiff((tiff_kind){.width = W, .height = H});
    refused(0.0, &image, AD_ERR_UNSUPPORTED, "this is a TIFF image, and the library was built without libtiff");
}

/* Either order of bytes, z alone or behind x and y, side by side or in planes of its own, in strips of any height. */
static void tiffs(void **state)
{
    (void)state;
    static const int rows[] = {0, 1, 2, 4};
    if (!has_tiff())
        skip();
    for (int big = 0; big < 2; big++)
        for (int samples = 1; samples <= 3; samples += 2)
            for (int separate = 0; separate < 2; separate++)
                for (int r = 0; r < 4; r++)
                    for (int s = 0; s < 2; s++) {
                        const tiff_kind k = {.big_endian = big, .samples = samples, .separate = separate,
                                             .rows_per_strip = rows[r], .width = W, .height = H};
                        ad_image image = bare();
                        put_tiff(k);
                        if (ad_image_read_depth(context, path, s ? 0.5 : 0.0, &image) != AD_OK)
                            fail_msg("%d %d %d %d: %s", big, samples, separate, rows[r], ad_last_error_message());
                        assert_true(image.width == W && image.height == H);
                        for (uint32_t i = 0; i < W * H; i++)
                            assert_true(image.depth[i] == (s ? 0.5f : 1.0f) * tiff_value(&k, i % W, i / W, samples - 1));
                        ad_image_release(&image);
                    }
}

/* The tag's value, where the directory of `t` has it. */
static size_t find_tag(const tiff_bytes *t, int tag)
{
    for (size_t entry = 10; entry + 12 <= t->size; entry += 12)
        if (t->bytes[entry] + 256 * t->bytes[entry + 1] == tag)
            return entry + 8;
    fail_msg("no tag %d", tag);
    return 0;
}

/* One tile of 16 x 16, the smallest there is, larger than the image. */
static void tiled_tiff(void **state)
{
    (void)state;
    if (!has_tiff())
        skip();
    for (int samples = 1; samples <= 3; samples += 2) {
        const tiff_kind k = {.samples = samples, .tiled = 1, .width = 16, .height = 16};
        tiff_bytes t = tiff_make(k);
        for (int tag = 256; tag <= 257; tag++)
            tiff_put(&t, find_tag(&t, tag), 13, 4);
        put_bytes(t.bytes, t.size);
        ad_image image = bare();
        assert_int_equal(ad_image_read_depth(context, path, 0.0, &image), AD_OK);
        assert_true(image.width == 13 && image.height == 13);
        for (uint32_t i = 0; i < 13 * 13; i++)
            assert_true(image.depth[i] == tiff_value(&k, i % 13, i / 13, samples - 1));
        ad_image_release(&image);
    }
}

static void tiffs_that_are_refused(void **state)
{
    (void)state;
    ad_image image = bare();
    if (!has_tiff())
        skip();
    static const struct {
        tiff_kind kind;
        ad_status status;
        const char *part;
    } cases[] = {
        {{.bits = 16, .format = 1, .width = W, .height = H}, AD_ERR_UNSUPPORTED, "TIFF: 1 samples a pixel of 16 bits, sample format 1; "
         "depth is 1 or 3 of 32-bit floats"},
        {{.format = 1, .width = W, .height = H}, AD_ERR_UNSUPPORTED, "of 32 bits, sample format 1"},
        {{.format = 2, .samples = 3, .width = W, .height = H}, AD_ERR_UNSUPPORTED, "TIFF: 3 samples a pixel of 32 bits, sample format 2"},
        {{.samples = 2, .width = W, .height = H}, AD_ERR_UNSUPPORTED, "TIFF: 2 samples a pixel of 32 bits"},
        {{.samples = 4, .width = W, .height = H}, AD_ERR_UNSUPPORTED, "TIFF: 4 samples a pixel"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_tiff(cases[i].kind);
        refused(0.0, &image, cases[i].status, cases[i].part);
    }
    put_tiff((tiff_kind){.width = W + 1, .height = H});
    image.width = W;
    image.height = H;
    refused(0.0, &image, AD_ERR_SHAPE, "the image is 7x5, the depth file 8x5");
}

static void damaged_tiffs(void **state)
{
    (void)state;
    ad_image image = bare();
    if (!has_tiff())
        skip();
    const tiff_bytes good = tiff_make((tiff_kind){.samples = 3, .rows_per_strip = 2, .width = W, .height = H});
    for (size_t size = 4; size < good.size; size++) { /* cut anywhere: its last byte is a pixel's */
        put_bytes(good.bytes, size);
        const ad_status status = ad_image_read_depth(context, path, 0.0, &image);
        if (status != AD_ERR_FORMAT && status != AD_ERR_UNSUPPORTED)
            fail_msg("cut at %zu of %zu: %s", size, good.size, ad_status_name(status));
        assert_non_null(strstr(ad_last_error_message(), "TIFF"));
        assert_null(image.depth);
    }
    for (size_t i = 4; i < good.size; i += i < 200 ? 1 : 61) /* any byte another: nothing is lost, and nothing is left */
        for (int bit = 0; bit < 8; bit++) {
            tiff_bytes t = good;
            const long live = atomic_load(&counter.live);
            t.bytes[i] = (uint8_t)(t.bytes[i] ^ 1 << bit);
            put_bytes(t.bytes, t.size);
            image = bare();
            const ad_status status = ad_image_read_depth(context, path, 0.0, &image);
            assert_true((status == AD_OK) == (image.depth != NULL));
            ad_image_release(&image);
            assert_int_equal(atomic_load(&counter.live), live);
        }
    static const struct {
        int tag;
        uint32_t value;
        ad_status status;
        const char *part;
    } cases[] = {
        {256, 0, AD_ERR_FORMAT, "TIFF"},
        {257, 0, AD_ERR_FORMAT, "TIFF"},
        {256, 1048577, AD_ERR_SHAPE, "TIFF: image is 1048577x5, possible are 1 to 1048576 a side"},
        {257, 1048577, AD_ERR_SHAPE, "TIFF: image is 7x1048577"},
        {257, 32000, AD_ERR_FORMAT, "TIFF"},
        {259, 999, AD_ERR_UNSUPPORTED, "TIFF: compression 999 is not read"},
    };
    const tiff_bytes one = tiff_make((tiff_kind){.width = W, .height = H});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tiff_bytes t = one;
        tiff_put(&t, find_tag(&t, cases[i].tag), cases[i].value, cases[i].tag == 259 ? 2 : 4);
        put_bytes(t.bytes, t.size);
        image = bare();
        refused(0.0, &image, cases[i].status, cases[i].part);
    }
}

/* A directory that goes round in a circle, and one that is not there. */
static void directories(void **state)
{
    (void)state;
    ad_image image = bare();
    if (!has_tiff())
        skip();
    tiff_bytes t = tiff_make((tiff_kind){.width = W, .height = H});
    tiff_put(&t, 8 + 2 + 12 * 11, 8, 4); /* the next directory is the first: which alone is read */
    put_bytes(t.bytes, t.size);
    assert_int_equal(ad_image_read_depth(context, path, 0.0, &image), AD_OK);
    ad_image_release(&image);
    image = bare();
    tiff_put(&t, 4, 60000, 4);
    put_bytes(t.bytes, t.size);
    refused(0.0, &image, AD_ERR_FORMAT, "TIFF");
    tiff_put(&t, 4, 0, 4);
    put_bytes(t.bytes, t.size);
    refused(0.0, &image, AD_ERR_FORMAT, "TIFF");
}

/* ---- Memory ---- */

static void every_allocation_can_fail(void **state)
{
    (void)state;
    static uint8_t pixels[3 * W * H];
    for (int tiff = 0; tiff < 1 + has_tiff(); tiff++) {
        if (tiff)
            put_tiff((tiff_kind){.samples = 3, .width = W, .height = H});
        else
            put_png(W, H);
        const long live = atomic_load(&counter.live);
        for (long n = 1;; n++) {
            ad_image view = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, W, H, 3 * W);
            counter.fail_at = atomic_load(&counter.calls) + n;
            const ad_status status = ad_image_read_depth(context, path, 0.0, &view);
            counter.fail_at = 0;
            if (status == AD_OK) {
                ad_image_release(&view);
                assert_true(n > 3);
                break;
            }
            assert_string_equal(ad_status_name(status), "AD_ERR_OUT_OF_MEMORY");
            assert_non_null(strstr(ad_last_error_message(), "out of memory"));
            assert_null(view.depth);
            assert_int_equal(atomic_load(&counter.live), live);
        }
        assert_int_equal(atomic_load(&counter.live), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_by_scale), cmocka_unit_test(far_away),          cmocka_unit_test(beside_pixels),
        cmocka_unit_test(files_that_are_no_depth), cmocka_unit_test(without_libtiff),
        cmocka_unit_test(tiffs),
        cmocka_unit_test(tiled_tiff),                  cmocka_unit_test(tiffs_that_are_refused),
        cmocka_unit_test(damaged_tiffs),          cmocka_unit_test(directories),
        cmocka_unit_test(every_allocation_can_fail),
    };
    return cmocka_run_group_tests_name("image_depth", tests, set_up, tear_down);
}
