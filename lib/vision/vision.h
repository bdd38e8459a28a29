/* Images: checks, buffers, conversion of rows, resizing as Pillow does, and preprocessing for a
 * network. */
#ifndef ADI_VISION_VISION_H
#define ADI_VISION_VISION_H

#include "backend.h"
#include "core/alloc.h"
#include "core/error.h"
#include "core/limits.h"
#include "vision/frame.h"

/* Bytes per pixel of a format; 0 if it is unknown or packed, see pixel_formats.h. */
int32_t adi_pixel_bytes(uint32_t format);

/* Check a caller's view: struct_size, format, sides, pixels and row_bytes (|row_bytes| at least a
 * row, MONO16 rows 2-byte aligned). AD_ERR_INVALID_ARGUMENT or AD_ERR_SHAPE. */
ad_status adi_image_check(const ad_image *image);
/* Copy a caller's view, whose struct may be shorter, and check it. ADI_PIXELS_AND_DEPTH: it must
 * have a depth plane too. ADI_DEPTH_ALONE: it needs no pixels. */
typedef enum adi_image_needs {
    ADI_PIXELS_ALONE,
    ADI_PIXELS_AND_DEPTH,
    ADI_DEPTH_ALONE
} adi_image_needs;
ad_status adi_image_take(const ad_image *image, adi_image_needs needs, ad_image *out_image);

/* Check the size in a file's header: AD_ERR_SHAPE beyond `limits` (NULL: the library's defaults).
 * `kind` is "PNG", "JPEG". */
ad_status adi_image_check_size(const char *kind, int64_t width, int64_t height,
                               const adi_file_limits *limits);

/* round(v / 257); ties cannot happen since 257 is odd. libpng scales the same way. Used for colour
 * of files, and for grey by scorers that were fitted before adi_grey_to_8() existed. */
static inline uint8_t adi_16_to_8(uint16_t v)
{
    return (uint8_t)((v * 255u + 32895u) >> 16);
}

/* The same, but at least the upper byte: 255 << 8, which is white in a camera's MONO12 frames,
 * becomes 255 as in its MONO8 frames, and 256 x becomes x. */
static inline uint8_t adi_grey_to_8(uint16_t v)
{
    const uint8_t nearest = adi_16_to_8(v), upper = (uint8_t)(v >> 8);
    return nearest > upper ? nearest : upper;
}

/* Allocate an image with row_bytes = width * pixel bytes, uninitialised. owner points to a block
 * that stores its allocator. */
ad_status adi_image_alloc(const adi_allocator *a, uint32_t format, int64_t width, int64_t height,
                          ad_image *out_image);
/* Harmless on views and zeros. */
void adi_image_free(ad_image *image);
/* encode_png.c */
ad_status adi_encode_png(const adi_allocator *a, const ad_image *image, const char *path);

/* Convert a row of a grey format to 8 bits by adi_grey_to_8(), or by adi_16_to_8() if `rounded`. */
void adi_row_to_grey8(uint8_t *grey, const ad_image *image, int64_t row, int64_t x0, int64_t x1,
                      int32_t rounded);
/* Convert a row of any format to interleaved RGB8: grey is replicated, alpha dropped. */
void adi_row_to_rgb8(uint8_t *rgb, const ad_image *image, int64_t row, int64_t x0, int64_t x1);

/* Resize filters. The two Pillow filters are bit-exact with Pillow 8-bit RGB. */
typedef enum adi_resize {
    ADI_RESIZE_CV_LINEAR,    /* 2 taps, no antialias: OpenCV INTER_LINEAR without its fixed point */
    ADI_RESIZE_PIL_BILINEAR, /* triangle with antialias */
    ADI_RESIZE_PIL_LANCZOS   /* Lanczos-3 with antialias */
} adi_resize;

typedef enum adi_aspect {
    ADI_ASPECT_SQUARE,      /* resize to size x size, aspect ignored */
    ADI_ASPECT_SHORTER_SIDE /* shorter side to size, then the centre is cropped */
} adi_aspect;

/* Memory of a resize, kept between calls and grown for a larger image, so that a stream of equal
 * frames allocates once. Begin with allocator and kernels set and the rest zero. */
typedef struct adi_resize_scratch {
    const adi_allocator *allocator;
    const adi_host_kernels *kernels;
    uint8_t *block; /* a plan, its tables and its rows; private to resize.c */
    size_t bytes;
    int32_t rounded_16; /* as in adi_preprocess */
    struct adi_resize_key { /* the resize that the tables in block belong to */
        int64_t in_w, in_h;
        adi_frame frame;
        int64_t filter;
    } key;
} adi_resize_scratch;

void adi_resize_scratch_free(adi_resize_scratch *scratch);

/* Resize any view to out_w x out_h RGB8 (dst: out_h rows of 3 * out_w bytes) with an adi_resize
 * filter. Bit-exact with Pillow for PIL_*; CV_LINEAR is the 2-tap definition, rounded half up to 8
 * bits. Where the size does not change the pixels are copied, as Pillow does. */
ad_status adi_resize_rgb8(uint8_t *dst, int64_t out_w, int64_t out_h, const ad_image *image,
                          int32_t filter, adi_resize_scratch *scratch);

/* Resize row by row, and only the frame's window. Begin, then read rows 0 .. h-1 in this order from
 * the same image; a row is 3 * w bytes, valid until the next call. */
ad_status adi_resize_begin(adi_resize_scratch *scratch, const ad_image *image,
                           const adi_frame *frame, int32_t filter);
const uint8_t *adi_resize_row(adi_resize_scratch *scratch, const ad_image *image, int64_t row);

/* The preprocessing of an image for the network: options without open defaults. */
typedef struct adi_preprocess {
    int32_t resize; /* adi_resize */
    int32_t aspect; /* adi_aspect */
    int32_t size;   /* resize target */
    int32_t crop;   /* side after the centre crop; == size: nothing is cropped */
    float mean[3], std[3];
    int32_t rounded_16; /* 1: adi_16_to_8() for 16-bit grey, as old scorers were fitted */
} adi_preprocess;

/* Image to network input: dst is h x w x 3 float32 NHWC, (rgb/255 - mean) / std, of the frame's
 * window. rgb, unless NULL, gets the 8-bit pixels that dst is made from, for
 * adi_preprocess_from_bytes(). */
ad_status adi_preprocess_run(const adi_preprocess *p, const adi_frame *frame, float *dst,
                             uint8_t *rgb, const ad_image *image, adi_resize_scratch *scratch);
/* Make the same input again, to the bit, from n of these pixels. */
void adi_preprocess_from_bytes(const adi_preprocess *p, float *dst, const uint8_t *rgb, int64_t n);

#endif
