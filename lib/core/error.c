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

/* Who refused how much: a limit of the context, or a device. */
static _Thread_local struct {
    char device[32];
    size_t wanted, held, limit; /* of a device: wanted, free, all that it has */
} refused;

void adi_note_limit(size_t wanted, size_t held, size_t limit)
{
    refused.device[0] = '\0';
    refused.wanted = wanted;
    refused.held = held;
    refused.limit = limit;
}

void adi_note_device_memory(const char *device, size_t wanted, size_t left, size_t total)
{
    adi_note_limit(wanted, left, total);
    snprintf(refused.device, sizeof refused.device, "%s", device);
}

ad_status adi_fail_memory(void)
{
    static const char text[] = "out of memory";
    memcpy(message, text, sizeof text);
    if (refused.device[0])
        snprintf(message, sizeof message,
                 "%s: out of memory: %zu bytes wanted, %zu of %zu are free", refused.device,
                 refused.wanted, refused.held, refused.limit);
    else if (refused.limit)
        snprintf(message, sizeof message,
                 "out of memory: %zu bytes beside the %zu that are held pass the context's "
                 "memory_limit of %zu",
                 refused.wanted, refused.held, refused.limit);
    adi_note_limit(0, 0, 0);
    return AD_ERR_OUT_OF_MEMORY;
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
