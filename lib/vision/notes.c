/* Notes that readers of images leave for the log. */
#include "vision/notes.h"

#include <stdarg.h>
#include <stdio.h>

void adi_note(adi_notes *notes, const char *format, ...)
{
    va_list args;
    if (!notes)
        return;
    if (notes->first[0]) {
        notes->more++;
        return;
    }
    va_start(args, format);
    vsnprintf(notes->first, sizeof notes->first, format, args);
    va_end(args);
}
