/* Checks of callers' maps and arrays of structs. */
#include "core/view.h"

ad_status adi_map_check(const ad_map *map, int64_t max_side)
{
    const int64_t value = (int64_t)sizeof(float);
    ADI_CHECK_ARG(map->struct_size >= sizeof *map, "map: struct_size is %u: use AD_MAP_INIT",
                  map->struct_size);
    ADI_TRY(adi_struct_check(map, sizeof *map, "map"));
    ADI_CHECK_RESERVED(*map, reserved, "map");
    ADI_CHECK_ARG(map->data, "map: data is NULL");
    if (map->width < 1 || map->height < 1 || map->width > max_side || map->height > max_side)
        return adi_fail(AD_ERR_SHAPE, "map of %lldx%lld: 1 to %lld a side is possible",
                        (long long)map->width, (long long)map->height, (long long)max_side);
    ADI_CHECK_ARG((uintptr_t)map->data % sizeof(float) == 0,
                  "map: data must be aligned to %lld bytes", (long long)value);
    ADI_CHECK_ARG(map->row_bytes % value == 0 &&
                      adi_stride_holds(map->row_bytes, map->width * value),
                  "map: row_bytes is %lld for %lld floats a row", (long long)map->row_bytes,
                  (long long)map->width);
    return AD_OK;
}

ad_status adi_array_check(const void *first, int64_t count, size_t smallest, size_t known,
                          const char *what)
{
    const uint32_t step = *(const uint32_t *)first;
    for (int64_t i = 0; i < count; i++) {
        const void *const at = (const char *)first + i * (int64_t)step;
        const uint32_t size = *(const uint32_t *)at;
        ADI_CHECK_ARG(size >= smallest && size == step && size % sizeof(int64_t) == 0,
                      "%s %lld: struct_size is %u, expected %zu in all of them", what, (long long)i,
                      (unsigned)size, step < smallest ? smallest : (size_t)step);
        ADI_TRY(adi_struct_check(at, known, what));
    }
    return AD_OK;
}
