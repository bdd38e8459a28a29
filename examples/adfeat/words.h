/* Words of the command line: what the library calls an option is a flag here, and a word that is
 * not known may be another mistyped. */
#ifndef ADFEAT_WORDS_H
#define ADFEAT_WORDS_H

#include <stddef.h>

#include "args.h"

/* The options that words_as_flags() turns to, until the program ends; `specs` ends with a NULL
 * name, and `set` (or NULL) is what --set has been given. */
void words_take_flags(const arg_spec *specs, const settings *set);

/* Copy a sentence of the library. Names of options in it become what is typed: "option size" is
 * "option --size" and skip_damaged is --skip-damaged; an option without a flag of its own is
 * "--set blur_sigma". What stands in quotes is a value or a path and stays. Returns `out`. */
const char *words_as_flags(const char *sentence, char *out, size_t size);

/* Of names that are compared one by one, the nearest to `wanted` so far. */
typedef struct words_search {
    const char *wanted, *nearest; /* NULL: none is near enough to be meant */
    int distance;
} words_search;
void words_compare(words_search *search, const char *name);
/* ", did you mean fit?", or "". Returns `out`. */
const char *words_meant(const words_search *search, char *out, size_t size);
/* The same for an unknown option: a flag, or an option of a method that --set takes. */
const char *words_option_meant(const char *word, char *out, size_t size);

#endif /* ADFEAT_WORDS_H */
