/* Notes that readers of images leave for the log. */
#ifndef ADI_VISION_NOTES_H
#define ADI_VISION_NOTES_H

#include "vision/reading.h"

/* Defects of a file that leave every pixel as it is, and facts that the file states of its pixels.
 * A reader writes them; the caller, which knows the file's name, logs them. Begin with zeros. */
typedef struct adi_notes {
    char first[256]; /* a message without the file's name, or "" */
    int32_t more;    /* how many others there were */
    adi_read_facts facts;
} adi_notes;

/* Keeps the first sentence and counts the others. `notes` may be NULL. */
void adi_note(adi_notes *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
