/* Numbers as text in the C locale. uselocale() switches this thread only, and the C library's "C"
 * locale is static, so that nothing is allocated. */
#include "core/number.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static locale_t enter(locale_t *out_c)
{
    *out_c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return *out_c ? uselocale(*out_c) : (locale_t)0;
}

static void leave(locale_t before, locale_t c)
{
    if (!c)
        return;
    uselocale(before);
    freelocale(c);
}

double adi_strtod(const char *text, char **end)
{
    locale_t c;
    const locale_t before = enter(&c);
    const double value = strtod(text, end);
    leave(before, c);
    return value;
}

int adi_vsnprintf(char *out, size_t size, const char *format, va_list args)
{
    locale_t c;
    const locale_t before = enter(&c);
    const int n = vsnprintf(out, size, format, args);
    leave(before, c);
    return n;
}

int adi_snprintf(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = adi_vsnprintf(out, size, format, args);
    va_end(args);
    return n;
}

const char *adi_real_text(double value, char text[ADI_REAL_TEXT])
{
    for (int digits = 1; digits <= 17; digits++) {
        adi_snprintf(text, ADI_REAL_TEXT, "%.*g", digits, value);
        if (adi_strtod(text, NULL) == value)
            break;
    }
    return text;
}

const char *adi_float_text(float value, char text[ADI_REAL_TEXT])
{
    for (int digits = 1; digits <= 9; digits++) {
        adi_snprintf(text, ADI_REAL_TEXT, "%.*g", digits, (double)value);
        if ((float)adi_strtod(text, NULL) == value)
            break;
    }
    return text;
}
