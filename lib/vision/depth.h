/* From a depth plane to a network's input, as in AST (Rudolph et al. 2023, arXiv:2210.07829): fill
 * holes, take as foreground the pixels that differ from a surface through the four corners, and
 * centre depth on the foreground. */
#ifndef ADI_VISION_DEPTH_H
#define ADI_VISION_DEPTH_H

#include "core/alloc.h"
#include "core/error.h"

enum { ADI_DEPTH_UNSHUFFLE = 8 }; /* depth pixels along a side of a position */

typedef enum adi_depth_corners {
    ADI_DEPTH_CORNERS_REJECT, /* a corner without depth is AD_ERR_NUMERIC */
    ADI_DEPTH_CORNERS_NEAREST /* it takes the nearest depth there is */
} adi_depth_corners;

typedef struct adi_depth_options {
    int32_t grid;      /* positions along a side; 0: no depth */
    int32_t fill, fill_border, corners, dilation; /* as in ad_ast_options */
    double threshold;  /* metres */
} adi_depth_options;

/* Memory that is kept between calls and grown when a larger frame comes. Begin with the allocator
 * set, the rest zero. */
typedef struct adi_depth_scratch {
    const adi_allocator *allocator;
    double *block;
    size_t doubles;
} adi_depth_scratch;
void adi_depth_scratch_free(adi_depth_scratch *scratch);

/* Check a view's depth plane: it exists, has the image's size and possible strides.
 * AD_ERR_INVALID_ARGUMENT, AD_ERR_SHAPE. */
ad_status adi_depth_check(const ad_image *image);

/* All steps, for an image that was checked. depth [grid * grid * 64]: centimetres from the
 * foreground's mean, 8x8 values for each position; mask [grid * grid]: the share of foreground at
 * each position, 0 .. 1. AD_ERR_NUMERIC if there is no foreground, also after resizing, or a corner
 * or the whole plane has no depth; AD_ERR_SHAPE, AD_ERR_OUT_OF_MEMORY. */
ad_status adi_depth_run(const adi_depth_options *o, const ad_image *image,
                        adi_depth_scratch *scratch, float *depth, float *mask);

/* The steps. z: h rows of w doubles, 0 where depth is missing. */
void adi_depth_read(const ad_image *image, double *z);
/* tmp: as large as z. */
void adi_depth_fill(const adi_depth_options *o, double *z, double *tmp, int64_t h, int64_t w);
/* Turn z into centimetres from the foreground's mean, 0 in the background; mask: 1 in the
 * foreground, 0 in the background. */
ad_status adi_depth_centre(const adi_depth_options *o, double *z, double *mask, int64_t h,
                           int64_t w);
/* Bilinear with half-pixel centres. Weights are exact fractions, so that a weight of 0 is exactly
 * 0. */
void adi_depth_resize(double *out, int64_t oh, int64_t ow, const double *in, int64_t h, int64_t w);
/* Dilate the mask (values above 0) by a square; out is 1 and 0, tmp is as large. */
void adi_depth_dilate(double *out, double *tmp, const double *mask, int64_t side, int64_t square);

#endif
