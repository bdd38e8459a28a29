/* Turning an image upright by the eight values of EXIF's and TIFF's orientation. Of the W x H
 * stored pixels, the one shown at (x, y) lies at
 *   1: (x, y)    2: (W-1-x, y)    3: (W-1-x, H-1-y)    4: (x, H-1-y)
 *   5: (y, x)    6: (y, H-1-x)    7: (W-1-y, H-1-x)    8: (W-1-y, x) */
#include <string.h>

#include "vision/reading.h"
#include "vision/vision.h"

enum { TILE = 32 }; /* pixels a side: source and destination of a turned tile stay in the cache */

/* Byte steps through the stored pixels for one shown pixel to the right and one down, and the
 * offset of the first. */
typedef struct walk {
    const uint8_t *first;
    int64_t along, down;
} walk;

static walk walk_of(int32_t orientation, const ad_image *image)
{
    const int64_t pixel = adi_pixel_bytes(image->format), row = image->row_bytes;
    const int turned = orientation >= 5;
    /* The stored axes that run backwards. */
    const int64_t x_back =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const int64_t y_back =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const int64_t x_step = x_back ? -pixel : pixel, y_step = y_back ? -row : row;
    return (walk){(const uint8_t *)image->pixels + x_back * (image->width - 1) * pixel +
                      y_back * (image->height - 1) * row,
                  turned ? y_step : x_step, turned ? x_step : y_step};
}

/* With a pixel size that the compiler knows. */
static inline void copy_run(uint8_t *to, const uint8_t *from, int64_t step, int64_t n, size_t pixel)
{
    for (int64_t i = 0; i < n; i++, to += pixel, from += step)
        memcpy(to, from, pixel);
}

static void copy_pixels(uint8_t *to, const uint8_t *from, int64_t step, int64_t n, int64_t pixel)
{
    switch (pixel) {
    case 1:
        copy_run(to, from, step, n, 1);
        break;
    case 2:
        copy_run(to, from, step, n, 2);
        break;
    case 3:
        copy_run(to, from, step, n, 3);
        break;
    default:
        copy_run(to, from, step, n, (size_t)pixel);
    }
}

static void copy_tiles(const ad_image *to, walk from, int64_t pixel)
{
    for (int64_t y0 = 0; y0 < to->height; y0 += TILE)
        for (int64_t x0 = 0; x0 < to->width; x0 += TILE) {
            const int64_t columns = to->width - x0 < TILE ? to->width - x0 : TILE;
            for (int64_t y = y0; y < to->height && y < y0 + TILE; y++)
                copy_pixels((uint8_t *)to->pixels + y * to->row_bytes + x0 * pixel,
                            from.first + y * from.down + x0 * from.along, from.along, columns,
                            pixel);
        }
}

ad_status adi_image_orient(const adi_allocator *a, int32_t orientation, ad_image *image)
{
    if (orientation <= 1 || orientation > 8)
        return AD_OK;
    const int turned = orientation >= 5;
    ad_image upright = {0};
    ADI_TRY(adi_image_alloc(a, image->format, turned ? image->height : image->width,
                            turned ? image->width : image->height, &upright));
    copy_tiles(&upright, walk_of(orientation, image), adi_pixel_bytes(image->format));
    adi_image_free(image);
    *image = upright;
    return AD_OK;
}
