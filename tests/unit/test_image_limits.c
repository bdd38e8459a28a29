/* The limits of a context on image files: what is larger is refused, from a path and from memory,
 * of every kind and as image, mask and depth; what is as large is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "adfeat.h"

enum { WIDTH = 40, HEIGHT = 30, PIXELS = WIDTH * HEIGHT };

typedef struct fixture {
    char folder[32], png[64], pgm[64];
    int64_t png_bytes;
} fixture;

static ad_context *limited(int64_t side, int64_t pixels, int64_t bytes)
{
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.max_side = side;
    o.max_pixels = pixels;
    o.max_file_bytes = bytes;
    ad_context *context = NULL;
    assert_int_equal(ad_context_create(&o, &context), AD_OK);
    return context;
}

static int make(void **state)
{
    static fixture f;
    static uint16_t grey[PIXELS];
    snprintf(f.folder, sizeof f.folder, "/tmp/adfeat-limits-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.png, sizeof f.png, "%s/a.png", f.folder);
    snprintf(f.pgm, sizeof f.pgm, "%s/a.pgm", f.folder);
    for (int i = 0; i < PIXELS; i++)
        grey[i] = (uint16_t)(i * 53);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO16, grey, WIDTH, HEIGHT, 2 * WIDTH);
    ad_context *context = limited(0, 0, 0);
    assert_int_equal(ad_image_write_png(context, &image, f.png), AD_OK);
    ad_context_destroy(context);
    FILE *out = fopen(f.pgm, "wb");
    assert_non_null(out);
    fprintf(out, "P5 %d %d 255\n", WIDTH, HEIGHT);
    for (int i = 0; i < PIXELS; i++)
        fputc(i & 1 ? 255 : 0, out);
    fclose(out);
    FILE *in = fopen(f.png, "rb");
    assert_non_null(in);
    fseek(in, 0, SEEK_END);
    f.png_bytes = ftell(in);
    fclose(in);
    *state = &f;
    return 0;
}

static int clear(void **state)
{
    const fixture *f = *state;
    unlink(f->png);
    unlink(f->pgm);
    return rmdir(f->folder);
}

static ad_status read_one(ad_context *context, const char *path)
{
    ad_image image = {0};
    const ad_status status = ad_image_read(context, path, NULL, &image);
    ad_image_release(&image);
    return status;
}

static ad_status read_mask(ad_context *context, const char *path)
{
    ad_image mask = {0};
    const ad_status status = ad_image_read_mask(context, path, -1, &mask);
    ad_image_release(&mask);
    return status;
}

static ad_status read_depth(ad_context *context, const char *path)
{
    ad_image image = {.struct_size = sizeof image};
    const ad_status status = ad_image_read_depth(context, path, 0.0, &image);
    ad_image_release(&image);
    return status;
}

static ad_status decode(ad_context *context, const char *path)
{
    static uint8_t bytes[1 << 16];
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    const size_t size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    ad_image image = {0};
    const ad_status status = ad_image_decode(context, bytes, size, NULL, &image);
    ad_image_release(&image);
    return status;
}

/* Every way in, at the limit and one below. */
static void check(const fixture *f, int64_t side, int64_t pixels, int64_t bytes, ad_status expected)
{
    ad_context *context = limited(side, pixels, bytes);
    assert_int_equal(read_one(context, f->png), expected);
    assert_int_equal(decode(context, f->png), expected);
    assert_int_equal(read_depth(context, f->png), expected);
    if (!bytes) { /* of another size */
        assert_int_equal(read_one(context, f->pgm), expected);
        assert_int_equal(read_mask(context, f->pgm), expected);
    }
    ad_context_destroy(context);
}

static void each_limit_holds(void **state)
{
    const fixture *f = *state;
    check(f, WIDTH, 0, 0, AD_OK);
    check(f, WIDTH - 1, 0, 0, AD_ERR_SHAPE);
    check(f, 0, PIXELS, 0, AD_OK);
    check(f, 0, PIXELS - 1, 0, AD_ERR_SHAPE);
    check(f, 0, 0, f->png_bytes, AD_OK);
    check(f, 0, 0, f->png_bytes - 1, AD_ERR_FORMAT);
    check(f, WIDTH, PIXELS, f->png_bytes, AD_OK);
}

/* The sentence says the image's size and the limit. */
static void sentence_has_the_numbers(void **state)
{
    const fixture *f = *state;
    ad_context *context = limited(32, 0, 0);
    assert_int_equal(read_one(context, f->png), AD_ERR_SHAPE);
    assert_non_null(strstr(ad_last_error_message(), "40x30"));
    assert_non_null(strstr(ad_last_error_message(), "1 to 32 a side"));
    ad_context_destroy(context);
}

static void impossible_limits_are_refused(void **state)
{
    (void)state;
    static const int64_t wrong[][3] = {{-1, 0, 0}, {(1 << 20) + 1, 0, 0},    {0, -1, 0},
                                       {0, (1 << 28) + 1, 0}, {0, 0, INT64_MIN}, {0, 0, INT64_MAX}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ad_context_options o;
        ad_context_options_init(&o, sizeof o);
        o.max_side = wrong[i][0];
        o.max_pixels = wrong[i][1];
        o.max_file_bytes = wrong[i][2];
        ad_context *context = NULL;
        assert_int_equal(ad_context_create(&o, &context), AD_ERR_INVALID_ARGUMENT);
        assert_null(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_holds),
        cmocka_unit_test(sentence_has_the_numbers),
        cmocka_unit_test(impossible_limits_are_refused),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
