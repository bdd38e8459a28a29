/* Which decoder a file needs, told by its first bytes; other known kinds are refused by name. */
#include "vision/vision.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct signature {
    const char *kind;
    size_t offset;
    size_t length;
    const char *bytes;
} signature;

static bool matches(const signature *s, const uint8_t *bytes, size_t size)
{
    return size >= s->offset + s->length && !memcmp(bytes + s->offset, s->bytes, s->length);
}

/* Four bytes of PNG's eight: libpng says so where a text-mode transfer damaged the others. */
static const signature png = {"PNG", 0, 4, "\x89PNG"};
static const signature jpeg = {"JPEG", 0, 2, "\xff\xd8"};

static const signature known[] = {
    {"a BMP", 6, 4, "\0\0\0\0"}, /* and "BM" in front, see below */
    {"a TIFF", 0, 4, "II*\0"},
    {"a TIFF", 0, 4, "MM\0*"},
    {"a TIFF", 0, 4, "II+\0"},
    {"a TIFF", 0, 4, "MM\0+"},
    {"a WebP", 8, 4, "WEBP"},
    {"a GIF", 0, 4, "GIF8"},
    {"a JPEG 2000", 0, 8, "\0\0\0\x0cjP  "},
    {"a JPEG 2000", 0, 4, "\xff\x4f\xff\x51"},
    {"a JPEG XL", 0, 2, "\xff\x0a"},
    {"a JPEG XL", 0, 8, "\0\0\0\x0cJXL "},
    {"an AVIF", 4, 8, "ftypavif"},
    {"a HEIF", 4, 8, "ftypheic"},
    {"a HEIF", 4, 8, "ftypmif1"},
    {"an OpenEXR", 0, 4, "\x76\x2f\x31\x01"},
    {"a Photoshop", 0, 4, "8BPS"},
};

static const char *known_kind(const uint8_t *bytes, size_t size)
{
    /* "BM" alone is too little to tell: the reserved bytes of the header must be zero as well. */
    const size_t first = size >= 2 && bytes[0] == 'B' && bytes[1] == 'M' ? 0 : 1;
    for (size_t i = first; i < sizeof known / sizeof *known; i++)
        if (matches(&known[i], bytes, size))
            return known[i].kind;
    if (size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' &&
        (bytes[2] == '\n' || bytes[2] == ' ' || bytes[2] == '\r' || bytes[2] == '\t'))
        return "a PNM";
    return NULL;
}

ad_status adi_image_decode(const adi_allocator *a, const uint8_t *bytes, size_t size, const ad_read_options *options,
                           ad_image *out_image)
{
    if (!size)
        return adi_fail(AD_ERR_FORMAT, "not an image: there are no bytes");
    if (matches(&png, bytes, size))
        return adi_decode_png(a, bytes, size, out_image);
    if (matches(&jpeg, bytes, size))
        return adi_decode_jpeg(a, bytes, size, options->min_side, out_image);
    const char *kind = known_kind(bytes, size);
    if (kind)
        return adi_fail(AD_ERR_UNSUPPORTED, "this is %s image; JPEG and PNG can be read", kind);
    /* In hexadecimal, since a text file or zeros are soon recognised. */
    char head[3 * 8 + 1];
    const size_t shown = size < 8 ? size : 8;
    for (size_t i = 0; i < shown; i++)
        snprintf(head + 3 * i, 4, " %02x", bytes[i]);
    return adi_fail(AD_ERR_FORMAT, "not a JPEG or PNG image: begins with%s", head);
}
