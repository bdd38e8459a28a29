/* What reading and writing a PNG share: libpng's memory comes from the context's allocator, and its
 * errors come back as a status. */
#ifndef ADI_VISION_PNG_SESSION_H
#define ADI_VISION_PNG_SESSION_H

#include <setjmp.h>
#include <stdbool.h>

#include <png.h>

#include "vision/image_kinds.h"

/* See decode_jpeg.c: what changes after setjmp() lives in the caller's frame. libpng leaves by
 * longjmp(session->jump), so whoever calls libpng has called setjmp() on it before. */
typedef struct adi_png_session {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    const adi_allocator *allocator;
    bool out_of_memory;
    adi_notes *notes;   /* of reading: where harmless warnings go, or NULL */
    ad_status failure;  /* what an error of libpng becomes, */
    const char *prefix; /* and what its sentence begins with */
    ad_status status;
} adi_png_session;

/* Create png and info with the allocator, failure and prefix that the caller has set. */
ad_status adi_png_begin_read(adi_png_session *session);
ad_status adi_png_begin_write(adi_png_session *session);

#endif
