/* Connected components of a mask. */
#ifndef ADI_STATS_COMPONENTS_H
#define ADI_STATS_COMPONENTS_H

#include "core/alloc.h"
#include "core/error.h"

/* Label connected regions of non-zero mask pixels. labels[h * w]: 0 background, 1 .. *out_count
 * regions. connectivity is 4 or 8. */
ad_status adi_connected_components(const adi_allocator *a, const uint8_t *mask, int64_t row_bytes,
                                   int64_t h, int64_t w, int32_t connectivity, int32_t *labels,
                                   int32_t *out_count);

#endif
