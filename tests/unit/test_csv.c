/* Tables of text: fields, quotes, line ends, and what is no table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/csv.h"

/* Rows as "a|b\nc|d\n", or what is wrong. */
static void reads(const char *text, const char *want)
{
    static char bytes[512], got[512];
    char *fields[4];
    int32_t count = 1;
    adi_csv csv;
    size_t n = 0;
    memset(bytes, 'x', sizeof bytes); /* what lies behind is not looked at */
    memcpy(bytes, text, strlen(text));
    adi_csv_begin(&csv, bytes, strlen(text));
    got[0] = '\0';
    while (count) {
        if (adi_csv_next(&csv, fields, 4, &count) != AD_OK) {
            n += (size_t)snprintf(got + n, sizeof got - n, "%s", ad_last_error_message());
            break;
        }
        for (int32_t i = 0; i < count; i++)
            n += (size_t)snprintf(got + n, sizeof got - n, "%s%s", i ? "|" : "", fields[i]);
        n += (size_t)snprintf(got + n, sizeof got - n, "%s", count ? "\n" : "");
    }
    assert_string_equal(got, want);
}

static void tables(void **state)
{
    (void)state;
    reads("", "");
    reads("\n\r\n", "");
    reads("a,b\nc,d", "a|b\nc|d\n");
    reads("a,b\r\nc,d\r\n", "a|b\nc|d\n");
    reads("\xef\xbb\xbf"
          "a,b\n",
          "a|b\n");
    reads("a;b;c\nd,e;f;\n", "a|b|c\nd,e|f|\n");
    reads("a\tb\n", "a|b\n");
    reads(",\n,,\n", "|\n||\n");
    reads("\"a,b\",\"say \"\"so\"\"\"\n\"two\nlines\",\"\"\n", "a,b|say \"so\"\ntwo\nlines|\n");
    reads("a\"b,c\n", "a\"b|c\n"); /* a quote inside is one */
    reads("a,b\n\n\"x\" ,y\n", "a|b\nline 3: text follows a closing quote");
    reads("a,b\n\"x,y\nz\n", "a|b\nline 2: a quote does not end");
    reads("\"", "line 1: a quote does not end");
    reads("1,2,3,4,5\n", "line 1 has more than 4 fields");
}

static void zero_bytes(void **state)
{
    (void)state;
    char bytes[] = "a,b\0c\n", *fields[4];
    int32_t count;
    adi_csv csv;
    adi_csv_begin(&csv, bytes, sizeof bytes - 1);
    assert_int_equal(adi_csv_next(&csv, fields, 4, &count), AD_ERR_FORMAT);
    assert_non_null(strstr(ad_last_error_message(), "line 1: a zero byte"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables), cmocka_unit_test(zero_bytes)};
    return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
