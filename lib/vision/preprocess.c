/* From an image to a network's input: resize, crop, (rgb/255 - mean) / std. */
#include <string.h>

#include "vision/vision.h"

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

ad_status adi_preprocess_run(const adi_preprocess *p, const adi_frame *frame, float *dst,
                             uint8_t *rgb, const ad_image *image, adi_resize_scratch *scratch)
{
    scratch->rounded_16 = p->rounded_16;
    ADI_TRY(adi_resize_begin(scratch, image, frame, p->resize));
    float value[3][256];
    find_values(p, value);
    for (int64_t y = 0; y < frame->h; y++, dst += 3 * frame->w) {
        const uint8_t *row = adi_resize_row(scratch, image, y);
        look_up(value, dst, row, frame->w);
        if (rgb)
            memcpy(rgb + 3 * frame->w * y, row, (size_t)(3 * frame->w));
    }
    return AD_OK;
}
