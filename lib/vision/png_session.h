/* libpng for reading and writing: its memory comes from the context's allocator, and its errors
 * become a status. */
#ifndef ADI_VISION_PNG_SESSION_H
#define ADI_VISION_PNG_SESSION_H

#include <setjmp.h>
#include <stdbool.h>

#include <png.h>

#include "vision/image_kinds.h"

/* libpng leaves by longjmp(session->jump): call setjmp() on it before any function of libpng. The
 * session belongs to a function that does not, see decode_jpeg.c. */
typedef struct adi_png_session {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    const adi_allocator *allocator;
    bool out_of_memory;
    adi_notes *notes;   /* for harmless warnings of reading, or NULL */
    ad_status failure;  /* the status of an error of libpng */
    const char *prefix; /* of its message */
    ad_status status;
} adi_png_session;

/* Create png and info; allocator, failure and prefix are set. */
ad_status adi_png_begin_read(adi_png_session *session);
ad_status adi_png_begin_write(adi_png_session *session);

#endif
