/* Heat-map overlays. */
#include "overlay.h"

#include <stdlib.h>

#define FULL 3.0    /* times normal: where colour and opacity reach their end */
#define OPACITY 0.8 /* at most, so that the defect under the colour can still be seen */

enum { ANCHORS = 10 };

/* The colour map "plasma" (Smith and van der Walt, matplotlib, CC0) at ten equal steps: equal
 * differences look equally large, also to most colour-blind eyes and in a grey copy. */
static const unsigned char plasma[ANCHORS][3] = {
    {13, 8, 135},  {70, 3, 159},   {114, 1, 168},  {156, 23, 158}, {189, 55, 134},
    {216, 87, 107}, {237, 121, 83}, {251, 159, 58}, {253, 202, 38}, {240, 249, 33}};

/* t in 0 .. 1 */
static void colour(double t, double rgb[3])
{
    const double at = t * (ANCHORS - 1);
    const int i = at >= ANCHORS - 1 ? ANCHORS - 2 : (int)at;
    const double f = at - i;
    for (int c = 0; c < 3; c++)
        rgb[c] = (1.0 - f) * plasma[i][c] + f * plasma[i + 1][c];
}

/* Pixel x of a row as 8-bit RGB; the formats are those that ad_image_read() gives. */
static void fetch(const ad_image *image, const unsigned char *row, int64_t x, double rgb[3])
{
    if (image->format == AD_PIXEL_RGB8) {
        for (int c = 0; c < 3; c++)
            rgb[c] = row[3 * x + c];
        return;
    }
    const double grey = image->format == AD_PIXEL_MONO16
                            ? ((const uint16_t *)(const void *)row)[x] / 257.0
                            : row[x];
    rgb[0] = rgb[1] = rgb[2] = grey;
}

static void blend_row(const ad_image *image, const unsigned char *row, const float *map,
                      double normal, unsigned char *out)
{
    for (int64_t x = 0; x < image->width; x++, out += 3) {
        double t = normal > 0.0 ? (map[x] / normal - 1.0) / (FULL - 1.0) : 0.0;
        t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
        double under[3], over[3];
        fetch(image, row, x, under);
        colour(t, over);
        const double alpha = OPACITY * t;
        for (int c = 0; c < 3; c++)
            out[c] = (unsigned char)((1.0 - alpha) * under[c] + alpha * over[c] + 0.5);
    }
}

ad_status overlay_write(ad_context *context, const ad_image *image, const ad_map *map,
                        double normal, const char *path)
{
    unsigned char *pixels = malloc((size_t)image->width * (size_t)image->height * 3);
    if (!pixels)
        return AD_ERR_OUT_OF_MEMORY;
    for (int64_t y = 0; y < image->height; y++)
        blend_row(image, (const unsigned char *)image->pixels + y * image->row_bytes,
                  (const float *)(const void *)((const char *)map->data + y * map->row_bytes),
                  normal, pixels + y * image->width * 3);
    const ad_image picture =
        AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, image->width, image->height, image->width * 3);
    const ad_status status = ad_image_write_png(context, &picture, path);
    free(pixels);
    return status;
}
