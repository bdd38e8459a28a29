/* Checks of callers' maps, and of arrays of structs that begin with struct_size. */
#ifndef ADI_CORE_VIEW_H
#define ADI_CORE_VIEW_H

#include "core/options.h"

/* The largest stride: a row's number, at most 2^20, times it fits in an int64_t. */
#define ADI_STRIDE_MOST (INT64_MAX >> 20)

/* Whether a row of `row_bytes` fits in a stride, which is negative for images from bottom to
 * top. */
static inline int adi_stride_holds(int64_t stride, int64_t row_bytes)
{
    return stride <= ADI_STRIDE_MOST && stride >= -ADI_STRIDE_MOST &&
           (stride < 0 ? -stride : stride) >= row_bytes;
}

/* Check a caller's map: struct_size, reserved and unknown fields, sides of 1 to max_side, aligned
 * data, rows that do not overlap. */
ad_status adi_map_check(const ad_map *map, int64_t max_side);

/* Check that `count` structs all have the struct_size of the first, which is the array's step: a
 * multiple of 8, at least `smallest`. Bytes beyond `known` must be zero. */
ad_status adi_array_check(const void *first, int64_t count, size_t smallest, size_t known,
                          const char *what);
static inline const void *adi_array_at(const void *first, int64_t index)
{
    return (const char *)first + index * (int64_t) * (const uint32_t *)first;
}

#endif
