/* The table of image kinds: a new kind is a line here and a reader. */
#include "vision/image_kinds.h"

#include <string.h>
#include <strings.h>

#include "vision/images_read.h"

const char adi_images_read[] = ADI_IMAGES_READ;

static bool begins(const uint8_t *bytes, size_t size, size_t offset, const char *with,
                   size_t length)
{
    return size >= offset + length && !memcmp(bytes + offset, with, length);
}

/* For a literal, which may contain zeros. */
#define BEGINS(offset, literal) begins(bytes, size, offset, literal, sizeof(literal) - 1)

/* Four of PNG's eight bytes: libpng reports a text-mode transfer that damaged the others. */
static bool is_png(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "\x89PNG");
}

static bool is_jpeg(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "\xff\xd8");
}

/* "BM" alone is not enough: reserved bytes must be zero too, or a header of a small size
 * follows. */
static bool is_bmp(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "BM") &&
           (BEGINS(6, "\0\0\0\0") || (size >= 18 && bytes[14] >= 12 && BEGINS(15, "\0\0\0")));
}

static bool is_pnm(const uint8_t *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
           strchr(" \t\n\v\f\r#", bytes[2]) && bytes[2];
}

static bool is_tiff(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "II*\0") || BEGINS(0, "MM\0*") || BEGINS(0, "II+\0") || BEGINS(0, "MM\0+");
}

static bool is_webp(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "RIFF") && BEGINS(8, "WEBP");
}

static bool is_pam(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "P7\n");
}

static bool is_pfm(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "PF\n") || BEGINS(0, "Pf\n");
}

static bool is_gif(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "GIF8");
}

static bool is_jpeg_2000(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "\0\0\0\x0cjP  ") || BEGINS(0, "\xff\x4f\xff\x51");
}

static bool is_jpeg_xl(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "\xff\x0a") || BEGINS(0, "\0\0\0\x0cJXL ");
}

static bool is_avif(const uint8_t *bytes, size_t size)
{
    return BEGINS(4, "ftypavif");
}

static bool is_heif(const uint8_t *bytes, size_t size)
{
    return BEGINS(4, "ftypheic") || BEGINS(4, "ftypmif1");
}

static bool is_exr(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "\x76\x2f\x31\x01");
}

static bool is_photoshop(const uint8_t *bytes, size_t size)
{
    return BEGINS(0, "8BPS");
}

#if ADFEAT_WITH_TIFF
#define TIFF_READER adi_decode_tiff, NULL
#else
#define TIFF_READER NULL, "libtiff (4.5 or later)"
#endif
#if ADFEAT_WITH_WEBP
#define WEBP_READER adi_decode_webp, NULL
#else
#define WEBP_READER NULL, "libwebp"
#endif

static const adi_image_kind kinds[] = {
    {"a JPEG", ".jpg .jpeg .jpe .jfif ", is_jpeg, adi_decode_jpeg, NULL},
    {"a PNG", ".png ", is_png, adi_decode_png, NULL},
    {"a BMP", ".bmp .dib ", is_bmp, adi_decode_bmp, NULL},
    {"a PNM", ".pgm .ppm .pbm .pnm ", is_pnm, adi_decode_pnm, NULL},
    {"a TIFF", ".tif .tiff ", is_tiff, TIFF_READER},
    {"a WebP", ".webp ", is_webp, WEBP_READER},
    {"a PAM", ".pam ", is_pam, NULL, NULL},
    {"a PFM", ".pfm ", is_pfm, NULL, NULL},
    {"a GIF", ".gif ", is_gif, NULL, NULL},
    {"a JPEG 2000", ".jp2 .j2k .jpx ", is_jpeg_2000, NULL, NULL},
    {"a JPEG XL", ".jxl ", is_jpeg_xl, NULL, NULL},
    {"an AVIF", ".avif ", is_avif, NULL, NULL},
    {"a HEIF", ".heic .heif ", is_heif, NULL, NULL},
    {"an OpenEXR", ".exr ", is_exr, NULL, NULL},
    {"a Photoshop", ".psd ", is_photoshop, NULL, NULL},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const adi_image_kind *adi_image_kind_of(const uint8_t *bytes, size_t size)
{
    for (int i = 0; i < KINDS; i++)
        if (kinds[i].is(bytes, size))
            return &kinds[i];
    return NULL;
}

static bool has_ending(const char *endings, const char *ending, size_t length)
{
    for (const char *next; *endings; endings = next + 1) {
        next = strchr(endings, ' ');
        if ((size_t)(next - endings) == length && !strncasecmp(endings, ending, length))
            return true;
    }
    return false;
}

const adi_image_kind *adi_image_kind_named(const char *file_name)
{
    const char *dot = strrchr(file_name, '.');
    for (int i = 0; dot && i < KINDS; i++)
        if (has_ending(kinds[i].endings, dot, strlen(dot)))
            return &kinds[i];
    return NULL;
}
