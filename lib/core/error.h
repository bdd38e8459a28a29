/* The thread-local error message. The first function in lib/ that understands a failure writes it
 * with adi_fail(); callers above pass the status on unchanged. */
#ifndef ADI_CORE_ERROR_H
#define ADI_CORE_ERROR_H

#include "adfeat.h"

enum { ADI_MESSAGE_BYTES = 1024 }; /* of a message, its NUL included */

/* Write the message and return `status`, so that a failure reads `return adi_fail(...)`. */
ad_status adi_fail(ad_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Report that memory ran out, without allocating: AD_ERR_OUT_OF_MEMORY, or what adi_note_refusal()
 * said. */
ad_status adi_fail_memory(void);
/* Remember for this thread's next adi_fail_memory() why an allocator refused memory: a limit, or a
 * device that failed. */
void adi_note_refusal(ad_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void adi_forget_refusal(void);

/* Put a prefix, such as "FILE: ", in front of the current message. Returns `status`. */
ad_status adi_fail_prefix(ad_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prefix "KIND 'PATH': ", unless the message begins with that or with the path already, nothing
 * failed, or memory ran out (which has nothing to do with the file). */
ad_status adi_fail_in_file(ad_status status, const char *kind, const char *path);

/* Check an argument of the caller, in release builds too. */
#define ADI_CHECK_ARG(condition, ...)                                                              \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return adi_fail(AD_ERR_INVALID_ARGUMENT, __VA_ARGS__);                                 \
    } while (0)

/* Return a failure to the caller. */
#define ADI_TRY(call)                                                                              \
    do {                                                                                           \
        const ad_status adi_try_status_ = (call);                                                  \
        if (adi_try_status_ != AD_OK)                                                              \
            return adi_try_status_;                                                                \
    } while (0)

/* The same in a function with a cleanup label and a local `status`. */
#define ADI_TRY_CLEANUP(call)                                                                      \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != AD_OK)                                                                       \
            goto cleanup;                                                                          \
    } while (0)

#endif
