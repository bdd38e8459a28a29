/* The one way to memory in lib/ and backends/: the context's allocator, 64-byte aligned. */
#ifndef ADI_CORE_ALLOC_H
#define ADI_CORE_ALLOC_H

#include "adfeat.h"

enum { ADI_ALIGNMENT = 64 }; /* a cache line, and the widest vector */

typedef struct adi_allocator {
    ad_alloc_callback alloc;
    ad_free_callback  free;
    void             *user;
} adi_allocator;

/* The C library's, for calls that have no context (metrics). */
extern const adi_allocator adi_default_allocator;

/* NULL on failure, without a sentence: the caller says adi_fail_memory(). Zero bytes give one byte.
 */
void *adi_alloc(const adi_allocator *a, size_t bytes);
/* count * size bytes, zeroed; NULL also where the product overflows. */
void *adi_calloc(const adi_allocator *a, size_t count, size_t size);
/* Room for `count` elements in a growing array, old elements copied; *capacity is updated. On
 * failure returns NULL and the old array stands. */
void *adi_grow(const adi_allocator *a, void *array, size_t *capacity, size_t count, size_t size);
void adi_free(const adi_allocator *a, void *pointer);
/* A copy of text; NULL on failure. */
char *adi_strdup(const adi_allocator *a, const char *text);

#endif
