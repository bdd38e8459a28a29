/* Callers' views: maps, and arrays of structs that begin with struct_size. */
#ifndef ADI_CORE_VIEW_H
#define ADI_CORE_VIEW_H

#include "core/options.h"

/* No side is longer, so that a row's number times a stride up to ADI_STRIDE_MOST stays in an
 * int64_t. */
#define ADI_STRIDE_MOST (INT64_MAX >> 20)

/* Whether rows so far apart, down or up, hold `row_bytes` each. */
static inline int adi_stride_holds(int64_t stride, int64_t row_bytes)
{
    return stride <= ADI_STRIDE_MOST && stride >= -ADI_STRIDE_MOST &&
           (stride < 0 ? -stride : stride) >= row_bytes;
}

/* AD_OK, or what is wrong with a caller's map: struct_size, reserved and unknown fields, sides of 1
 * to max_side, data that is there and aligned, rows that do not overlap. */
ad_status adi_map_check(const ad_map *map, int64_t max_side);

/* That all `count` structs have the struct_size of the first, of a multiple of 8 and at least
 * `smallest`: a caller compiled with another header has steps of another length. `known`: what lies
 * beyond must be zero. */
ad_status adi_array_check(const void *first, int64_t count, size_t smallest, size_t known,
                          const char *what);
static inline const void *adi_array_at(const void *first, int64_t index)
{
    return (const char *)first + index * (int64_t) * (const uint32_t *)first;
}

#endif
