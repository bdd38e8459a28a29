/* Pixel formats, the check of a caller's view, images that own their pixels, and rows as RGB8. */
#include "core/options.h"
#include "vision/decode_depth.h"
#include "vision/depth.h"
#include "vision/pixel_formats.h"
#include "vision/vision.h"

#include <stddef.h>
#include <string.h>

int32_t adi_pixel_bytes(uint32_t format)
{
    const adi_pixel_format *f = adi_pixel_format_find(format);
    return f ? f->bytes : 0;
}

/* The size of ad_image before it had depth. */
#define SHORT_IMAGE offsetof(ad_image, depth)

static ad_status check_struct(const ad_image *image)
{
    ADI_CHECK_ARG(image->struct_size >= SHORT_IMAGE,
                  "image: struct_size is %u, expected at least %zu; begin with AD_IMAGE_INIT",
                  image->struct_size, SHORT_IMAGE);
    return adi_struct_check(image, sizeof *image, "image");
}

static ad_status check_sides(const ad_image *image)
{
    if (image->width < 1 || image->width > ADI_IMAGE_MAX_SIDE || image->height < 1
        || image->height > ADI_IMAGE_MAX_SIDE)
        return adi_fail(AD_ERR_SHAPE, "image is %lldx%lld, possible are 1 to %d a side",
                        (long long)image->width, (long long)image->height, ADI_IMAGE_MAX_SIDE);
    return AD_OK;
}

ad_status adi_image_take(const ad_image *image, adi_image_needs needs, ad_image *out_image)
{
    ADI_CHECK_ARG(image, "image is NULL");
    ADI_TRY(check_struct(image));
    ad_image full = {0};
    const size_t size = image->struct_size < sizeof full ? image->struct_size : sizeof full;
    memcpy(&full, image, size);
    full.struct_size = sizeof full;
    if (needs != ADI_DEPTH_ALONE)
        ADI_TRY(adi_image_check(&full));
    ADI_TRY(check_sides(&full));
    if (needs != ADI_PIXELS_ALONE)
        ADI_TRY(adi_depth_check(&full));
    *out_image = full;
    return AD_OK;
}

static ad_status refuse_format(uint32_t code)
{
    const char *other = adi_pixel_format_other(code);
    if (other)
        return adi_fail(
            AD_ERR_INVALID_ARGUMENT,
            "image: format %s (0x%08x) is not taken; %s are: have the camera or its SDK convert",
            other, code, adi_pixel_formats_taken());
    return adi_fail(AD_ERR_INVALID_ARGUMENT,
                    "image: format 0x%08x is not an ad_pixel_format; %s are", code,
                    adi_pixel_formats_taken());
}

ad_status adi_image_check(const ad_image *image)
{
    ADI_CHECK_ARG(image, "image is NULL");
    ADI_TRY(check_struct(image));
    const adi_pixel_format *format = adi_pixel_format_find(image->format);
    if (!format)
        return refuse_format(image->format);
    ADI_CHECK_ARG(image->pixels, "image: pixels is NULL");
    ADI_TRY(check_sides(image));
    /* The limit keeps row * row_bytes inside int64_t; -INT64_MAX is the lowest value that can be
     * negated. */
    const int64_t most = INT64_MAX / ADI_IMAGE_MAX_SIDE;
    const int64_t stride = image->row_bytes;
    ADI_CHECK_ARG(stride <= most && stride >= -most, "image: row_bytes %lld is out of range",
                  (long long)stride);
    const int64_t least = adi_pixel_row_bytes(format, image->width);
    ADI_CHECK_ARG((stride < 0 ? -stride : stride) >= least,
                  "image: row_bytes %lld is less than the %lld bytes of a row of %lld pixels of %s",
                  (long long)stride, (long long)least, (long long)image->width, format->name);
    ADI_CHECK_ARG(format->bytes != 2 || (stride % 2 == 0 && (uintptr_t)image->pixels % 2 == 0),
                  "image: %s rows must be 2-byte aligned, row_bytes is %lld", format->name,
                  (long long)stride);
    return AD_OK;
}

ad_status adi_image_check_size(const char *kind, int64_t width, int64_t height,
                               const adi_file_limits *limits)
{
    const int64_t side = limits ? limits->side : ADI_IMAGE_MAX_SIDE;
    const int64_t pixels = limits ? limits->pixels : ADI_IMAGE_MAX_PIXELS;
    if (width > side || height > side)
        return adi_fail(AD_ERR_SHAPE, "%s: image is %lldx%lld, possible are 1 to %lld a side",
                        kind, (long long)width, (long long)height, (long long)side);
    if (width * height > pixels)
        return adi_fail(AD_ERR_SHAPE,
                        "%s: image is %lldx%lld, files may have %lld pixels at most", kind,
                        (long long)width, (long long)height, (long long)pixels);
    return AD_OK;
}

/* The header in front of an owned image's pixels. It has a copy of the allocator, so that the image
 * may outlive the object that made it. */
typedef struct image_owner {
    adi_allocator allocator;
} image_owner;

_Static_assert(sizeof(image_owner) <= ADI_ALIGNMENT, "pixels begin one alignment after the owner");

