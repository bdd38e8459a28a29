/* The kinds of image files: how each is told by its first bytes, what its files are called, and who
 * reads it. */
#ifndef ADI_VISION_IMAGE_KINDS_H
#define ADI_VISION_IMAGE_KINDS_H

#include <stdbool.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/limits.h"
#include "vision/notes.h"

/* A file in memory and what is wanted of it. */
typedef struct adi_image_source {
    const adi_allocator *allocator;
    const uint8_t *bytes;
    size_t size;
    const ad_read_options *options; /* whole and checked */
    adi_notes *notes;               /* or NULL: nobody wants to know */
    const adi_file_limits *limits;  /* or NULL: the library's own */
} adi_image_source;

/* Into an image that owns its pixels (adi_image_free()), as they are stored: the orientation is a
 * fact that is noted. On failure out_image is untouched. */
typedef ad_status (*adi_image_reader)(const adi_image_source *source, ad_image *out_image);

/* By signature, and upright unless the options say raw: decode.c */
ad_status adi_image_decode(const adi_image_source *source, ad_image *out_image);
ad_status adi_decode_jpeg(const adi_image_source *source, ad_image *out_image); /* decode_jpeg.c */
ad_status adi_decode_png(const adi_image_source *source, ad_image *out_image);  /* and so on */
ad_status adi_decode_bmp(const adi_image_source *source, ad_image *out_image);
ad_status adi_decode_pnm(const adi_image_source *source, ad_image *out_image);
ad_status adi_decode_tiff(const adi_image_source *source, ad_image *out_image);
ad_status adi_decode_webp(const adi_image_source *source, ad_image *out_image);

typedef struct adi_image_kind {
    const char *name; /* "a BMP" */
    const char
        *endings; /* of file names, in lower case, each with a dot in front and a space behind */
    bool (*is)(const uint8_t *bytes, size_t size);
    adi_image_reader read; /* NULL: nothing here reads it */
    const char *library;   /* where a library would: its name, if this build is without it */
} adi_image_kind;

/* By first bytes, or by the ending of a file's name; NULL where it is none that is known. */
const adi_image_kind *adi_image_kind_of(const uint8_t *bytes, size_t size);
const adi_image_kind *adi_image_kind_named(const char *file_name);
/* What can be read, for sentences: "JPEG, PNG, BMP, PNM, TIFF and WebP". */
extern const char adi_images_read[];

#endif
