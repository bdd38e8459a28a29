/* Geometry of resize and crop. */
#include "vision/frame.h"

#include "vision/vision.h"

static int64_t crop_start(int64_t resized, int64_t crop)
{
    const int64_t excess = resized - crop;
    const int64_t half = excess / 2;
    return excess % 2 ? half + half % 2 : half;
}

adi_frame adi_frame_of(const adi_preprocess *p, int64_t width, int64_t height)
{
    adi_frame f = {.whole_w = p->size, .whole_h = p->size, .w = p->crop, .h = p->crop};
    /* torchvision computes int(size * long / short) in doubles. The integer quotient is the same:
     * sizes are too small for the double quotient to round up to a whole number. */
    if (p->aspect == ADI_ASPECT_SHORTER_SIDE && width < height)
        f.whole_h = p->size * height / width;
    else if (p->aspect == ADI_ASPECT_SHORTER_SIDE)
        f.whole_w = p->size * width / height;
    f.x = crop_start(f.whole_w, f.w);
    f.y = crop_start(f.whole_h, f.h);
    return f;
}

static int64_t scaled(int64_t length, int64_t to, int64_t from)
{
    return (2 * length * to + from) / (2 * from);
}

adi_frame adi_frame_scaled(const adi_frame *f, int64_t side)
{
    return (adi_frame){.whole_w = scaled(f->whole_w, side, f->w),
                       .whole_h = scaled(f->whole_h, side, f->h),
                       .x = scaled(f->x, side, f->w),
                       .y = scaled(f->y, side, f->h),
                       .w = side,
                       .h = side};
}
