/* Options as one text: "key=value, key=value". */
#ifndef ADI_MODEL_OPTION_PAIRS_H
#define ADI_MODEL_OPTION_PAIRS_H

#include "core/alloc.h"
#include "core/error.h"

enum { ADI_MAX_PAIRS = 64 };

typedef struct adi_option_pairs {
    const adi_allocator *allocator;
    char *text; /* that keys and values point into */
    struct {
        const char *key, *value;
    } items[ADI_MAX_PAIRS];
    int32_t count;
} adi_option_pairs;

/* Split a text, which is copied. A comma ends a value where "key=" follows it; elsewhere it belongs
 * to the value, so "layers=layer1,layer2, size=256" are two options. Blanks around keys and values
 * do not count. A value in double quotes is taken as it stands; "" within it is a quote.
 * NULL and "" have no options. A key that stands twice is refused.
 * @return AD_OK, AD_ERR_INVALID_ARGUMENT, AD_ERR_OUT_OF_MEMORY; a failure leaves nothing to free */
ad_status adi_option_pairs_read(const adi_allocator *a, const char *text, adi_option_pairs *out);
void adi_option_pairs_free(adi_option_pairs *pairs);
/* The value of a key; NULL where it is not there. */
const char *adi_option_pairs_find(const adi_option_pairs *pairs, const char *key);

#endif
