/* Values of options from text and back. `key` is for the sentence of a refusal. */
#ifndef ADI_MODEL_OPTION_TEXT_H
#define ADI_MODEL_OPTION_TEXT_H

#include <stddef.h>

#include "core/error.h"

/* A whole number, or one of the words "a|b" (NULL: none), which stand for -1, -2, ... */
ad_status adi_text_integer(const char *key, const char *value, int32_t low, int32_t high,
                           const char *words, int32_t *out);
void adi_text_from_integer(int32_t v, const char *words, char *out, size_t size);
ad_status adi_text_uint64(const char *key, const char *value, uint64_t low, uint64_t high,
                          uint64_t *out);
ad_status adi_text_real(const char *key, const char *value, double low, double high, double *out);
/* "r,g,b" */
ad_status adi_text_triple(const char *key, const char *value, float *out);
/* One of the words "a|b|c"; *out is its index. The sentence lists them. */
ad_status adi_text_choice(const char *key, const char *value, const char *words, int32_t *out);
/* Word `index` of "a|b|c". */
void adi_text_word(const char *words, int32_t index, char *out, size_t size);
/* Letters to insert, delete, replace or swap with a neighbour to make one word of the other. */
int32_t adi_text_distance(const char *a, const char *b);

#endif
