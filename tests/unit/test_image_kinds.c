/* Kinds of images: one table for first bytes, endings and sentences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vision/image_kinds.h"

static const char *const readable[] = {"JPEG", "PNG", "BMP", "PNM", "TIFF", "WebP"};

/* What is read is in the text of what is read, and nothing else. */
static void text_and_table_agree(void **state)
{
    (void)state;
    static const char *const names[] = {"a.jpg",  "a.png",  "a.bmp",  "a.pgm", "a.tif",
                                        "a.webp", "a.pam",  "a.pfm",  "a.gif", "a.jp2",
                                        "a.jxl",  "a.avif", "a.heic", "a.exr", "a.psd"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const adi_image_kind *kind = adi_image_kind_named(names[i]);
        assert_non_null(kind);
        const char *name = strchr(kind->name, ' ') + 1;
        assert_int_equal(kind->read != NULL, strstr(adi_images_read, name) != NULL);
        assert_false(kind->read && kind->library);
    }
    for (size_t i = 0; i < 4; i++) /* in every build */
        assert_non_null(strstr(adi_images_read, readable[i]));
    assert_non_null(strstr(ad_build_info(), adi_images_read));
}

static void named(const char *file, const char *kind)
{
    const adi_image_kind *found = adi_image_kind_named(file);
    assert_int_equal(found != NULL, kind != NULL);
    if (kind)
        assert_string_equal(found->name, kind);
}

static void endings(void **state)
{
    (void)state;
    named("part.JPG", "a JPEG");
    named("part.jpeg", "a JPEG");
    named("x/y.z/part.Tiff", "a TIFF");
    named("part.tif", "a TIFF");
    named("part.ppm", "a PNM");
    named("part.DIB", "a BMP");
    named("part.jp", NULL);
    named("part.jpgx", NULL);
    named("part.", NULL);
    named("part", NULL);
    named("", NULL);
    named(".png", "a PNG");
}

static void first_note_is_kept(void **state)
{
    (void)state;
    adi_notes notes = {0};
    adi_note(NULL, "nobody %s", "listens");
    adi_note(&notes, "%d bytes", 3);
    adi_note(&notes, "another");
    adi_note(&notes, "a third");
    assert_string_equal(notes.first, "3 bytes");
    assert_int_equal(notes.more, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(text_and_table_agree),
                                       cmocka_unit_test(endings),
                                       cmocka_unit_test(first_note_is_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
