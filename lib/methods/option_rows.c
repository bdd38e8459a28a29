/* Options by table. */
#include "methods/option_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"

#define MAX_BYTES (UINT64_C(1) << 50)

const adi_option_row *adi_row_find(const adi_option_row *rows, int32_t count, const char *key)
{
    for (int32_t i = 0; i < count; i++)
        if (strcmp(rows[i].key, key) == 0)
            return &rows[i];
    return NULL;
}

ad_status adi_row_set(const adi_option_row *r, void *options, const char *value)
{
    void *at = (char *)options + r->offset;
    switch (r->kind) {
    case ADI_INTEGER:
        return adi_text_int(r->key, value, (int32_t)r->low, (int32_t)r->high, at);
    case ADI_CHOICE:
        return adi_text_choice(r->key, value, r->words, r->word_count, at);
    case ADI_REAL:
        return adi_text_real(r->key, value, r->low, r->high, at);
    case ADI_SEED:
        return adi_text_uint64(r->key, value, 0, UINT32_MAX, at);
    default:
        return adi_text_uint64(r->key, value, 0, MAX_BYTES, at);
    }
}

void adi_row_text(const adi_option_row *r, const void *options, char *value, size_t size)
{
    const void *at = (const char *)options + r->offset;
    char text[ADI_REAL_TEXT];
    switch (r->kind) {
    case ADI_INTEGER:
        snprintf(value, size, "%d", *(const int32_t *)at);
        break;
    case ADI_CHOICE:
        snprintf(value, size, "%s", r->words[*(const int32_t *)at]);
        break;
    case ADI_REAL:
        snprintf(value, size, "%s", adi_real_text(*(const double *)at, text));
        break;
    default:
        snprintf(value, size, "%" PRIu64, *(const uint64_t *)at);
        break;
    }
}

static double number(const adi_option_row *r, const void *options)
{
    const void *at = (const char *)options + r->offset;
    if (r->kind == ADI_REAL)
        return *(const double *)at;
    return r->kind == ADI_SEED || r->kind == ADI_BYTES ? (double)*(const uint64_t *)at : *(const int32_t *)at;
}

ad_status adi_rows_check(const adi_option_row *rows, int32_t count, const void *options)
{
    for (int32_t i = 0; i < count; i++) {
        const adi_option_row *r = &rows[i];
        const double v = number(r, options), high = r->kind == ADI_BYTES ? (double)MAX_BYTES : r->high;
        ADI_CHECK_ARG(v >= r->low && v <= high, "%s is %.12g, %.12g to %.12g is possible", r->key, v, r->low, high);
    }
    return AD_OK;
}

ad_status adi_rows_unknown(const adi_option_row *rows, int32_t count, const char *key, const char *first,
                           const char *last)
{
    char all[640] = "";
    for (int32_t i = 0, n = 0; i < count && n < (int32_t)sizeof all; i++)
        n += snprintf(all + n, sizeof all - (size_t)n, "%s, ", rows[i].key);
    return adi_fail(AD_ERR_INVALID_ARGUMENT, "no option '%s': there are %s%s%s", key, first, all, last);
}
