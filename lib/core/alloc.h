/* Memory: lib/ and backends/ allocate through the context's allocator only, 64-byte aligned. */
#ifndef ADI_CORE_ALLOC_H
#define ADI_CORE_ALLOC_H

#include "adfeat.h"

enum { ADI_ALIGNMENT = 64 }; /* a cache line, and the widest vector */

typedef struct adi_allocator {
    ad_alloc_callback alloc;
    ad_free_callback  free;
    void             *user;
} adi_allocator;

/* malloc() and free(), for calls without a context (metrics). */
extern const adi_allocator adi_default_allocator;

/* NULL on failure, without a message: the caller returns adi_fail_memory(). Zero bytes give one. */
void *adi_alloc(const adi_allocator *a, size_t bytes);
/* count * size bytes, zeroed; NULL also if the product overflows. */
void *adi_calloc(const adi_allocator *a, size_t count, size_t size);
/* Grow an array to at least `count` elements and update *capacity. On failure returns NULL; the old
 * array is unchanged. */
void *adi_grow(const adi_allocator *a, void *array, size_t *capacity, size_t count, size_t size);
void adi_free(const adi_allocator *a, void *pointer);
/* A copy of text; NULL on failure. */
char *adi_strdup(const adi_allocator *a, const char *text);

#endif
