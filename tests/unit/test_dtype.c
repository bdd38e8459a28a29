/* core/dtype.c, core/safetensors_read.c: every 16-bit float against the definition of its format, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/safetensors.h"

static adi_safetensors *empty_file;

static int make_file(void **state)
{
    (void)state;
    static const uint8_t bytes[] = "\2\0\0\0\0\0\0\0{}";
    return adi_st_parse(&adi_default_allocator, bytes, 10, "source", &empty_file);
}

static int close_file(void **state)
{
    (void)state;
    adi_st_close(empty_file);
    return 0;
}

static adi_st_tensor tensor_of(adi_dtype dtype, const void *data, int64_t count)
{
    return (adi_st_tensor){
        .name = "t", .dtype = dtype, .ndim = 1, .shape = {count}, .count = count, .data = data};
}

/* The value that the format's definition gives to 16 bits: the number of fraction bits differs. */
static double value_of(uint32_t bits, int fraction_bits)
{
    const int exponent_bits = 15 - fraction_bits;
    const int largest = (1 << exponent_bits) - 1;
    const int bias = largest / 2;
    const int exponent = (int)(bits >> fraction_bits) & largest;
    const double fraction = (double)(bits & ((1u << fraction_bits) - 1));
    const double sign = bits >> 15 ? -1.0 : 1.0;
    if (exponent == largest)
        return fraction != 0.0 ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp(fraction + ldexp(1.0, fraction_bits), exponent - bias - fraction_bits);
}

static void check_all_patterns(adi_dtype dtype, int fraction_bits)
{
    int refused = 0;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        const uint8_t data[3] = {0, (uint8_t)bits, (uint8_t)(bits >> 8)};
        const adi_st_tensor t = tensor_of(dtype, data + 1, 1); /* not aligned */
        const double expected = value_of(bits, fraction_bits);
        float f = -1.0f;
        double d = -1.0;
        if (!isfinite(expected)) {
            assert_int_equal(adi_st_read_f32(empty_file, &t, &f), AD_ERR_NUMERIC);
            assert_int_equal(adi_st_read_f64(empty_file, &t, &d), AD_ERR_NUMERIC);
            const char *word = isnan(expected) ? "is NaN" : "is infinite";
            assert_non_null(strstr(ad_last_error_message(), word));
            refused++;
            continue;
        }
        assert_int_equal(adi_st_read_f32(empty_file, &t, &f), AD_OK);
        assert_int_equal(adi_st_read_f64(empty_file, &t, &d), AD_OK);
        if (f != (float)expected || d != expected || !signbit(f) != !signbit(expected))
            fail_msg("%s 0x%04x: %a and %a, expected %a", adi_dtype_name(dtype), (unsigned)bits,
                     (double)f, d, expected);
    }
    assert_int_equal(refused, 2 << fraction_bits);
}

static void every_f16(void **state)
{
    (void)state;
    check_all_patterns(ADI_F16, 10);
}

static void every_bf16(void **state)
{
    (void)state;
    check_all_patterns(ADI_BF16, 7);
}

static void wide_floats(void **state)
{
    (void)state;
    static const double doubles[] = {0.0,     -0.0,     1.0 / 3.0,        -1e-310,
                                     FLT_MAX, -FLT_MAX, FLT_TRUE_MIN / 8, 16777217.0};
    static const float floats[] = {0.0f, -0.0f, 1.0f / 3.0f, FLT_TRUE_MIN, -FLT_MAX};
    uint8_t shifted[1 + sizeof doubles];
    float f[8];
    double d[8];
    memcpy(shifted + 1, doubles, sizeof doubles);
    adi_st_tensor t = tensor_of(ADI_F64, shifted + 1, 8);
    assert_int_equal(adi_st_read_f64(empty_file, &t, d), AD_OK);
    assert_memory_equal(d, doubles, sizeof doubles);
    assert_int_equal(adi_st_read_f32(empty_file, &t, f), AD_OK);
    for (int i = 0; i < 8; i++)
        assert_true(f[i] == (float)doubles[i] && !signbit(f[i]) == !signbit(doubles[i]));
    memcpy(shifted + 1, floats, sizeof floats);
    t = tensor_of(ADI_F32, shifted + 1, 5);
    assert_int_equal(adi_st_read_f32(empty_file, &t, f), AD_OK);
    assert_memory_equal(f, floats, sizeof floats);
    assert_int_equal(adi_st_read_f64(empty_file, &t, d), AD_OK);
    for (int i = 0; i < 5; i++)
        assert_true(d[i] == (double)floats[i]);
}

static void refusals_name_tensor_and_element(void **state)
{
    (void)state;
    float f[3];
    double d[3];
    const float with_nan[] = {1.0f, NAN, INFINITY};
    adi_st_tensor t = tensor_of(ADI_F32, (const uint8_t *)with_nan, 3);
    assert_int_equal(adi_st_read_f64(empty_file, &t, d), AD_ERR_NUMERIC);
    assert_string_equal(ad_last_error_message(), "source: tensor 't': element 1 is NaN");
    const double with_inf[] = {1.0, 2.0, -INFINITY};
    t = tensor_of(ADI_F64, (const uint8_t *)with_inf, 3);
    assert_int_equal(adi_st_read_f64(empty_file, &t, d), AD_ERR_NUMERIC);
    assert_string_equal(ad_last_error_message(), "source: tensor 't': element 2 is infinite");
    const double too_large[] = {1e39};
    t = tensor_of(ADI_F64, (const uint8_t *)too_large, 1);
    assert_int_equal(adi_st_read_f64(empty_file, &t, d), AD_OK);
    assert_int_equal(adi_st_read_f32(empty_file, &t, f), AD_ERR_NUMERIC);
    assert_string_equal(ad_last_error_message(),
                        "source: tensor 't': element 0 is too large for F32");
    for (int dtype = ADI_I64; dtype < ADI_DTYPE_COUNT; dtype++) {
        t = tensor_of((adi_dtype)dtype, (const uint8_t *)with_inf, 1);
        assert_int_equal(adi_st_read_f32(empty_file, &t, f), AD_ERR_FORMAT);
        assert_int_equal(adi_st_read_f64(empty_file, &t, d), AD_ERR_FORMAT);
        assert_non_null(strstr(ad_last_error_message(), adi_dtype_name((adi_dtype)dtype)));
    }
}

static void names_and_sizes(void **state)
{
    (void)state;
    static const char *const names[] = {"F64", "F32", "F16", "BF16", "I64",
                                        "I32", "I16", "I8",  "U8",   "BOOL"};
    static const size_t sizes[] = {8, 4, 2, 2, 8, 4, 2, 1, 1, 1};
    for (int i = 0; i < ADI_DTYPE_COUNT; i++) {
        assert_string_equal(adi_dtype_name((adi_dtype)i), names[i]);
        assert_int_equal(adi_dtype_bytes((adi_dtype)i), sizes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_f16),       cmocka_unit_test(every_bf16),
        cmocka_unit_test(wide_floats),     cmocka_unit_test(refusals_name_tensor_and_element),
        cmocka_unit_test(names_and_sizes),
    };
    return cmocka_run_group_tests(tests, make_file, close_file);
}
