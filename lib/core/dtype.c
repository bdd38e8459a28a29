/* Elements of safetensors: types, shapes, and reading any float type as float or double. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/safetensors.h"

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

static ad_status refuse_value(const adi_safetensors *file, const adi_st_tensor *tensor,
                              int64_t index, double value)
{
    const char *kind = isnan(value) ? "NaN" : isinf(value) ? "infinite" : "too large for F32";
    return adi_fail(AD_ERR_NUMERIC, "%s: tensor '%s': element %jd is %s", adi_st_what(file),
                    tensor->name, (intmax_t)index, kind);
}

static ad_status refuse_dtype(const adi_safetensors *file, const adi_st_tensor *tensor)
{
    return adi_fail(AD_ERR_FORMAT, "%s: tensor '%s' is %s, expected F32, F16, BF16 or F64",
                    adi_st_what(file), tensor->name, adi_dtype_name(tensor->dtype));
}

/* One loop per source type, so that the type is not asked for every element. A value that is none is refused after
 * the last one: where a file is damaged, that is the news. */
#define READ_ALL(load, size, type)                                                                 \
    do {                                                                                           \
        ADI_TRY(adi_st_read_next(&r, &n));                                                         \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const type value = (type)load(r.bytes + i * (size));                                   \
            if (!isfinite(value) && refused < 0) {                                                 \
                refused = done + i;                                                                \
                what = (double)load(r.bytes + i * (size));                                         \
            }                                                                                      \
            out[done + i] = value;                                                                 \
        }                                                                                          \
        done += n;                                                                                 \
    } while (n > 0);                                                                               \
    break

ad_status adi_st_read_f32(const adi_safetensors *file, const adi_st_tensor *tensor, float *out)
{
    adi_st_reader r;
    int64_t n = 0, done = 0, refused = -1;
    double what = 0.0;
    adi_st_read_begin(&r, file, tensor);
    switch (tensor->dtype) {
    case ADI_F64:
        READ_ALL(load_f64, 8, float);
    case ADI_F32:
        READ_ALL(load_f32, 4, float);
    case ADI_F16:
        READ_ALL(load_f16, 2, float);
    case ADI_BF16:
        READ_ALL(load_bf16, 2, float);
    default:
        return refuse_dtype(file, tensor);
    }
    return refused < 0 ? AD_OK : refuse_value(file, tensor, refused, what);
}

ad_status adi_st_read_f64(const adi_safetensors *file, const adi_st_tensor *tensor, double *out)
{
    adi_st_reader r;
    int64_t n = 0, done = 0, refused = -1;
    double what = 0.0;
    adi_st_read_begin(&r, file, tensor);
    switch (tensor->dtype) {
    case ADI_F64:
        READ_ALL(load_f64, 8, double);
    case ADI_F32:
        READ_ALL(load_f32, 4, double);
    case ADI_F16:
        READ_ALL(load_f16, 2, double);
    case ADI_BF16:
        READ_ALL(load_bf16, 2, double);
    default:
        return refuse_dtype(file, tensor);
    }
    return refused < 0 ? AD_OK : refuse_value(file, tensor, refused, what);
}

ad_status adi_st_read_i32(const adi_safetensors *file, const adi_st_tensor *tensor, int32_t *out)
{
    adi_st_reader r;
    int64_t n = 0, done = 0;
    adi_st_read_begin(&r, file, tensor);
    do {
        ADI_TRY(adi_st_read_next(&r, &n));
        memcpy(out + done, r.bytes, (size_t)n * sizeof *out);
        done += n;
    } while (n > 0);
    return AD_OK;
}

enum { SHAPE_TEXT = 21 * ADI_ST_MAX_DIMS }; /* 64 bits and a comma each */

static void shape_text(char text[SHAPE_TEXT], const int64_t *shape, int32_t ndim)
{
    int n = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < ndim; i++)
        n += snprintf(text + n, SHAPE_TEXT - (size_t)n, "%s%lld", i ? "," : "", (long long)shape[i]);
}

ad_status adi_st_check_shape(const adi_st_tensor *tensor, const int64_t *want, int32_t ndim, const char *who)
{
    int same = tensor->ndim == ndim;
    for (int32_t i = 0; same && i < ndim; i++)
        same = tensor->shape[i] == want[i];
    if (same)
        return AD_OK;
    char got[SHAPE_TEXT], expected[SHAPE_TEXT];
    shape_text(got, tensor->shape, tensor->ndim);
    shape_text(expected, want, ndim);
    return adi_fail(AD_ERR_MISMATCH, "tensor '%s' is [%s], %s expects [%s]", tensor->name, got, who, expected);
}
