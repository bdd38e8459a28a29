/* From a depth plane to a network's input, as the AST method has it (Rudolph et al. 2023,
 * arXiv:2210.07829): holes are filled, what differs from a surface through the four corners is
 * foreground, and depth is centred on that. */
#ifndef ADI_VISION_DEPTH_H
#define ADI_VISION_DEPTH_H

#include "core/alloc.h"
#include "core/error.h"

enum { ADI_DEPTH_UNSHUFFLE = 8 }; /* depth pixels along a side of a position */

typedef struct adi_depth_options {
    int32_t grid;      /* positions along a side; 0: no depth is wanted */
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

/* A view's depth plane: there, of the image's size, with steps that make sense.
 * AD_ERR_INVALID_ARGUMENT, AD_ERR_SHAPE. */
ad_status adi_depth_check(const ad_image *image);

/* The whole way. depth [grid * grid * 64]: in centimetres from the foreground's mean, each
 * position's 8 x 8 values after each other; mask [grid * grid]: each position's share of the
 * foreground, 0 .. 1. The image has been checked. AD_ERR_NUMERIC where nothing is foreground or it
 * is lost in resizing, a corner has no depth or nothing has, AD_ERR_SHAPE, AD_ERR_OUT_OF_MEMORY. */
ad_status adi_depth_run(const adi_depth_options *o, const ad_image *image,
                        adi_depth_scratch *scratch, float *depth, float *mask);

/* The parts of it. z: h rows of w doubles, 0 where depth is missing. */
void adi_depth_read(const ad_image *image, double *z);
/* tmp: as large as z. */
void adi_depth_fill(const adi_depth_options *o, double *z, double *tmp, int64_t h, int64_t w);
/* z becomes centimetres from the foreground's mean, 0 elsewhere; mask 1 in the foreground, 0
 * elsewhere. */
ad_status adi_depth_centre(const adi_depth_options *o, double *z, double *mask, int64_t h,
                           int64_t w);
/* Bilinear with half-pixel centres; weights are exact fractions, so that what is 0 weighs nothing.
 */
void adi_depth_resize(double *out, int64_t oh, int64_t ow, const double *in, int64_t h, int64_t w);
/* mask, whatever is above 0, widened by a square to 1 and 0 in out; tmp as large. */
void adi_depth_dilate(double *out, double *tmp, const double *mask, int64_t side, int64_t square);

#endif
