/* The kinds of image files: their first bytes, their file name endings and their readers. */
#ifndef ADI_VISION_IMAGE_KINDS_H
#define ADI_VISION_IMAGE_KINDS_H

#include <stdbool.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/limits.h"
#include "vision/notes.h"

/* A file in memory and how to read it. */
typedef struct adi_image_source {
    const adi_allocator *allocator;
    const uint8_t *bytes;
    size_t size;
    const ad_read_options *options; /* checked, of this version's size */
    adi_notes *notes;               /* or NULL */
    const adi_file_limits *limits;  /* or NULL: the library's defaults */
} adi_image_source;

/* Decode into an image that owns its pixels (adi_image_free()), in their stored orientation, which
 * is written to the notes. On failure out_image is unchanged. */
typedef ad_status (*adi_image_reader)(const adi_image_source *source, ad_image *out_image);

/* decode.c: decode with the reader for the first bytes; upright unless the options say raw. */
ad_status adi_image_decode(const adi_image_source *source, ad_image *out_image);
ad_status adi_decode_jpeg(const adi_image_source *source, ad_image *out_image); /* decode_jpeg.c */
ad_status adi_decode_png(const adi_image_source *source, ad_image *out_image);  /* and so on */
ad_status adi_decode_bmp(const adi_image_source *source, ad_image *out_image);
ad_status adi_decode_pnm(const adi_image_source *source, ad_image *out_image);
ad_status adi_decode_tiff(const adi_image_source *source, ad_image *out_image);
ad_status adi_decode_webp(const adi_image_source *source, ad_image *out_image);

typedef struct adi_image_kind {
    const char *name; /* "a BMP" */
    const char *endings; /* of file names: ".tif .tiff ", lower case, a space behind each */
    bool (*is)(const uint8_t *bytes, size_t size);
    adi_image_reader read; /* NULL: not supported */
    const char *library;   /* the library that could read it, if this build lacks it */
} adi_image_kind;

/* The kind by first bytes, or by the ending of a file's name; NULL if it is unknown. */
const adi_image_kind *adi_image_kind_of(const uint8_t *bytes, size_t size);
const adi_image_kind *adi_image_kind_named(const char *file_name);
/* The supported kinds, for messages: "JPEG, PNG, BMP, PNM, TIFF and WebP". */
extern const char adi_images_read[];

#endif
