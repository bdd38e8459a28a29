/* core/json.c: what is JSON, what is not although jsmn takes it, and what strings and integers mean. The values are
 * RFC 8259's and those of Unicode's tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "harness/fault_alloc.h"

enum { DEPTH = 3 };

/* The text without its NUL on the heap, so that the sanitizer sees a read behind its end. */
static ad_status parse(const char *text, size_t size, adi_json *json)
{
    uint8_t *bytes = malloc(size ? size : 1);
    assert_non_null(bytes);
    memcpy(bytes, text, size);
    const ad_status status = adi_json_parse(&adi_default_allocator, bytes, size, DEPTH, json);
    if (status) {
        assert_null(json->tokens);
        assert_non_null(json->why);
        assert_true(json->where <= size);
    }
    if (json->tokens)
        adi_json_release(&adi_default_allocator, json);
    free(bytes);
    return status;
}

static void takes(const char *text)
{
    adi_json json;
    if (parse(text, strlen(text), &json))
        fail_msg("%s: byte %zu: %s", text, json.where, json.why);
}

static void refuses_at(const char *text, size_t where)
{
    adi_json json;
    assert_int_equal(parse(text, strlen(text), &json), AD_ERR_FORMAT);
    if (json.where != where)
        fail_msg("%s: byte %zu, expected %zu: %s", text, json.where, where, json.why);
}

static void refuses(const char *text)
{
    adi_json json;
    if (parse(text, strlen(text), &json) != AD_ERR_FORMAT)
        fail_msg("%s was taken", text);
}

static void what_is_json(void **state)
{
    (void)state;
    takes("{}");
    takes(" \t\r\n{ } \n");
    takes("[]");
    takes("[1,-2,\"\",true,false,null,{},[]]");
    takes("[0,-0,0.5,-10.25e-3,1E+9,1e5,99999999999999999999]");
    takes("{\"a\":{\"b\":[1, 2 ,3]}, \"c\" : \"d\"}");
    refuses_at("{\"a\":[{\"b\":[]}]}", 11); /* four deep */
}

static void what_jsmn_takes_and_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",          "1",           "{,}",          "{\"a\":1,}",     "[1,]",        "[,1]",         "[1 2]",
        "[1,,2]",    "{\"a\":1 \"b\":2}", "{\"a\" 1}", "{\"a\"}",      "{\"a\"::1}",  "{\"a\":1,\"b\"}",
        "{\"a\":1,\"b\"}", "{}{}", "{} x",        "{}]",          "[}",            "{]",          "{1:2}",
        "[1:2]",     "[01]",        "[1.]",         "[.5]",          "[-]",         "[1e]",         "[1e+]",
        "[--1]",     "[1-2]",       "[tru]",        "[truex]",       "[nul]",       "[-true]",      "[00]",
        "{\"a\":[}]", "{\"a\":\"b\"\"c\"}", "[\"a\" \"b\"]", "{\"a\":1]", ":{}",     ",{}",          "{\"a\",\"b\"}",
        "{[]:1}",    "[1;2]",       "['a']",        "{\"a\":}",      "{:1}",        "\"a\":1",      "{\"a\":1}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuses(texts[i]);
    adi_json json;
    assert_int_equal(parse("{}\0", 3, &json), AD_ERR_FORMAT); /* jsmn ends at a NUL, happily */
    assert_int_equal(json.where, 2);
    assert_int_equal(parse("{}\0{}", 5, &json), AD_ERR_FORMAT);
    assert_int_equal(parse("[1\0]", 4, &json), AD_ERR_FORMAT);
    assert_int_equal(parse("[\"a\0b\"]", 7, &json), AD_ERR_FORMAT);
}

/* Every prefix of a text is none. */
static void texts_that_end_too_early(void **state)
{
    (void)state;
    static const char text[] = "{\"a\\u00e9\":[1,-2],\"b\":{\"c\":\"\xc3\xa9\"}}";
    adi_json json;
    for (size_t n = 0; n + 1 < sizeof text; n++)
        if (parse(text, n, &json) != AD_ERR_FORMAT)
            fail_msg("%.*s was taken", (int)n, text);
    assert_int_equal(parse(text, sizeof text - 1, &json), AD_OK);
}

