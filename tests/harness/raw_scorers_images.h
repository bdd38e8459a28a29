/* The images of golden/raw_scorers.h: the same pixels when it was made as today. */
#ifndef ADFEAT_TESTS_RAW_SCORERS_IMAGES_H
#define ADFEAT_TESTS_RAW_SCORERS_IMAGES_H

#include "harness/tiny.h"

static inline ad_image raw_scorers_rgb(uint8_t *pixels, int64_t index, int defect)
{
    tiny_image(pixels, index, defect);
    return (ad_image)AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
}

/* Of the full range, where the two ways from 16 bits to 8 differ in many pixels. */
static inline ad_image raw_scorers_grey(uint16_t *pixels, int64_t index)
{
    char name[32];
    snprintf(name, sizeof name, "raw.%lld", (long long)index);
    for (int64_t i = 0; i < TINY_SIDE * TINY_SIDE; i++)
        pixels[i] = (uint16_t)(32768.0 + 32767.0 * seeded_signed(name, (uint64_t)i));
    return (ad_image)AD_IMAGE_INIT(AD_PIXEL_MONO16, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 2);
}

#endif
