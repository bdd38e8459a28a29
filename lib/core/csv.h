/* Tables of text, RFC 4180: rows of fields, quoted where a field holds a separator, a quote or a
 * line's end. */
#ifndef ADI_CORE_CSV_H
#define ADI_CORE_CSV_H

#include "core/error.h"

typedef struct adi_csv {
    char *at, *end;
    char separator;
    int64_t line; /* of the row that comes next, from 1 */
} adi_csv;

/* A table of `size` bytes, which are written to; bytes[size] must be writable too. The separator is
 * the first line's:
 * ',' or, where it has none, ';' or a tab. A byte order mark is passed over. */
void adi_csv_begin(adi_csv *csv, char *bytes, size_t size);
/* The next row that is not empty: its fields end in 0 and live in the bytes given. *out_count 0:
 * there is no more. AD_ERR_FORMAT with the line: more fields than `room`, a quote that does not end
 * or is followed by text, a zero byte. */
ad_status adi_csv_next(adi_csv *csv, char **fields, int32_t room, int32_t *out_count);

#endif
