/* core/options.c: structs of callers that were compiled with another version of the header. Fields are only ever
 * appended, so an older struct is a shorter one, and everything that it has must go on working. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/options.h"

/* The first `room` bytes of a struct, with a guard behind them. */
#define OLDER(type, name, room, init)                                                              \
    union {                                                                                        \
        type options;                                                                              \
        unsigned char bytes[sizeof(type)];                                                         \
    } name;                                                                                        \
    memset(&name, 0xA5, sizeof name);                                                              \
    init(&name.options, room)

static void check_guard(const unsigned char *bytes, size_t room, size_t size)
{
    for (size_t i = room; i < size; i++)
        assert_int_equal(bytes[i], 0xA5);
}

static void older(void **state)
{
    (void)state;
    const size_t room = offsetof(ad_backbone_options, batchnorm_eps);
    OLDER(ad_backbone_options, o, room, ad_backbone_options_init);
    assert_int_equal(ad_backbone_options_set(&o.options, "padding", "symmetric"), AD_OK);
    assert_int_equal(ad_backbone_options_set(&o.options, "prefix", "net."), AD_OK);
    assert_int_equal(o.options.struct_size, room);
    assert_int_equal(o.options.padding, AD_PADDING_SYMMETRIC);
    assert_string_equal(o.options.prefix, "net.");
    check_guard(o.bytes, room, sizeof o.bytes);
    /* What it has no room for cannot be kept, and is not lost in silence. */
    assert_int_equal(ad_backbone_options_set(&o.options, "batchnorm_eps", "1e-5"),
                     AD_ERR_INVALID_ARGUMENT);
    char sentence[200];
    snprintf(
        sentence, sizeof sentence,
        "ad_backbone_options: option batchnorm_eps is newer than the caller's struct of %zu bytes",
        room);
    assert_string_equal(ad_last_error_message(), sentence);
    check_guard(o.bytes, room, sizeof o.bytes);
    const size_t before_bits = offsetof(ad_read_options, significant_bits);
    OLDER(ad_read_options, r, before_bits, ad_read_options_init);
    assert_int_equal(ad_read_options_set(&r.options, "orientation", "raw"), AD_OK);
    assert_int_equal(r.options.orientation, AD_ORIENTATION_RAW);
    assert_int_equal(ad_read_options_set(&r.options, "significant_bits", "12"),
                     AD_ERR_INVALID_ARGUMENT);
    check_guard(r.bytes, before_bits, sizeof r.bytes);
}

/* A newer program's struct is longer: what this library does not know stays as it was. */
static void newer(void **state)
{
    (void)state;
    struct {
        ad_backbone_options options;
        double later;
    } o;
    memset(&o, 0, sizeof o);
    ad_backbone_options_init(&o.options, sizeof o);
    o.later = 3.0;
    assert_int_equal(ad_backbone_options_set(&o.options, "batchnorm_eps", "0.5"), AD_OK);
    assert_true(o.options.batchnorm_eps == 0.5 && o.later == 3.0);
    assert_int_equal(o.options.struct_size, sizeof o);
}

/* On failure the struct is as before. */
static void as_before(void **state)
{
    (void)state;
    ad_backbone_options o, before;
    ad_backbone_options_init(&o, sizeof o);
    before = o;
    assert_int_equal(ad_backbone_options_set(&o, "batchnorm_eps", "-1"), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_backbone_options_set(&o, "padding", "none"), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_backbone_options_set(&o, "prefix", NULL), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_backbone_options_set(NULL, "prefix", "x"), AD_ERR_INVALID_ARGUMENT);
    assert_memory_equal(&o, &before, sizeof o);
    o.struct_size = 4;
    assert_int_equal(ad_backbone_options_set(&o, "prefix", "x"), AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(ad_last_error_message(),
                        "ad_backbone_options: struct_size is 4: call its init function first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older),
        cmocka_unit_test(newer),
        cmocka_unit_test(as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
