/* Element types of tensors in files: sizes, names, and conversion to float and double. */
#ifndef ADI_CORE_DTYPE_H
#define ADI_CORE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum adi_dtype {
    ADI_F64,
    ADI_F32,
    ADI_F16,
    ADI_BF16,
    ADI_I64,
    ADI_I32,
    ADI_I16,
    ADI_I8,
    ADI_U8,
    ADI_BOOL,
    ADI_DTYPE_COUNT
} adi_dtype;

size_t adi_dtype_bytes(adi_dtype dtype);
const char *adi_dtype_name(adi_dtype dtype); /* "F32" */
bool adi_dtype_is_float(adi_dtype dtype);

/* Convert `count` elements of a float type; `bytes` need not be aligned. Every element is written.
 * Returns the index of the first that is not finite as an element of `out`, or -1. */
int64_t adi_dtype_to_f32(adi_dtype from, const uint8_t *bytes, int64_t count, float *out);
int64_t adi_dtype_to_f64(adi_dtype from, const uint8_t *bytes, int64_t count, double *out);

#endif
