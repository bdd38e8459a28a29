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

static void older_gaussian(void **state)
{
    (void)state;
    const size_t room = offsetof(ad_gaussian_options, blur_sigma);
    OLDER(ad_gaussian_options, o, room, ad_gaussian_options_init);
    assert_int_equal(ad_gaussian_options_set(&o.options, "reduce", "npca:0.9"), AD_OK);
    assert_int_equal(ad_gaussian_options_set(&o.options, "samples", "512"), AD_OK);
    assert_int_equal(ad_gaussian_options_set(&o.options, "preset", "resnet18"), AD_OK);
    assert_int_equal(o.options.struct_size, room);
    assert_int_equal(o.options.samples, 512);
    assert_int_equal(o.options.reduce, AD_REDUCE_NONE);
    assert_string_equal(o.options.layers, "maxpool,layer1,layer2,layer3");
    check_guard(o.bytes, room, sizeof o.bytes);
    /* What it has no room for cannot be kept, and is not lost in silence. */
    assert_int_equal(ad_gaussian_options_set(&o.options, "blur_sigma", "4"), AD_ERR_INVALID_ARGUMENT);
    char sentence[200];
    snprintf(sentence, sizeof sentence,
             "ad_gaussian_options: option blur_sigma is newer than the caller's struct of %zu bytes", room);
    assert_string_equal(ad_last_error_message(), sentence);
    check_guard(o.bytes, room, sizeof o.bytes);
}

static void older_padim_and_backbone(void **state)
{
    (void)state;
    const size_t room = offsetof(ad_padim_options, memory_limit);
    OLDER(ad_padim_options, o, room, ad_padim_options_init);
    assert_int_equal(ad_padim_options_set(&o.options, "dimensions", "7"), AD_OK);
    assert_int_equal(o.options.dimensions, 7);
    assert_int_equal(ad_padim_options_set(&o.options, "memory_limit", "7"), AD_ERR_INVALID_ARGUMENT);
    check_guard(o.bytes, room, sizeof o.bytes);
    const size_t before_eps = offsetof(ad_backbone_options, batchnorm_eps);
    OLDER(ad_backbone_options, b, before_eps, ad_backbone_options_init);
    assert_int_equal(ad_backbone_options_set(&b.options, "padding", "symmetric"), AD_OK);
    assert_int_equal(b.options.padding, AD_PADDING_SYMMETRIC);
    assert_int_equal(ad_backbone_options_set(&b.options, "batchnorm_eps", "1e-5"), AD_ERR_INVALID_ARGUMENT);
    check_guard(b.bytes, before_eps, sizeof b.bytes);
}

/* A newer program's struct is longer: what this library does not know stays as it was. */
static void newer(void **state)
{
    (void)state;
    struct {
        ad_padim_options options;
        double later;
    } o;
    memset(&o, 0, sizeof o);
    ad_padim_options_init(&o.options, sizeof o);
    o.later = 3.0;
    assert_int_equal(ad_padim_options_set(&o.options, "ridge", "0.5"), AD_OK);
    assert_true(o.options.ridge == 0.5 && o.later == 3.0);
    assert_int_equal(o.options.struct_size, sizeof o);
}

/* On failure the struct is as before, also where a preset had begun. */
static void as_before(void **state)
{
    (void)state;
    ad_padim_options o, before;
    ad_padim_options_init(&o, sizeof o);
    before = o;
    assert_int_equal(ad_padim_options_set(&o, "ridge", "-1"), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_padim_options_set(&o, "preset", "none"), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_padim_options_set(&o, "ridge", NULL), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_padim_options_set(NULL, "ridge", "1"), AD_ERR_INVALID_ARGUMENT);
    assert_memory_equal(&o, &before, sizeof o);
    o.struct_size = 4;
    assert_int_equal(ad_padim_options_set(&o, "ridge", "1"), AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(ad_last_error_message(),
                        "ad_padim_options: struct_size is 4: call its init function first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older_gaussian),
        cmocka_unit_test(older_padim_and_backbone),
        cmocka_unit_test(newer),
        cmocka_unit_test(as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
