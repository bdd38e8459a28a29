/* "key=value, key=value" as keys and values: lib/model/option_pairs.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "model/option_pairs.h"

/* The pairs as "key|value;" one after the other. */
static const char *read(const char *text)
{
    static char all[512];
    adi_option_pairs pairs;
    const ad_status status = adi_option_pairs_read(&adi_default_allocator, text, &pairs);
    if (status != AD_OK) {
        assert_int_equal(status, AD_ERR_INVALID_ARGUMENT);
        return ad_last_error_message();
    }
    size_t n = 0;
    all[0] = '\0';
    for (int32_t i = 0; i < pairs.count; i++) {
        n += (size_t)snprintf(all + n, sizeof all - n, "%s|%s;", pairs.items[i].key,
                              pairs.items[i].value);
        assert_ptr_equal(adi_option_pairs_find(&pairs, pairs.items[i].key), pairs.items[i].value);
    }
    assert_null(adi_option_pairs_find(&pairs, "nowhere"));
    adi_option_pairs_free(&pairs);
    return all;
}

static void reads_pairs(void **state)
{
    (void)state;
    assert_string_equal(read(NULL), "");
    assert_string_equal(read(""), "");
    assert_string_equal(read("  \n"), "");
    assert_string_equal(read("size=256"), "size|256;");
    assert_string_equal(read(" size = 256 ,\tblur_sigma=2,"), "size|256;blur_sigma|2;");
    assert_string_equal(read("a=,b="), "a|;b|;");
    assert_string_equal(read("a=b=c"), "a|b=c;");
}

static void a_comma_may_belong_to_a_value(void **state)
{
    (void)state;
    assert_string_equal(read("layers=layer1,layer2, size=256"), "layers|layer1,layer2;size|256;");
    assert_string_equal(read("mean=0.5, 0.25,1,std=1,1,1"), "mean|0.5, 0.25,1;std|1,1,1;");
    assert_string_equal(read("dir=/data,old/x y, n=1"), "dir|/data,old/x y;n|1;");
}

static void quotes_take_a_value_as_it_stands(void **state)
{
    (void)state;
    assert_string_equal(read("dir=\"/a, b=c \", n=1"), "dir|/a, b=c ;n|1;");
    assert_string_equal(read("dir=\"say \"\"so\"\"\""), "dir|say \"so\";");
    assert_string_equal(read("a=\"\",b=\"x\" "), "a|;b|x;");
}

static void refuses_what_is_no_pair(void **state)
{
    (void)state;
    assert_string_equal(read("size"), "'size' has no value: options are written key=value, key=value");
    assert_non_null(strstr(read("=4"), "has no value"));
    assert_string_equal(read("a=1, , b=2"), "a|1,;b|2;"); /* no number: refused later */
    assert_string_equal(read("a=1,b=2,a=3"), "option a stands twice: 1 and 3");
    assert_string_equal(read("a=\"b"), "option a: the closing quote is missing");
    assert_non_null(strstr(read("a=\"b\"c"), "'c' follows the closing quote"));
    assert_non_null(strstr(read("Size=4"), "'Size=4' has no value"));
    char many[1024] = "";
    for (int i = 0; i < 65; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "k%d=1,", i);
    assert_string_equal(read(many), "more than 64 options");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_pairs),
        cmocka_unit_test(a_comma_may_belong_to_a_value),
        cmocka_unit_test(quotes_take_a_value_as_it_stands),
        cmocka_unit_test(refuses_what_is_no_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
