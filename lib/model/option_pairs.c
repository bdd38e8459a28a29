/* "key=value, key=value" as keys and values. */
#include "model/option_pairs.h"

#include <string.h>

static const char *const how = "options are written key=value, key=value";

static char *skip_blanks(char *at)
{
    return at + strspn(at, " \t\n\r");
}

/* Characters of the key at `at`; 0 where no "key=" stands there. */
static size_t key_length(const char *at)
{
    const size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
    const char *const behind = at + n + strspn(at + n, " \t");
    return n && *behind == '=' ? n : 0;
}

/* Ends the value at *io_at, which begins with a quote. *io_at is moved behind the comma that
 * follows. */
static ad_status read_quoted(char **io_at, const char *key)
{
    char *to = *io_at, *from = to + 1;
    for (;; from++) {
        ADI_CHECK_ARG(*from, "option %.60s: the closing quote is missing", key);
        if (*from == '"' && *++from != '"')
            break;
        *to++ = *from;
    }
    from = skip_blanks(from);
    ADI_CHECK_ARG(!*from || *from == ',',
                  "option %.60s: '%.20s' follows the closing quote, a comma is expected", key,
                  from);
    *io_at = *from ? from + 1 : from;
    *to = '\0';
    return AD_OK;
}

/* Ends the value at `at`; returns the place behind it. */
static char *read_plain(char *at)
{
    char *end = at, *next;
    for (;; end++) {
        end += strcspn(end, ",");
        next = *end ? skip_blanks(end + 1) : end;
        if (!*end || key_length(next) || !*next)
            break;
    }
    while (end > at && strchr(" \t\n\r", end[-1]))
        end--;
    *end = '\0';
    return next;
}

static ad_status read_pair(adi_option_pairs *pairs, char **io_at)
{
    char *key = *io_at;
    const size_t length = key_length(key);
    ADI_CHECK_ARG(length, "'%.40s' has no value: %s", key, how);
    ADI_CHECK_ARG(pairs->count < ADI_MAX_PAIRS, "more than %d options", ADI_MAX_PAIRS);
    char *value = skip_blanks(strchr(key + length, '=') + 1);
    key[length] = '\0';
    const char *before = adi_option_pairs_find(pairs, key);
    char *at = value;
    if (*value == '"')
        ADI_TRY(read_quoted(&at, key));
    else
        at = read_plain(value);
    ADI_CHECK_ARG(!before, "option %.60s stands twice: %.60s and %.60s", key, before, value);
    pairs->items[pairs->count].key = key;
    pairs->items[pairs->count++].value = value;
    *io_at = skip_blanks(at);
    return AD_OK;
}

ad_status adi_option_pairs_read(const adi_allocator *a, const char *text, adi_option_pairs *out)
{
    *out = (adi_option_pairs){.allocator = a};
    if (!text)
        return AD_OK;
    out->text = adi_strdup(a, text);
    if (!out->text)
        return adi_fail_memory();
    for (char *at = skip_blanks(out->text); *at;) {
        const ad_status status = read_pair(out, &at);
        if (status != AD_OK) {
            adi_option_pairs_free(out);
            return status;
        }
    }
    return AD_OK;
}

void adi_option_pairs_free(adi_option_pairs *pairs)
{
    adi_free(pairs->allocator, pairs->text);
    pairs->text = NULL;
    pairs->count = 0;
}

const char *adi_option_pairs_find(const adi_option_pairs *pairs, const char *key)
{
    for (int32_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].key, key) == 0)
            return pairs->items[i].value;
    return NULL;
}
