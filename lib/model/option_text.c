/* Values of options from text and back. */
#include "model/option_text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/number.h"

/* The index of a word in "a|b|c"; -1 where it is not there. */
static int32_t index_of(const char *words, const char *value)
{
    const size_t length = strlen(value);
    int32_t index = 0;
    for (const char *w = words; length && w; index++) {
        const size_t n = strcspn(w, "|");
        if (n == length && memcmp(w, value, n) == 0)
            return index;
        w = w[n] ? w + n + 1 : NULL;
    }
    return -1;
}

void adi_text_word(const char *words, int32_t index, char *out, size_t size)
{
    for (; index > 0 && *words; index--) {
        words += strcspn(words, "|");
        words += *words == '|';
    }
    snprintf(out, size, "%.*s", (int)strcspn(words, "|"), words);
}

/* "a|b|c" as "a, b, c" */
static void list_words(const char *words, char *out, size_t size)
{
    size_t n = 0;
    for (; *words && n + 3 < size; words++)
        if (*words == '|') {
            out[n++] = ',';
            out[n++] = ' ';
        } else {
            out[n++] = *words;
        }
    out[n] = '\0';
}

ad_status adi_text_choice(const char *key, const char *value, const char *words, int32_t *out)
{
    char all[256];
    const int32_t index = index_of(words, value);
    list_words(words, all, sizeof all);
    ADI_CHECK_ARG(index >= 0, "option %s: '%.60s' is none of %s", key, value, all);
    *out = index;
    return AD_OK;
}

ad_status adi_text_integer(const char *key, const char *value, int32_t low, int32_t high,
                           const char *words, int32_t *out)
{
    char *end, all[256] = "";
    const int32_t index = words ? index_of(words, value) : -1;
    if (index >= 0) {
        *out = -1 - index;
        return AD_OK;
    }
    if (words)
        list_words(words, all, sizeof all);
    errno = 0;
    const long v = strtol(value, &end, 10);
    ADI_CHECK_ARG(end != value && !*end && !errno && v >= low && v <= high,
                  "option %s: '%.60s' is not a whole number from %d to %d%s%s", key, value, low,
                  high, words ? ", or " : "", all);
    *out = (int32_t)v;
    return AD_OK;
}

void adi_text_from_integer(int32_t v, const char *words, char *out, size_t size)
{
    if (words && v < 0)
        adi_text_word(words, -1 - v, out, size);
    else
        snprintf(out, size, "%d", v);
}

ad_status adi_text_uint64(const char *key, const char *value, uint64_t low, uint64_t high,
                          uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    const int digit = value[0] >= '0' && value[0] <= '9'; /* strtoull takes "-1" */
    const unsigned long long v = digit ? strtoull(value, &end, 10) : 0;
    ADI_CHECK_ARG(digit && !*end && !errno && v >= low && v <= high,
                  "option %s: '%.60s' is not a whole number from %llu to %llu", key, value,
                  (unsigned long long)low, (unsigned long long)high);
    *out = v;
    return AD_OK;
}

ad_status adi_text_real(const char *key, const char *value, double low, double high, double *out)
{
    char *end;
    const double v = adi_strtod(value, &end);
    ADI_CHECK_ARG(end != value && !*end && v >= low && v <= high,
                  "option %s: '%.60s' is not a number from %g to %g", key, value, low, high);
    *out = v;
    return AD_OK;
}

ad_status adi_text_triple(const char *key, const char *value, float *out)
{
    float v[3];
    const char *at = value;
    for (int i = 0; i < 3; i++) {
        char *end;
        v[i] = (float)adi_strtod(at, &end);
        ADI_CHECK_ARG(end != at && *end == (i < 2 ? ',' : '\0') && isfinite(v[i]),
                      "option %s: '%.60s' is not three numbers r,g,b", key, value);
        at = end + 1;
    }
    memcpy(out, v, sizeof v);
    return AD_OK;
}

/* Damerau and Levenshtein's, of words up to a length; longer ones are far from all. */
int32_t adi_text_distance(const char *a, const char *b)
{
    enum { LONGEST = 40 };
    const size_t m = strlen(a), n = strlen(b);
    int32_t rows[3][LONGEST + 1];
    if (m > LONGEST || n > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= n; j++)
        rows[0][j] = (int32_t)j;
    for (size_t i = 1; i <= m; i++) {
        int32_t *now = rows[i % 3];
        const int32_t *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = (int32_t)i;
        for (size_t j = 1; j <= n; j++) {
            int32_t least = before[j - 1] + (a[i - 1] != b[j - 1]);
            least = before[j] + 1 < least ? before[j] + 1 : least;
            least = now[j - 1] + 1 < least ? now[j - 1] + 1 : least;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_before[j - 2] + 1 < least)
                least = two_before[j - 2] + 1;
            now[j] = least;
        }
    }
    return rows[m % 3][n];
}
