/* Where a network's input lies in an image, worked out once an image: resizing reads it on the way
 * in, the anomaly map on the way back. */
#ifndef ADI_VISION_FRAME_H
#define ADI_VISION_FRAME_H

#include <stdint.h>

struct adi_preprocess;

/* The image is resized to whole_w x whole_h pixels; the input is the window of w x h pixels of the
 * result that starts at (x, y). */
typedef struct adi_frame {
    int64_t whole_w, whole_h;
    int64_t x, y, w, h;
} adi_frame;

/* The frame of a width x height image. torchvision's rule for the longer side is
 * int(size * long / short); the crop starts at round((resized - crop) / 2), ties to even as Python
 * rounds. */
adi_frame adi_frame_of(const struct adi_preprocess *p, int64_t width, int64_t height);
/* The same in units of a map of side x side values that covers the input, rounded. */
adi_frame adi_frame_scaled(const adi_frame *f, int64_t side);

#endif
