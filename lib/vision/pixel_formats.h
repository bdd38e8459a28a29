/* Pixel formats by their PFNC codes (EMVA, Pixel Format Naming Convention): the supported ones, the
 * names of others that cameras deliver, and conversion of grey samples to 16 bits. */
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

/* NULL if the format is not supported. */
const adi_pixel_format *adi_pixel_format_find(uint32_t code);
/* PFNC's name of an unsupported format; NULL if it is not known. */
const char *adi_pixel_format_other(uint32_t code);
/* The supported formats, for messages: "Mono8, Mono10, ...". */
const char *adi_pixel_formats_taken(void);
/* Bytes of a row without padding; a last byte that is used in part counts. */
int64_t adi_pixel_row_bytes(const adi_pixel_format *format, int64_t width);

/* Convert pixels x0 .. x1 - 1 of a row of a grey format to 16 bits by shifting. Values above the
 * largest of an unpacked format are clamped. */
void adi_grey16_row(uint16_t *out, const adi_pixel_format *format, const uint8_t *row, int64_t x0,
                    int64_t x1);

#endif
