/* What reading a TIFF's pixels and its depth share: libtiff on bytes in memory, which complains to
 * a handler of the file alone, and the samples of its first image in strips or tiles, one line of a
 * block at a time. */
#ifndef ADI_VISION_TIFF_SESSION_H
#define ADI_VISION_TIFF_SESSION_H

#include <tiffio.h>

#include "vision/image_kinds.h"

typedef struct adi_tiff_session {
    TIFF *tiff;
    const adi_image_source *source;
    tmsize_t at;
    char sentence[256]; /* the first complaint */
    bool out_of_memory;
    bool strict; /* warnings are complaints */
    uint32_t width, height;
    uint16_t bits, samples, sample_format, planar, photometric, compression;
} adi_tiff_session;

/* Open and read the header; then its sides and compression have been checked. Close it in either
 * case. */
ad_status adi_tiff_open(adi_tiff_session *session, const adi_image_source *source);
void adi_tiff_close(adi_tiff_session *session);
/* The status and sentence of what libtiff complained of last. */
ad_status adi_tiff_failed(const adi_tiff_session *session);

/* n pixels from column x of row y: interleaved samples, or where planes lie apart those of one
 * plane. 16- and 32-bit samples are in this machine's order, smaller ones packed. */
typedef void (*adi_tiff_place)(void *user, const void *samples, int64_t x, int64_t y, int64_t n,
                               uint16_t plane);
/* Every pixel of planes first .. last - 1 (of one where samples are interleaved). */
ad_status adi_tiff_read(adi_tiff_session *session, uint16_t first, uint16_t last,
                        adi_tiff_place place, void *user);

#endif
