/* What becomes of a file's pixels once they are decoded, by what the file says of them: which way
 * up they are, and how many of 16 bits mean something. Readers fill in the facts; decode.c applies
 * the orientation. */
#ifndef ADI_VISION_READING_H
#define ADI_VISION_READING_H

#include "core/alloc.h"
#include "core/error.h"

/* Of the 16-bit samples, what is worth a line in the log. */
typedef enum adi_bits_note {
    ADI_BITS_PLAIN = 0, /* nothing to say */
    ADI_BITS_DARK,      /* nothing was said of 16-bit samples, and none uses the upper four bits */
    ADI_BITS_UNDECIDED  /* sBIT says fewer bits, and the samples fit at either end: left as they are
                         */
} adi_bits_note;

/* Begin with zeros. */
typedef struct adi_read_facts {
    int32_t orientation; /* the file's tag, 1 .. 8; 0: it has none */
    int32_t bits_note;   /* an adi_bits_note */
    int32_t stated_bits; /* of an sBIT chunk */
    int32_t largest;     /* of 16-bit samples */
    int32_t far_depth;   /* 1: no scale was said, and half of a depth file is further away than any
                            camera sees */
} adi_read_facts;

/* exif.c: tag 0x0112 of the first directory of EXIF data, which is a TIFF file, with "Exif\0\0" in
 * front of it or not. 1 to 8; 1 where there is none, or it is damaged: no offset is trusted. */
int32_t adi_exif_orientation(const uint8_t *bytes, size_t size);
/* A value of that tag, of a file whose decoder has parsed it already: 1 unless it is 1 to 8. */
static inline int32_t adi_orientation_checked(int64_t value)
{
    return value >= 1 && value <= 8 ? (int32_t)value : 1;
}

/* orientation.c: turn what a decoder made, an owned image without depth, upright.
 * AD_ERR_OUT_OF_MEMORY: it is as it was. */
ad_status adi_image_orient(const adi_allocator *a, int32_t orientation, ad_image *image);

/* significant_bits.c: n samples of 16 bits, shifted up where only the lowest bits mean something;
 * the rule is that of ad_read_options.significant_bits. said: that option. stated: the file's own
 * word, 0: none. AD_ERR_FORMAT: a sample is beyond what was said. */
ad_status adi_bits_settle(uint16_t *samples, size_t n, int32_t said, int32_t stated,
                          adi_read_facts *facts);

#endif
