/* Depth files: TIFF and 16-bit PNG. */
#ifndef ADI_VISION_DECODE_DEPTH_H
#define ADI_VISION_DECODE_DEPTH_H

#include "vision/image_kinds.h"

/* width * height values, which the caller frees. */
typedef struct adi_depth_plane {
    float *z;
    int64_t width, height;
} adi_depth_plane;

/* scale: metres per unit; 0: 1 for TIFF, 0.001 for PNG. */
ad_status adi_decode_depth(const adi_image_source *source, double scale, adi_depth_plane *out);
ad_status adi_decode_tiff_depth(const adi_image_source *source,
                                adi_depth_plane *out); /* decode_tiff_depth.c */
/* image_buffer.c: give the image a copy of the plane. It must have the plane's size, or be 0x0
 * without pixels. On failure it is unchanged. */
ad_status adi_image_give_depth(const adi_allocator *a, const adi_depth_plane *plane,
                               ad_image *image);

#endif
