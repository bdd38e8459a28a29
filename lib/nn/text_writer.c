/* Graph text that is written by a program. */
#include "nn/text_writer.h"

#include <stdarg.h>
#include <string.h>

#include "core/number.h"

void adi_text_put(adi_text_writer *w, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    const size_t n = (size_t)adi_vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (w->status != AD_OK)
        return;
    char *text = adi_grow(w->allocator, w->text, &w->capacity, w->used + n + 1, 1);
    if (!text) {
        w->status = adi_fail_memory();
        return;
    }
    w->text = text;
    memcpy(w->text + w->used, line, n + 1);
    w->used += n;
}

ad_status adi_text_finish(adi_text_writer *w, char **out_text)
{
    if (w->status == AD_OK)
        *out_text = w->text;
    else
        adi_free(w->allocator, w->text);
    return w->status;
}
