/* Pixel formats by their PFNC codes (EMVA, Pixel Format Naming Convention): those that views may
 * have, the names of others that cameras deliver, and grey samples of any width as 16 bits. */
#ifndef ADI_VISION_PIXEL_FORMATS_H
#define ADI_VISION_PIXEL_FORMATS_H

#include <stdint.h>

#include "adfeat.h"

typedef struct adi_pixel_format {
    uint32_t code; /* an ad_pixel_format; bits 16 to 23 are the bits of a pixel */
    const char *name;
    int32_t bytes; /* of a pixel; 0: packed, a pixel may begin within a byte */
    int32_t grey;  /* significant bits of a grey sample; 0: colour */
} adi_pixel_format;

/* NULL where views may not have it. */
const adi_pixel_format *adi_pixel_format_find(uint32_t code);
/* PFNC's name of a format that is not taken, NULL where it is not known either. */
const char *adi_pixel_format_other(uint32_t code);
/* Those that are taken, for sentences: "Mono8, Mono10, ...". */
const char *adi_pixel_formats_taken(void);
/* Of a row of pixels without padding: where it ends within a byte, that byte is counted. */
int64_t adi_pixel_row_bytes(const adi_pixel_format *format, int64_t width);

/* Pixels x0 .. x1 - 1 of a row of a grey format, shifted up to 16 bits. What is beyond an unpacked
 * format's largest value is taken for that. */
void adi_grey16_row(uint16_t *out, const adi_pixel_format *format, const uint8_t *row, int64_t x0,
                    int64_t x1);

#endif
