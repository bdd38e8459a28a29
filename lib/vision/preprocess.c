/* From an image to a network's input: resize, centre crop, (rgb/255 - mean) / std. */
#include "vision/vision.h"

void adi_preprocess_resized(const adi_preprocess *p, int64_t width, int64_t height, int64_t *out_w,
                            int64_t *out_h)
{
    *out_w = *out_h = p->size;
    if (p->aspect != AD_ASPECT_SHORTER_SIDE)
        return;
    /* torchvision: int(size * long / short), in doubles; equal to the integer quotient here, as
     * size and sides are far too small for the double quotient to round up to a whole number. */
    if (width < height)
        *out_h = p->size * height / width;
    else
        *out_w = p->size * width / height;
}

/* round(excess / 2) with ties to even, as Python rounds. */
static int64_t crop_start(int64_t resized, int64_t crop)
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

void adi_preprocess_from_bytes(const adi_preprocess *p, float *input, const uint8_t *rgb, int64_t n)
{
    float value[3][256];
    find_values(p, value);
    look_up(value, input, rgb, n);
}

/* Where mean and std are as they usually are, values lie far apart and rounding finds them; where they are so odd
 * that it may not, it is looked for. Of several bytes with one value any will do. */
static uint8_t find_byte(const float value[256], float v, double about)
{
    const int guess = about >= 0.0 && about <= 255.0 ? (int)(about + 0.5) : 0;
    if (value[guess] == v)
        return (uint8_t)guess;
    int b = 0;
    while (b < 255 && value[b] != v)
        b++;
    return (uint8_t)b;
}

void adi_preprocess_to_bytes(const adi_preprocess *p, uint8_t *rgb, const float *input, int64_t n)
{
    float value[3][256];
    find_values(p, value);
    for (int64_t i = 0; i < 3 * n; i++) {
        const double about = ((double)input[i] * p->std[i % 3] + p->mean[i % 3]) * 255.0;
        rgb[i] = find_byte(value[i % 3], input[i], about);
    }
}

ad_status adi_preprocess_run(const adi_preprocess *p, float *dst, const ad_image *image,
                             adi_resize_scratch *scratch)
{
    const int64_t crop = p->crop;
    int64_t w, h;
    adi_preprocess_resized(p, image->width, image->height, &w, &h);
    ADI_TRY(adi_resize_begin(scratch, image, w, h, crop_start(w, crop), crop_start(h, crop), crop,
                             crop, p->resize));
    float value[3][256];
    find_values(p, value);
    for (int64_t y = 0; y < crop; y++, dst += 3 * crop)
        look_up(value, dst, adi_resize_row(scratch, image, y), crop);
    return AD_OK;
}
