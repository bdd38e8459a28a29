/* Public structs that begin with struct_size: the caller's may be shorter or longer than ours. */
#ifndef ADI_CORE_OPTIONS_H
#define ADI_CORE_OPTIONS_H

#include "core/error.h"

/* Write the defaults to a caller's struct of struct_size bytes, as far as they fit. */
void adi_options_init(void *out, size_t struct_size, const void *defaults, size_t size);

/* Overwrite `full`, which holds the defaults, with the caller's fields; NULL leaves the defaults.
 * An impossible struct_size means that the struct was not initialised. Fields beyond `size`, of a
 * newer header, must be zero, since they would be ignored. */
ad_status adi_options_take(void *full, size_t size, const void *caller, const char *what);

/* Check that a caller's struct has zeros beyond the `size` bytes that this version knows. */
ad_status adi_struct_check(const void *caller, size_t size, const char *what);

/* Check that reserved bytes are zero: a newer header may have given them a meaning. */
ad_status adi_check_reserved(const void *bytes, size_t size, const char *what);
#define ADI_CHECK_RESERVED(options, field, what)                                                   \
    ADI_TRY(adi_check_reserved(&(options).field, sizeof(options).field, what "." #field))

/* Copy `full` to a caller's struct, as much as its struct_size says; struct_size is kept. */
ad_status adi_struct_give(void *caller, const void *full, size_t size, const char *what);

/* Sets one option of a full struct from text. */
typedef ad_status (*adi_option_setter)(void *full, const char *key, const char *value);

/* Set one option of a caller's struct of any size by `set`; `full` holds the defaults. An option
 * that the caller's struct is too short for is refused. On failure the struct is unchanged. */
ad_status adi_struct_set(void *caller, void *full, size_t size, const char *what,
                          adi_option_setter set, const char *key, const char *value);

#endif
