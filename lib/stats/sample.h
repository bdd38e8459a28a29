/* A bounded uniform sample of a stream of vectors. A vector's key is a hash of its image and
 * position, and the sample keeps the vectors with the smallest keys. It does not depend on the
 * order of the stream, and merging two samples gives the sample of both streams. */
#ifndef ADI_STATS_SAMPLE_H
#define ADI_STATS_SAMPLE_H

#include "core/alloc.h"
#include "core/error.h"

typedef struct adi_sample_entry {
    uint64_t key;
    int64_t slot; /* row of vectors */
} adi_sample_entry;

typedef struct adi_sample {
    const adi_allocator *allocator;
    int64_t c, limit, count;
    size_t vector_capacity, heap_capacity;
    adi_sample_entry *heap; /* the largest key on top */
    float *vectors;         /* [count, c] */
} adi_sample;

void adi_sample_init(adi_sample *s, const adi_allocator *a, int64_t c, int64_t limit);
void adi_sample_free(adi_sample *s);
size_t adi_sample_bytes(int64_t c, int64_t limit); /* the most that it allocates */
/* Make room for `more` vectors, so that adding them cannot fail. */
ad_status adi_sample_reserve(adi_sample *s, int64_t more);
/* Add the vectors x [count, c] of an image; `image` identifies it. */
void adi_sample_add(adi_sample *s, uint64_t image, const float *x, int64_t count);
/* Add the vectors of `other`, after reserving other->count. */
void adi_sample_merge(adi_sample *s, const adi_sample *other);

#endif
