/* An allocator that counts, fails on request, and knows what is still held. */
#ifndef ADFEAT_TESTS_FAULT_ALLOC_H
#define ADFEAT_TESTS_FAULT_ALLOC_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "adfeat.h"

typedef struct fault_alloc {
    atomic_long calls;   /* allocations asked for */
    atomic_long live;    /* blocks held */
    atomic_long bytes;   /* bytes held */
    atomic_long peak;    /* most bytes held at once */
    long fail_at;        /* fail the allocation with this number, counted from 1; 0: never */
} fault_alloc;

static inline void *fault_alloc_get(void *user, size_t bytes, size_t alignment)
{
    fault_alloc *f = user;
    const long call = atomic_fetch_add(&f->calls, 1) + 1;
    if (f->fail_at && call == f->fail_at)
        return NULL;
    if (bytes > SIZE_MAX / 2)
        return NULL;
    unsigned char *block = aligned_alloc(alignment, (bytes + 2 * alignment - 1) / alignment * alignment);
    if (!block)
        return NULL;
    *(size_t *)(void *)block = bytes; /* the size, in front of what the caller gets */
    atomic_fetch_add(&f->live, 1);
    const long held = atomic_fetch_add(&f->bytes, (long)bytes) + (long)bytes;
    long peak = atomic_load(&f->peak);
    while (held > peak && !atomic_compare_exchange_weak(&f->peak, &peak, held))
        continue;
    return block + alignment;
}

static inline void fault_alloc_put(void *user, void *pointer)
{
    fault_alloc *f = user;
    unsigned char *block = (unsigned char *)pointer - 64; /* the library always asks for 64 */
    atomic_fetch_sub(&f->live, 1);
    atomic_fetch_sub(&f->bytes, (long)*(size_t *)(void *)block);
    free(block);
}

#endif
