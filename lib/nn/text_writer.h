/* Graph text that is written by a program. */
#ifndef ADI_NN_TEXT_WRITER_H
#define ADI_NN_TEXT_WRITER_H

#include "core/alloc.h"
#include "core/error.h"

typedef struct adi_text_writer {
    const adi_allocator *allocator;
    char *text;
    size_t capacity, used;
    ad_status status; /* the first error */
} adi_text_writer;

/* Append up to 511 bytes; numbers are written as in the C locale. */
__attribute__((format(printf, 2, 3)))
void adi_text_put(adi_text_writer *w, const char *format, ...);
/* Return the text, which the caller frees, or the first error. */
ad_status adi_text_finish(adi_text_writer *w, char **out_text);

#endif
