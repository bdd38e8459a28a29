/* From an image to a network's input: resize, centre crop, (rgb/255 - mean) / std. */
#include <string.h>

#include "vision/vision.h"

void adi_preprocess_resized(const adi_preprocess *p, int64_t width, int64_t height, int64_t *out_w,
                            int64_t *out_h)
{
    *out_w = *out_h = p->size;
    if (p->aspect != ADI_ASPECT_SHORTER_SIDE)
        return;
    /* torchvision computes int(size * long / short) in doubles. The integer quotient is the same:
     * sizes are too small for the double quotient to round up to a whole number. */
    if (width < height)
        *out_h = p->size * height / width;
    else
        *out_w = p->size * width / height;
}

/* round(excess / 2) with ties to even, as Python rounds. */
int64_t adi_crop_start(int64_t resized, int64_t crop)
{
    const int64_t excess = resized - crop;
    const int64_t half = excess / 2;
    return excess % 2 ? half + half % 2 : half;
}

/* In float32 and in torch's order (divide, subtract, divide), so that the bits agree. */
static void find_values(const adi_preprocess *p, float value[3][256])
{
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++)
            value[c][v] = ((float)v / 255.0f - p->mean[c]) / p->std[c];
}

static void look_up(float value[3][256], float *dst, const uint8_t *rgb, int64_t n)
{
    for (int64_t i = 0; i < n; i++, rgb += 3, dst += 3) {
        dst[0] = value[0][rgb[0]];
        dst[1] = value[1][rgb[1]];
        dst[2] = value[2][rgb[2]];
    }
}

void adi_preprocess_from_bytes(const adi_preprocess *p, float *dst, const uint8_t *rgb, int64_t n)
{
    float value[3][256];
    find_values(p, value);
    look_up(value, dst, rgb, n);
}

ad_status adi_preprocess_run(const adi_preprocess *p, float *dst, uint8_t *rgb,
                             const ad_image *image, adi_resize_scratch *scratch)
{
    const int64_t crop = p->crop;
    int64_t w, h;
    adi_preprocess_resized(p, image->width, image->height, &w, &h);
    scratch->rounded_16 = p->rounded_16;
    ADI_TRY(adi_resize_begin(scratch, image, w, h, adi_crop_start(w, crop), adi_crop_start(h, crop),
                             crop, crop, p->resize));
    float value[3][256];
    find_values(p, value);
    for (int64_t y = 0; y < crop; y++, dst += 3 * crop) {
        const uint8_t *row = adi_resize_row(scratch, image, y);
        look_up(value, dst, row, crop);
        if (rgb)
            memcpy(rgb + 3 * crop * y, row, (size_t)(3 * crop));
    }
    return AD_OK;
}