static void strings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *means; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"a b", "a b"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00x", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80x"},
        {"\\u007f\\u0080\\u07ff\\u0800\\uffff\\ud800\\udc00\\udbff\\udfff",
         "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\x7f",
         "\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\x7f"},
        {"\\u0000", NULL},       {"\\x41", NULL},         {"\\u12", NULL},        {"\\u12g4", NULL},
        {"\\ud800", NULL},       {"\\udc00", NULL},       {"\\ud800x", NULL},     {"\\ud800\\n", NULL},
        {"\\ud800\\u0041", NULL}, {"\\ud800\\ud800", NULL}, {"\x01", NULL},       {"\n", NULL},
        {"\x1f", NULL},          {"\x80", NULL},          {"\xc0\x80", NULL},     {"\xc1\xbf", NULL},
        {"\xc3", NULL},          {"\xc3\x28", NULL},      {"\xe0\x9f\xbf", NULL}, {"\xe2\x82", NULL},
        {"\xed\xa0\x80", NULL},  {"\xf0\x8f\xbf\xbf", NULL}, {"\xf4\x90\x80\x80", NULL}, {"\xf5\x80\x80\x80", NULL},
        {"\xff", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[400], out[200];
        const int n = snprintf(text, sizeof text, "{\"%s\":[\"%s\"]}", cases[i].text, cases[i].text);
        adi_json json;
        const ad_status status =
            adi_json_parse(&adi_default_allocator, (const uint8_t *)text, (size_t)n, DEPTH, &json);
        if ((status == AD_OK) != (cases[i].means != NULL))
            fail_msg("case %zu: %s", i, status ? json.why : "taken");
        if (status)
            continue;
        for (int32_t token = 1; token < 4; token += 2) { /* as a key and as a value */
            assert_int_equal(adi_json_string(&json, token, out), strlen(cases[i].means));
            assert_string_equal(out, cases[i].means);
        }
        adi_json_release(&adi_default_allocator, &json);
    }
}

static void integers(void **state)
{
    (void)state;
    static const char text[] = "[0,-0,7,-12,9223372036854775807,9223372036854775808,99999999999999999999,1.0,1e2,"
                               "true,null,\"1\"]";
    static const int64_t values[] = {0, 0, 7, -12, INT64_MAX};
    adi_json json;
    refuses("[+1]"); /* begins nothing */
    assert_int_equal(
        adi_json_parse(&adi_default_allocator, (const uint8_t *)text, sizeof text - 1, DEPTH, &json), AD_OK);
    assert_int_equal(adi_json_size(&json, 0), 12);
    for (int32_t i = 0; i < 12; i++) {
        int64_t value = -1;
        assert_int_equal(adi_json_integer(&json, 1 + i, &value), i < 5);
        if (i < 5)
            assert_int_equal(value, values[i]);
    }
    adi_json_release(&adi_default_allocator, &json);
}

static void what_follows_what(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":{\"b\":[1,2],\"c\":{}},\"d\":[]}";
    adi_json json;
    assert_int_equal(
        adi_json_parse(&adi_default_allocator, (const uint8_t *)text, sizeof text - 1, DEPTH, &json), AD_OK);
    assert_int_equal(adi_json_type_at(&json, 0), ADI_JSON_OBJECT);
    assert_int_equal(adi_json_size(&json, 0), 2);
    assert_int_equal(adi_json_after(&json, 0), 11);
    assert_int_equal(adi_json_after(&json, 1), 2);  /* a: its object */
    assert_int_equal(adi_json_after(&json, 2), 9);  /* to d */
    assert_int_equal(adi_json_after(&json, 4), 7);  /* [1,2] to c */
    assert_int_equal(adi_json_after(&json, 8), 9);  /* {} to d */
    assert_int_equal(adi_json_type_at(&json, 10), ADI_JSON_ARRAY);
    assert_int_equal(adi_json_type_at(&json, 9), ADI_JSON_STRING);
    assert_int_equal(adi_json_type_at(&json, 5), ADI_JSON_OTHER);
    adi_json_release(&adi_default_allocator, &json);
}

static void one_allocation_which_can_fail(void **state)
{
    (void)state;
    fault_alloc faults = {.fail_at = 1};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &faults};
    adi_json json;
    assert_int_equal(adi_json_parse(&a, (const uint8_t *)"{}", 2, DEPTH, &json), AD_ERR_OUT_OF_MEMORY);
    faults.fail_at = 0;
    assert_int_equal(adi_json_parse(&a, (const uint8_t *)"{}", 2, DEPTH, &json), AD_OK);
    assert_int_equal(atomic_load(&faults.calls), 2);
    adi_json_release(&a, &json);
    assert_int_equal(atomic_load(&faults.live), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json),
        cmocka_unit_test(what_jsmn_takes_and_is_none),
        cmocka_unit_test(texts_that_end_too_early),
        cmocka_unit_test(strings),
        cmocka_unit_test(integers),
        cmocka_unit_test(what_follows_what),
        cmocka_unit_test(one_allocation_which_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
