/* Options as text: what the command line, bindings and scorer files write and read. */
#ifndef ADI_METHODS_OPTION_TEXT_H
#define ADI_METHODS_OPTION_TEXT_H

#include "methods/extractor.h"

ad_status adi_text_int(const char *key, const char *value, int32_t low, int32_t high, int32_t *out);
ad_status adi_text_real(const char *key, const char *value, double low, double high, double *out);
/* "r,g,b" */
ad_status adi_text_triple(const char *key, const char *value, float *out);
/* One of `count` words; *out is its index. The sentence lists them. */
ad_status adi_text_choice(const char *key, const char *value, const char *const *words, int32_t count,
                          int32_t *out);

/* The preprocessing keys that every method has: size crop resize aspect mean std. *out_known is 0 for
 * any other key. */
ad_status adi_preprocess_set(ad_preprocess *preprocess, const char *key, const char *value,
                             int32_t *out_known);
enum { ADI_PREPROCESS_OPTIONS = 6 };
const char *adi_preprocess_option(const adi_preprocess *preprocess, int32_t index, char *value,
                                  size_t size);

#endif
