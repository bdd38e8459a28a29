/* libtiff on a file in memory, for pixels and depth: errors go to a handler of this file alone, and
 * the samples of the first image are read from strips or tiles, one line of a block at a time. */
#ifndef ADI_VISION_TIFF_SESSION_H
#define ADI_VISION_TIFF_SESSION_H

#include <tiffio.h>

#include "vision/image_kinds.h"

typedef struct adi_tiff_session {
    TIFF *tiff;
    const adi_image_source *source;
    tmsize_t at;
    char sentence[256]; /* the first error */
    bool out_of_memory;
    bool strict; /* warnings are errors */
    uint32_t width, height;
    uint16_t bits, samples, sample_format, planar, photometric, compression;
} adi_tiff_session;

/* Open the file, read its header and check sides and compression. Close it in either case. */
ad_status adi_tiff_open(adi_tiff_session *session, const adi_image_source *source);
void adi_tiff_close(adi_tiff_session *session);
/* The status and message of libtiff's error. */
ad_status adi_tiff_failed(const adi_tiff_session *session);

/* Receives n pixels from column x of row y: interleaved samples, or those of one plane if planes
 * are separate. 16- and 32-bit samples are in native byte order, smaller ones packed. */
typedef void (*adi_tiff_place)(void *user, const void *samples, int64_t x, int64_t y, int64_t n,
                               uint16_t plane);
/* Read every pixel of planes first .. last - 1 (one plane if samples are interleaved). */
ad_status adi_tiff_read(adi_tiff_session *session, uint16_t first, uint16_t last,
                        adi_tiff_place place, void *user);

#endif
