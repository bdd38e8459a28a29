/* Options that are numbers, choices, bytes or seeds, as one table per method: text in, text out, ranges checked. */
#ifndef ADI_METHODS_OPTION_ROWS_H
#define ADI_METHODS_OPTION_ROWS_H

#include <stddef.h>

#include "methods/option_text.h"

typedef enum adi_option_kind { ADI_INTEGER, ADI_CHOICE, ADI_REAL, ADI_BYTES, ADI_SEED } adi_option_kind;

typedef struct adi_option_row {
    const char *key;
    adi_option_kind kind;
    size_t offset;             /* in the options struct: int32_t, double or, for bytes and seeds, uint64_t */
    double low, high;          /* of numbers; both included */
    const char *const *words;  /* of choices */
    int32_t word_count, group; /* group: the method's own, for options that not every fit has */
} adi_option_row;

/* The row of that key; NULL where there is none. */
const adi_option_row *adi_row_find(const adi_option_row *rows, int32_t count, const char *key);
ad_status adi_row_set(const adi_option_row *row, void *options, const char *value);
void adi_row_text(const adi_option_row *row, const void *options, char *value, size_t size);
/* Values that came by another way than text. */
ad_status adi_rows_check(const adi_option_row *rows, int32_t count, const void *options);
/* AD_ERR_INVALID_ARGUMENT with all keys: "no option 'x': there are FIRST, the rows', LAST". */
ad_status adi_rows_unknown(const adi_option_row *rows, int32_t count, const char *key, const char *first,
                           const char *last);

#endif
