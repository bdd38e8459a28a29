/* A random sample without replacement, equal to Python's. */
#ifndef ADI_STATS_SUBSET_H
#define ADI_STATS_SUBSET_H

#include "core/alloc.h"
#include "core/error.h"

/* random.seed(seed); random.sample(range(total), count), in the order drawn; if count == total: 0,
 * 1, 2, ... without drawing, since there is nothing to choose. 1 <= count <= total < 2^31. */
ad_status adi_subset_draw(const adi_allocator *a, uint64_t seed, int32_t total, int32_t count,
                          int32_t *out_subset);

#endif
