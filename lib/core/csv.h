/* Reading CSV (RFC 4180): rows of fields; a field with a separator, a quote or a newline is
 * quoted. */
#ifndef ADI_CORE_CSV_H
#define ADI_CORE_CSV_H

#include "core/error.h"

typedef struct adi_csv {
    char *at, *end;
    char separator;
    int64_t line; /* number of the next row's first line, from 1 */
} adi_csv;

/* Begin a table of `size` bytes, which is modified in place; bytes[size] must be writable too. The
 * separator is ',' or, if the first line has none, ';' or a tab. A byte order mark is skipped. */
void adi_csv_begin(adi_csv *csv, char *bytes, size_t size);
/* Read the next row that is not empty: fields are strings inside the table's bytes. *out_count is 0
 * after the last row. AD_ERR_FORMAT, with the line, for more fields than `room`, a quote that does
 * not end or is followed by text, or a zero byte. */
ad_status adi_csv_next(adi_csv *csv, char **fields, int32_t room, int32_t *out_count);

#endif
