/* Numbers as text in the C locale, whatever locale the host program uses: a file or an option with
 * a decimal comma could not be read elsewhere, and a checksum would differ. */
#ifndef ADI_CORE_NUMBER_H
#define ADI_CORE_NUMBER_H

#include <stdarg.h>
#include <stddef.h>

double adi_strtod(const char *text, char **end);
int adi_vsnprintf(char *out, size_t size, const char *format, va_list args);
int adi_snprintf(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The shortest text that reads back as the same double or float. */
enum { ADI_REAL_TEXT = 32 };
const char *adi_real_text(double value, char text[ADI_REAL_TEXT]);
const char *adi_float_text(float value, char text[ADI_REAL_TEXT]);

#endif
