/* Facts that a file states of its pixels: their orientation and significant bits. Readers fill them
 * in; decode.c applies the orientation. */
#ifndef ADI_VISION_READING_H
#define ADI_VISION_READING_H

#include "core/alloc.h"
#include "core/error.h"

/* A note on 16-bit samples for the log. */
typedef enum adi_bits_note {
    ADI_BITS_PLAIN = 0, /* nothing to say */
    ADI_BITS_DARK,      /* significant bits are not stated, and no sample uses the upper four */
    ADI_BITS_UNDECIDED  /* sBIT states fewer bits, and samples may be shifted or not: left as is */
} adi_bits_note;

/* Begin with zeros. */
typedef struct adi_read_facts {
    int32_t orientation; /* the file's tag, 1 .. 8; 0: it has none */
    int32_t bits_note;   /* an adi_bits_note */
    int32_t stated_bits; /* of an sBIT chunk */
    int32_t largest;     /* of 16-bit samples */
    int32_t far_depth;   /* 1: no scale was given, and half of the depth is implausibly far */
} adi_read_facts;

/* exif.c: tag 0x0112 of the first directory of EXIF data, with or without "Exif\0\0" in front.
 * 1 to 8; 1 if there is none or the data is damaged. */
int32_t adi_exif_orientation(const uint8_t *bytes, size_t size);
/* The value of that tag if a decoder has parsed it: 1 unless it is 1 to 8. */
static inline int32_t adi_orientation_checked(int64_t value)
{
    return value >= 1 && value <= 8 ? (int32_t)value : 1;
}

/* orientation.c: turn a decoded image, which owns its pixels and has no depth, upright. After
 * AD_ERR_OUT_OF_MEMORY it is unchanged. */
ad_status adi_image_orient(const adi_allocator *a, int32_t orientation, ad_image *image);

/* significant_bits.c: shift n 16-bit samples up if only their lowest bits are significant, by the
 * rule of ad_read_options.significant_bits. said: that option. stated: the file's own statement, 0:
 * none. AD_ERR_FORMAT if a sample exceeds `said` bits. */
ad_status adi_bits_settle(uint16_t *samples, size_t n, int32_t said, int32_t stated,
                          adi_read_facts *facts);

#endif
