/* Element types of tensors in files: sizes, names, and conversion to float and double. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/dtype.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensors are read and written as they are");

static const struct {
    const char *name;
    size_t bytes;
} dtypes[ADI_DTYPE_COUNT] = {
    [ADI_F64] = {"F64", 8},   [ADI_F32] = {"F32", 4}, [ADI_F16] = {"F16", 2},
    [ADI_BF16] = {"BF16", 2}, [ADI_I64] = {"I64", 8}, [ADI_I32] = {"I32", 4},
    [ADI_I16] = {"I16", 2},   [ADI_I8] = {"I8", 1},   [ADI_U8] = {"U8", 1},
    [ADI_BOOL] = {"BOOL", 1},
};

size_t adi_dtype_bytes(adi_dtype dtype)
{
    return dtypes[dtype].bytes;
}

const char *adi_dtype_name(adi_dtype dtype)
{
    return dtypes[dtype].name;
}

bool adi_dtype_is_float(adi_dtype dtype)
{
    return dtype == ADI_F64 || dtype == ADI_F32 || dtype == ADI_F16 || dtype == ADI_BF16;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The data of a tensor is not aligned: every load goes through memcpy. */
static double load_f64(const uint8_t *p)
{
    double value;
    memcpy(&value, p, sizeof value);
    return value;
}

static float load_f32(const uint8_t *p)
{
    float value;
    memcpy(&value, p, sizeof value);
    return value;
}

/* IEEE binary16: 5 exponent bits with bias 15, 10 fraction bits. Every value is exact in float. */
static float load_f16(const uint8_t *p)
{
    const uint32_t half = (uint32_t)p[0] | (uint32_t)p[1] << 8;
    const uint32_t sign = (half & 0x8000u) << 16;
    const uint32_t exponent = half >> 10 & 0x1Fu;
    const uint32_t fraction = half & 0x3FFu;
    if (exponent == 0) { /* zero and subnormals: fraction * 2^-24 */
        const float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    const uint32_t widened = exponent == 0x1Fu ? 0xFFu : exponent + (127 - 15);
    return float_of_bits(sign | widened << 23 | fraction << 13);
}

/* bfloat16: the upper half of a float. */
static float load_bf16(const uint8_t *p)
{
    return float_of_bits((uint32_t)p[0] << 16 | (uint32_t)p[1] << 24);
}

/* One loop per source type, so that the type is not looked up for every element. */
#define CONVERT_ALL(load, size, type)                                                              \
    for (int64_t i = 0; i < count; i++) {                                                          \
        out[i] = (type)load(bytes + i * (size));                                                   \
        if (!isfinite(out[i]) && not_finite < 0)                                                   \
            not_finite = i;                                                                        \
    }

int64_t adi_dtype_to_f32(adi_dtype from, const uint8_t *bytes, int64_t count, float *out)
{
    int64_t not_finite = -1;
    switch (from) {
    case ADI_F64:
        CONVERT_ALL(load_f64, 8, float);
        break;
    case ADI_F32:
        CONVERT_ALL(load_f32, 4, float);
        break;
    case ADI_F16:
        CONVERT_ALL(load_f16, 2, float);
        break;
    case ADI_BF16:
        CONVERT_ALL(load_bf16, 2, float);
        break;
    default:
        assert(!"a float type");
    }
    return not_finite;
}

int64_t adi_dtype_to_f64(adi_dtype from, const uint8_t *bytes, int64_t count, double *out)
{
    int64_t not_finite = -1;
    switch (from) {
    case ADI_F64:
        CONVERT_ALL(load_f64, 8, double);
        break;
    case ADI_F32:
        CONVERT_ALL(load_f32, 4, double);
        break;
    case ADI_F16:
        CONVERT_ALL(load_f16, 2, double);
        break;
    case ADI_BF16:
        CONVERT_ALL(load_bf16, 2, double);
        break;
    default:
        assert(!"a float type");
    }
    return not_finite;
}
