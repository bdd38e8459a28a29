/* Options as text, "key=value, key=value": numbers put into them, and defaults of a test below what
 * a case sets. */
#ifndef ADFEAT_TESTS_OPTION_TEXT_H
#define ADFEAT_TESTS_OPTION_TEXT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct option_text {
    char text[1024];
} option_text;

__attribute__((format(printf, 1, 2))) static inline option_text options(const char *format, ...)
{
    option_text out;
    va_list values;
    va_start(values, format);
    if (vsnprintf(out.text, sizeof out.text, format, values) >= (int)sizeof out.text)
        abort();
    va_end(values);
    return out;
}

/* Whether the text sets the key of `pair`. */
static inline int options_have(const char *text, const char *pair)
{
    const size_t n = strcspn(pair, "=") + 1;
    for (const char *at = text; (at = strstr(at, ", ")); at += 2)
        if (strncmp(at + 2, pair, n) == 0)
            return 1;
    return strncmp(text, pair, n) == 0;
}

/* What of `defaults` `settings` do not set, and `settings`. */
static inline option_text options_over(const char *defaults, const char *settings)
{
    option_text out = {""};
    while (*defaults) {
        const char *next = strstr(defaults, ", ");
        const int n = next ? (int)(next - defaults) : (int)strlen(defaults);
        if (!options_have(settings, defaults))
            out = options("%s%s%.*s", out.text, *out.text ? ", " : "", n, defaults);
        defaults = next ? next + 2 : defaults + n;
    }
    return *settings ? options("%s%s%s", out.text, *out.text ? ", " : "", settings) : out;
}

#endif
