/* The thread-local error sentence. The first function in lib/ that understands a failure writes it
 * with adi_fail(); callers above pass the status on untouched. */
#ifndef ADI_CORE_ERROR_H
#define ADI_CORE_ERROR_H

#include "adfeat.h"

enum { ADI_MESSAGE_BYTES = 1024 }; /* of a sentence, its end included */

/* Write the sentence and return `status`, so that a failure reads `return adi_fail(...)`. */
ad_status adi_fail(ad_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Out of memory: a static sentence, so that reporting it needs none; after adi_note_limit() that
 * limit. */
ad_status adi_fail_memory(void);
/* An allocator refused `wanted` bytes beside `held` ones because of `limit`: for the
 * adi_fail_memory() that this thread will call; 0, 0, 0: none did. */
void adi_note_limit(size_t wanted, size_t held, size_t limit);

/* For adding where it happened: "FILE: " in front of the sentence that is there. Returns `status`.
 */
ad_status adi_fail_prefix(ad_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for "KIND 'PATH': ", unless the sentence begins with that or with the path already,
 * nothing failed, or memory ran out (which is nobody's file's fault). */
ad_status adi_fail_in_file(ad_status status, const char *kind, const char *path);

/* A caller's mistake; also checked in release builds. */
#define ADI_CHECK_ARG(condition, ...)                                                              \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return adi_fail(AD_ERR_INVALID_ARGUMENT, __VA_ARGS__);                                 \
    } while (0)

/* Pass a failure on. */
#define ADI_TRY(call)                                                                              \
    do {                                                                                           \
        const ad_status adi_try_status_ = (call);                                                  \
        if (adi_try_status_ != AD_OK)                                                              \
            return adi_try_status_;                                                                \
    } while (0)

/* The same inside a function with a cleanup label and a local `status`. */
#define ADI_TRY_CLEANUP(call)                                                                      \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != AD_OK)                                                                       \
            goto cleanup;                                                                          \
    } while (0)

#endif
