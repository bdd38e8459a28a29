/* Structs that begin with struct_size: the caller may have been compiled with a smaller or larger
 * one. */
#ifndef ADI_CORE_OPTIONS_H
#define ADI_CORE_OPTIONS_H

#include "core/error.h"

/* Fill a caller's struct of struct_size bytes with the defaults it has room for. */
void adi_options_init(void *out, size_t struct_size, const void *defaults, size_t size);

/* `full` holds the defaults; overwrite what the caller's struct has of it. NULL leaves the
 * defaults. A struct smaller than its first two words was never initialised, nor was one larger
 * than any; what a newer one has beyond `size` must be zero, since it would be ignored. */
ad_status adi_options_take(void *full, size_t size, const void *caller, const char *what);

/* That a caller's struct or view of its stated size has zeros beyond the `size` bytes that are
 * known here. */
ad_status adi_struct_check(const void *caller, size_t size, const char *what);

/* That reserved bytes are zero: a newer header may have given them a meaning. */
ad_status adi_check_reserved(const void *bytes, size_t size, const char *what);
#define ADI_CHECK_RESERVED(options, field, what)                                                   \
    ADI_TRY(adi_check_reserved(&(options).field, sizeof(options).field, what "." #field))

/* Copy a filled struct out to a caller whose struct_size is set; its struct_size is kept. */
ad_status adi_struct_give(void *caller, const void *full, size_t size, const char *what);

/* Sets one option of a full struct from text. */
typedef ad_status (*adi_option_setter)(void *full, const char *key, const char *value);

/* One option of a caller's struct of any size: `full`, which holds the defaults, takes what the
 * caller has, `set` changes it, and the caller gets back what it has room for. An option that it
 * has no room for is refused. On failure the caller's struct is as before. */
ad_status adi_options_set(void *caller, void *full, size_t size, const char *what,
                          adi_option_setter set, const char *key, const char *value);

#endif
