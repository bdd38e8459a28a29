/* Damaged JPEG: harmless damage leaves the pixels that Pillow decodes from the whole file, with a
 * note; damage that may change pixels is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/image_source.h"
#include "vision/vision.h"

#include "pillow_jpeg.h"

/* The file with `n` bytes put in at `at`. */
static size_t insert(uint8_t *out, size_t at, const void *bytes, size_t n)
{
    memcpy(out, pillow_file, at);
    memcpy(out + at, bytes, n);
    memcpy(out + at + n, pillow_file + at, PILLOW_SIZE - at);
    return PILLOW_SIZE + n;
}

static ad_status decode_noted(const uint8_t *bytes, size_t size, adi_notes *notes, uint32_t *crc)
{
    ad_image image = {0};
    adi_image_source source = image_source(&adi_default_allocator, bytes, size);
    *notes = (adi_notes){0};
    source.notes = notes;
    const ad_status status = adi_decode_jpeg(&source, &image);
    if (status == AD_OK)
        *crc = pixels_crc(&image);
    adi_image_free(&image);
    return status;
}

static void expect_harmless(const uint8_t *bytes, size_t size, const char *note)
{
    adi_notes notes;
    uint32_t crc = 0;
    if (decode_noted(bytes, size, &notes, &crc) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    assert_int_equal(crc, pillow_crc);
    if (!strstr(notes.first, note))
        fail_msg("'%s' does not say '%s'", notes.first, note);
}

static void expect_refused(const uint8_t *bytes, size_t size)
{
    adi_notes notes;
    uint32_t crc = 0;
    assert_int_equal(decode_noted(bytes, size, &notes, &crc), AD_ERR_FORMAT);
}

/* Where the n-th marker from the beginning is, the first scan's at the last. */
static size_t find_marker(int n)
{
    size_t at = 2;
    for (; n > 0 && (uint8_t)pillow_file[at + 1] != 0xda; n--)
        at += 2u + ((size_t)(uint8_t)pillow_file[at + 2] << 8) + (uint8_t)pillow_file[at + 3];
    return at;
}

static void fills_between_segments(void **state)
{
    (void)state;
    static const uint8_t zeros[64], others[] = {1, 2, 3, 0x54, 0xff, 0, 7, 7, 7, 7, 7, 7};
    uint8_t bytes[PILLOW_SIZE + 64];
    for (int marker = 0; marker <= 8; marker++)
        for (size_t n = 1; n <= 64; n++)
            expect_harmless(bytes, insert(bytes, find_marker(marker), zeros, n),
                            "belong to nothing before marker 0x");
    for (size_t n = 1; n <= sizeof others; n++)
        expect_harmless(bytes, insert(bytes, find_marker(3), others, n),
                        "belong to nothing before marker 0x");
}

/* libjpeg reads up to 8 bytes ahead, and does not see that they are too many. */
static void fills_after_the_scan(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    uint8_t bytes[PILLOW_SIZE + 64];
    for (size_t n = 1; n <= 64; n++)
        expect_harmless(bytes, insert(bytes, PILLOW_SIZE - 2, zeros, n),
                        n > 8 ? "zeros that belong to nothing" : "");
}

static void ends_early_or_late(void **state)
{
    (void)state;
    static const uint8_t rest[] = "\0\0\0\0 a trailer";
    uint8_t bytes[PILLOW_SIZE + sizeof rest];
    expect_harmless((const uint8_t *)pillow_file, PILLOW_SIZE - 2, "end marker is missing");
    expect_harmless((const uint8_t *)pillow_file, PILLOW_SIZE - 1, "end marker is missing");
    expect_harmless((const uint8_t *)pillow_file, PILLOW_SIZE, "");
    expect_harmless(bytes, insert(bytes, PILLOW_SIZE, rest, sizeof rest),
                    "15 bytes after the end marker are not read");
}

/* EXIF, a colour profile, a comment, an Adobe segment of nonsense: nothing in them is a pixel. */
static void bad_segments(void **state)
{
    (void)state;
    static const char exif[] = "\xff\xe1\0\x0e" "Exif\0\0MM\xff\xff\xff\xff";
    static const char icc[] = "\xff\xe2\0\x12" "ICC_PROFILE\0\x09\x02zz";
    static const char comment[] = "\xff\xfe\0\x02";
    uint8_t bytes[PILLOW_SIZE + 64];
    expect_harmless(bytes, insert(bytes, find_marker(1), exif, sizeof exif - 1), "");
    expect_harmless(bytes, insert(bytes, find_marker(1), icc, sizeof icc - 1), "");
    expect_harmless(bytes, insert(bytes, find_marker(1), comment, sizeof comment - 1), "");
    insert(bytes, 0, "", 0);
    bytes[11] = 9; /* JFIF's version */
    expect_harmless(bytes, PILLOW_SIZE, "JFIF revision");
}

/* Bytes that are left over and may be pixels, or what pixels need. */
static void refuses_what_may_be_pixels(void **state)
{
    (void)state;
    static const uint8_t left[] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 2, 3, 4};
    uint8_t bytes[PILLOW_SIZE + 64];
    expect_refused(bytes, insert(bytes, PILLOW_SIZE - 2, left, sizeof left));
    for (int marker = 1; marker <= 6; marker++) { /* DQT, DQT, SOF, DHTs */
        insert(bytes, 0, "", 0);
        bytes[find_marker(marker)] = 0xfe;
        expect_refused(bytes, PILLOW_SIZE);
    }
    /* A hole of zeros in the scan, and more zeros behind it, as at the end of a disk's block. */
    insert(bytes, 0, "", 0);
    const size_t scan = find_marker(8) + 14;
    static const uint8_t zeros[64];
    memset(bytes + scan, 0, PILLOW_SIZE - 2 - scan);
    memcpy(bytes + PILLOW_SIZE - 2, zeros, 62);
    memcpy(bytes + PILLOW_SIZE + 60, "\xff\xd9", 2);
    adi_notes notes;
    uint32_t crc = 0;
    if (decode_noted(bytes, PILLOW_SIZE + 62, &notes, &crc) == AD_OK)
        fail_msg("zeros were taken for pixels: %s", notes.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_between_segments),
        cmocka_unit_test(fills_after_the_scan),
        cmocka_unit_test(ends_early_or_late),
        cmocka_unit_test(bad_segments),
        cmocka_unit_test(refuses_what_may_be_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
