/* Pixels: decoding, resizing as Pillow does, and the way from a view to a network's input. */
#ifndef ADI_VISION_VISION_H
#define ADI_VISION_VISION_H

#include "backend.h"
#include "core/alloc.h"
#include "core/error.h"
#include "core/limits.h"

/* Bytes per pixel of a format, 0 where it is unknown or packed; see pixel_formats.h. */
int32_t adi_pixel_bytes(uint32_t format);

/* Check a caller's view: struct_size, format, sides, pixels and row_bytes (|row_bytes| at least a
 * row, MONO16 rows 2-byte aligned). AD_ERR_INVALID_ARGUMENT or AD_ERR_SHAPE. */
ad_status adi_image_check(const ad_image *image);
/* A caller's view as a whole struct, also where the caller was compiled with a shorter one,
 * checked; `depth`: so is its depth plane, which must be there, and ADI_DEPTH_ALONE: pixels need
 * not be. */
typedef enum adi_image_needs {
    ADI_PIXELS_ALONE,
    ADI_PIXELS_AND_DEPTH,
    ADI_DEPTH_ALONE
} adi_image_needs;
ad_status adi_image_take(const ad_image *image, adi_image_needs needs, ad_image *out_image);

/* Size in a file's header: AD_ERR_SHAPE beyond `limits`, NULL: the library's own. `kind` is "PNG",
 * "JPEG". */
ad_status adi_image_check_size(const char *kind, int64_t width, int64_t height,
                               const adi_file_limits *limits);

/* round(v / 257), exactly: ties cannot happen since 257 is odd. libpng scales the same way. Files'
 * colour becomes 8 bits so, and grey for scorers that were fitted before adi_grey_to_8(). */
static inline uint8_t adi_16_to_8(uint16_t v)
{
    return (uint8_t)((v * 255u + 32895u) >> 16);
}

/* The same, but not less than the upper byte, which is what a camera of n bits makes of n: so 255
 * << 8, which its MONO12 frames have for white, is 255 as in its MONO8 ones, and 256 x is x. */
static inline uint8_t adi_grey_to_8(uint16_t v)
{
    const uint8_t nearest = adi_16_to_8(v), upper = (uint8_t)(v >> 8);
    return nearest > upper ? nearest : upper;
}

/* A new image with row_bytes = width * pixel bytes (even for MONO16), uninitialised. owner points
 * to a block that remembers its allocator. */
ad_status adi_image_alloc(const adi_allocator *a, uint32_t format, int64_t width, int64_t height,
                          ad_image *out_image);                  /* image_buffer.c */
void adi_image_free(ad_image *image);                            /* harmless on views and zeros */
ad_status adi_encode_png(const adi_allocator *a, const ad_image *image,
                         const char *path); /* encode_png.c */

/* One row of a grey format as 8 bits, by adi_grey_to_8() or, rounded, adi_16_to_8(). */
void adi_row_to_grey8(uint8_t *grey, const ad_image *image, int64_t row, int64_t x0, int64_t x1,
                      int32_t rounded);
/* One row of any format as interleaved RGB8: grey replicated, alpha dropped, grey by
 * adi_grey_to_8(). */
void adi_row_to_rgb8(uint8_t *rgb, const ad_image *image, int64_t row, int64_t x0, int64_t x1);

/* Memory that a resize needs and keeps between calls: grown when a larger image comes, so a stream
 * of equal frames allocates once. Begin with allocator and kernels set and
 * the rest zero. */
typedef struct adi_resize_scratch {
    const adi_allocator *allocator;
    const adi_kernels *kernels;
    uint8_t *block; /* a plan, its tables and its rows; private to resize.c */
    size_t bytes;
    int32_t rounded_16, unused; /* as in adi_preprocess */
    struct adi_resize_key { /* what the tables in block are for */
        int64_t in_w, in_h, out_w, out_h;
        int64_t x, y, w, h; /* the part of the resized image that is wanted */
        int32_t filter, unused;
    } key;
} adi_resize_scratch;

void adi_resize_scratch_free(adi_resize_scratch *scratch);

/* Resize any view to out_w x out_h RGB8 (dst: out_h rows of 3 * out_w bytes) with an ad_resize
 * filter. Bit-exact with Pillow for PIL_*; CV_LINEAR is the 2-tap definition, rounded half up to 8
 * bits. Where the size does not change the pixels are copied, as Pillow does. */
ad_status adi_resize_rgb8(uint8_t *dst, int64_t out_w, int64_t out_h, const ad_image *image,
                          int32_t filter, adi_resize_scratch *scratch);

/* The same a row at a time, for a window x, y, w, h of the resized image; nothing outside the
 * window is computed. Begin, then ask for rows 0 .. h-1 in that order with the image that was given
 * to begin; a row is 3 * w bytes, valid until the next call. */
ad_status adi_resize_begin(adi_resize_scratch *scratch, const ad_image *image, int64_t out_w,
                           int64_t out_h, int64_t x, int64_t y, int64_t w, int64_t h,
                           int32_t filter);
const uint8_t *adi_resize_row(adi_resize_scratch *scratch, const ad_image *image, int64_t row);

/* What becomes of an image before the network sees it: a resolved ad_preprocess (nothing left at
 * 0). */
typedef struct adi_preprocess {
    int32_t resize; /* ad_resize */
    int32_t aspect; /* ad_aspect */
    int32_t size;   /* resize target */
    int32_t crop;   /* side after the centre crop; == size where nothing is cropped */
    float mean[3], std[3];
    int32_t rounded_16; /* grey of 16 bits becomes 8 by adi_16_to_8(), not adi_grey_to_8(): scorers
                           of before */
} adi_preprocess;

/* Size after the resize of an image of width x height (torchvision's rule: the longer side is
 * int(size * long / short)). */
void adi_preprocess_resized(const adi_preprocess *p, int64_t width, int64_t height, int64_t *out_w,
                            int64_t *out_h);
/* Where a centre crop begins along an axis. */
int64_t adi_crop_start(int64_t resized, int64_t crop);

/* Image to network input: dst is crop x crop x 3 float32 NHWC, (rgb/255 - mean) / std.
 * The crop starts at round((resized - crop) / 2), ties to even as Python rounds. rgb, unless NULL,
 * is left with the 8-bit pixels that dst is made from, for adi_preprocess_from_bytes(). */
ad_status adi_preprocess_run(const adi_preprocess *p, float *dst, uint8_t *rgb,
                             const ad_image *image, adi_resize_scratch *scratch);
/* The same input again, to the bit, of n such pixels. */
void adi_preprocess_from_bytes(const adi_preprocess *p, float *dst, const uint8_t *rgb, int64_t n);

#endif