ad_status adi_image_alloc(const adi_allocator *a, uint32_t format, int64_t width, int64_t height,
                          ad_image *out_image)
{
    const int64_t row_bytes = width * adi_pixel_bytes(format);
    image_owner *owner = adi_alloc(a, ADI_ALIGNMENT + (size_t)row_bytes * (size_t)height);
    if (!owner)
        return adi_fail_memory();
    owner->allocator = *a;
    *out_image = (ad_image)AD_IMAGE_INIT(format, (const uint8_t *)owner + ADI_ALIGNMENT, width,
                                         height, row_bytes);
    out_image->owner = owner;
    return AD_OK;
}

/* Copy the plane into a block that stores its allocator. */
ad_status adi_image_give_depth(const adi_allocator *a, const adi_depth_plane *plane,
                               ad_image *image)
{
    const int bare = !image->pixels && !image->width && !image->height;
    const size_t bytes = (size_t)(plane->width * plane->height) * sizeof *plane->z;
    ADI_CHECK_ARG(!image->depth, "the image has a depth plane already");
    if (!bare && (image->width != plane->width || image->height != plane->height))
        return adi_fail(AD_ERR_SHAPE, "the image is %lldx%lld, the depth file %lldx%lld",
                        (long long)image->width, (long long)image->height, (long long)plane->width,
                        (long long)plane->height);
    image_owner *owner = adi_alloc(a, ADI_ALIGNMENT + bytes);
    if (!owner)
        return adi_fail_memory();
    owner->allocator = *a;
    float *z = (float *)(void *)((uint8_t *)owner + ADI_ALIGNMENT);
    memcpy(z, plane->z, bytes);
    image->depth = z;
    image->width = image->depth_width = plane->width;
    image->height = image->depth_height = plane->height;
    image->depth_row_bytes = plane->width * (int64_t)sizeof *z;
    image->depth_pixel_bytes = sizeof *z;
    image->depth_owner = owner;
    return AD_OK;
}

static void free_owned(void *owned)
{
    image_owner *owner = owned;
    const adi_allocator allocator = owner->allocator;
    adi_free(&allocator, owner);
}

/* A shorter struct, of an older caller, has no depth_owner. */
void adi_image_free(ad_image *image)
{
    if (image && image->struct_size >= sizeof *image && image->depth_owner) {
        free_owned(image->depth_owner);
        image->depth_owner = NULL;
        image->depth = NULL;
    }
    if (!image || !image->owner)
        return;
    free_owned(image->owner);
    image->owner = NULL;
    image->pixels = NULL;
}

enum { PIECE = 256 }; /* pixels */

static void narrow(uint8_t *grey, const uint16_t *wide, int64_t n, int32_t rounded)
{
    if (rounded)
        for (int64_t i = 0; i < n; i++)
            grey[i] = adi_16_to_8(wide[i]);
    else
        for (int64_t i = 0; i < n; i++)
            grey[i] = adi_grey_to_8(wide[i]);
}

void adi_row_to_grey8(uint8_t *grey, const ad_image *image, int64_t row, int64_t x0, int64_t x1,
                      int32_t rounded)
{
    const uint8_t *line = (const uint8_t *)image->pixels + row * image->row_bytes;
    const adi_pixel_format *format = adi_pixel_format_find(image->format);
    uint16_t piece[PIECE];
    if (image->format == AD_PIXEL_MONO8)
        memcpy(grey, line + x0, (size_t)(x1 - x0));
    else if (image->format == AD_PIXEL_MONO16)
        narrow(grey, (const uint16_t *)(const void *)line + x0, x1 - x0, rounded);
    else
        for (int64_t x = x0; x < x1; x += PIECE) {
            const int64_t end = x + PIECE < x1 ? x + PIECE : x1;
            adi_grey16_row(piece, format, line, x, end);
            narrow(grey + x - x0, piece, end - x, rounded);
        }
}

void adi_row_to_rgb8(uint8_t *rgb, const ad_image *image, int64_t row, int64_t x0, int64_t x1)
{
    const uint8_t *line = (const uint8_t *)image->pixels + row * image->row_bytes;
    const int64_t n = x1 - x0;
    line += x0 * adi_pixel_bytes(image->format);
    switch (image->format) {
    case AD_PIXEL_RGB8:
        memcpy(rgb, line, (size_t)(3 * n));
        break;
    case AD_PIXEL_BGR8:
        for (int64_t i = 0; i < n; i++) {
            rgb[3 * i] = line[3 * i + 2];
            rgb[3 * i + 1] = line[3 * i + 1];
            rgb[3 * i + 2] = line[3 * i];
        }
        break;
    case AD_PIXEL_RGBA8:
        for (int64_t i = 0; i < n; i++) {
            rgb[3 * i] = line[4 * i];
            rgb[3 * i + 1] = line[4 * i + 1];
            rgb[3 * i + 2] = line[4 * i + 2];
        }
        break;
    case AD_PIXEL_BGRA8:
        for (int64_t i = 0; i < n; i++) {
            rgb[3 * i] = line[4 * i + 2];
            rgb[3 * i + 1] = line[4 * i + 1];
            rgb[3 * i + 2] = line[4 * i];
        }
        break;
    default: /* grey: adi_image_check() refuses everything else */
        adi_row_to_grey8(rgb, image, row, x0, x1, 0);
        for (int64_t i = n - 1; i >= 0; i--)
            rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = rgb[i];
    }
}
