/* Tensors of a safetensors file as float, double or int32, and the check of their shapes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/safetensors.h"

/* Read a float tensor into one of `narrow` and `wide`; the other is NULL. A value that is not
 * finite is reported after the last block: where the checksum shows damage, that is the news. */
static ad_status read_floats(const adi_safetensors *file, const adi_st_tensor *tensor,
                             float *narrow, double *wide)
{
    const adi_dtype dtype = tensor->dtype;
    if (!adi_dtype_is_float(dtype))
        return adi_fail(AD_ERR_FORMAT, "%s: tensor '%s' is %s, expected F32, F16, BF16 or F64",
                        adi_st_what(file), tensor->name, adi_dtype_name(dtype));
    adi_st_reader r;
    int64_t n = 0, done = 0, refused = -1;
    double value = 0.0; /* of the refused element */
    adi_st_read_begin(&r, file, tensor);
    do {
        ADI_TRY(adi_st_read_next(&r, &n));
        const int64_t at = narrow ? adi_dtype_to_f32(dtype, r.bytes, n, narrow + done)
                                  : adi_dtype_to_f64(dtype, r.bytes, n, wide + done);
        if (at >= 0 && refused < 0) {
            refused = done + at;
            adi_dtype_to_f64(dtype, r.bytes + (size_t)at * adi_dtype_bytes(dtype), 1, &value);
        }
        done += n;
    } while (n > 0);
    if (refused < 0)
        return AD_OK;
    const char *kind = isnan(value) ? "NaN" : isinf(value) ? "infinite" : "too large for F32";
    return adi_fail(AD_ERR_NUMERIC, "%s: tensor '%s': element %jd is %s", adi_st_what(file),
                    tensor->name, (intmax_t)refused, kind);
}

ad_status adi_st_read_f32(const adi_safetensors *file, const adi_st_tensor *tensor, float *out)
{
    return read_floats(file, tensor, out, NULL);
}

ad_status adi_st_read_f64(const adi_safetensors *file, const adi_st_tensor *tensor, double *out)
{
    return read_floats(file, tensor, NULL, out);
}

/* Elements as they are. */
static ad_status read_plain(const adi_safetensors *file, const adi_st_tensor *tensor, void *out)
{
    const size_t bytes = adi_dtype_bytes(tensor->dtype);
    adi_st_reader r;
    int64_t n = 0, done = 0;
    adi_st_read_begin(&r, file, tensor);
    do {
        ADI_TRY(adi_st_read_next(&r, &n));
        memcpy((uint8_t *)out + (size_t)done * bytes, r.bytes, (size_t)n * bytes);
        done += n;
    } while (n > 0);
    return AD_OK;
}

ad_status adi_st_read_i32(const adi_safetensors *file, const adi_st_tensor *tensor, int32_t *out)
{
    return read_plain(file, tensor, out);
}

ad_status adi_st_read_i64(const adi_safetensors *file, const adi_st_tensor *tensor, int64_t *out)
{
    return read_plain(file, tensor, out);
}

enum { SHAPE_TEXT = 21 * ADI_ST_MAX_DIMS }; /* 64 bits and a comma each */

static void shape_text(char text[SHAPE_TEXT], const int64_t *shape, int32_t ndim)
{
    int n = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < ndim; i++)
        n += snprintf(text + n, SHAPE_TEXT - (size_t)n, "%s%lld", i ? "," : "",
                      (long long)shape[i]);
}

ad_status adi_st_check_shape(const adi_st_tensor *tensor, const int64_t *want, int32_t ndim,
                             const char *who)
{
    int same = tensor->ndim == ndim;
    for (int32_t i = 0; same && i < ndim; i++)
        same = tensor->shape[i] == want[i];
    if (same)
        return AD_OK;
    char got[SHAPE_TEXT], expected[SHAPE_TEXT];
    shape_text(got, tensor->shape, tensor->ndim);
    shape_text(expected, want, ndim);
    return adi_fail(AD_ERR_MISMATCH, "tensor '%s' is [%s], %s expects [%s]", tensor->name, got, who,
                    expected);
}
