/* Reading CSV. Fields are unquoted in place, which never makes them longer. */
#include "core/csv.h"

#include <string.h>

void adi_csv_begin(adi_csv *csv, char *bytes, size_t size)
{
    *csv = (adi_csv){.at = bytes, .end = bytes + size, .separator = ',', .line = 1};
    bytes[size] = '\n'; /* so that the last row ends in one */
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        csv->at += 3;
    const char *first = csv->at;
    const size_t length =
        (size_t)((char *)memchr(first, '\n', (size_t)(csv->end - first) + 1) - first);
    if (!memchr(first, ',', length))
        csv->separator = memchr(first, ';', length)    ? ';'
                         : memchr(first, '\t', length) ? '\t'
                                                       : ',';
}

static int ends_field(const adi_csv *csv, char c)
{
    return c == csv->separator || c == '\n' || c == '\r';
}

/* Read a quoted field from behind its opening quote; *to is left at the end of the unquoted
 * text. */
static ad_status quoted(adi_csv *csv, char **to)
{
    const int64_t line = csv->line;
    for (; csv->at < csv->end; csv->at++) {
        if (*csv->at == '"' && csv->at[1] == '"')
            csv->at++;
        else if (*csv->at == '"') {
            csv->at++;
            return ends_field(csv, *csv->at)
                       ? AD_OK
                       : adi_fail(AD_ERR_FORMAT, "line %lld: text follows a closing quote",
                                  (long long)csv->line);
        }
        csv->line += *csv->at == '\n';
        *(*to)++ = *csv->at;
    }
    return adi_fail(AD_ERR_FORMAT, "line %lld: a quote does not end", (long long)line);
}

/* Read a field. *out_last is 1 if the row ends with it. */
static ad_status field(adi_csv *csv, char **out, int *out_last)
{
    char *to = csv->at;
    *out = to;
    if (*csv->at == '"') {
        csv->at++;
        ADI_TRY(quoted(csv, &to));
    } else {
        while (!ends_field(csv, *csv->at))
            csv->at++;
        to = csv->at;
    }
    const char ended_by = *csv->at;
    if (memchr(*out, 0, (size_t)(to - *out)))
        return adi_fail(AD_ERR_FORMAT, "line %lld: a zero byte: this is not a text file",
                        (long long)csv->line);
    *to = '\0';
    csv->at++;
    *out_last = ended_by != csv->separator;
    if (ended_by == '\r' && csv->at < csv->end && *csv->at == '\n')
        csv->at++;
    csv->line += *out_last;
    return AD_OK;
}

ad_status adi_csv_next(adi_csv *csv, char **fields, int32_t room, int32_t *out_count)
{
    *out_count = 0;
    while (csv->at < csv->end && (*csv->at == '\n' || *csv->at == '\r'))
        csv->line += *csv->at++ == '\n';
    if (csv->at >= csv->end)
        return AD_OK;
    const int64_t line = csv->line;
    for (int32_t n = 0; n < room; n++) {
        int last = 0;
        ADI_TRY(field(csv, &fields[n], &last));
        if (last) {
            *out_count = n + 1;
            return AD_OK;
        }
    }
    return adi_fail(AD_ERR_FORMAT, "line %lld has more than %d fields", (long long)line, room);
}
