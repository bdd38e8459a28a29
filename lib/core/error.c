/* The thread-local error message: fixed size, never NULL, written without allocating. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[ADI_MESSAGE_BYTES];

/* Paths and names come from outside: keep the message on one line. */
static void keep_one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

ad_status adi_fail(ad_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    keep_one_line(message);
    return status;
}

/* What the next adi_fail_memory() says; "": nothing is known. */
static _Thread_local struct {
    ad_status status;
    char sentence[256];
} refused;

void adi_note_refusal(ad_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(refused.sentence, sizeof refused.sentence, format, args);
    va_end(args);
    refused.status = status;
}

void adi_forget_refusal(void)
{
    refused.sentence[0] = '\0';
}

ad_status adi_fail_memory(void)
{
    static const char text[] = "out of memory";
    memcpy(message, text, sizeof text);
    if (!refused.sentence[0])
        return AD_ERR_OUT_OF_MEMORY;
    memcpy(message, refused.sentence, sizeof refused.sentence);
    adi_forget_refusal();
    return refused.status;
}

ad_status adi_fail_prefix(ad_status status, const char *format, ...)
{
    char before[ADI_MESSAGE_BYTES];
    memcpy(before, message, sizeof before);
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof message)
        snprintf(message + n, sizeof message - (size_t)n, "%s", before);
    keep_one_line(message);
    return status;
}

/* Whether the message begins with "KIND 'PATH'". */
static int names_file(const char *kind, const char *path)
{
    const size_t k = strlen(kind), p = strlen(path);
    const char *after = message + k;
    return strncmp(message, kind, k) == 0 && strncmp(after, " '", 2) == 0 &&
           strncmp(after + 2, path, p) == 0 && after[2 + p] == '\'';
}

ad_status adi_fail_in_file(ad_status status, const char *kind, const char *path)
{
    if (status == AD_OK || status == AD_ERR_OUT_OF_MEMORY ||
        strncmp(message, path, strlen(path)) == 0 || names_file(kind, path))
        return status;
    return adi_fail_prefix(status, "%s '%s': ", kind, path);
}

const char *ad_last_error_message(void)
{
    return message;
}
