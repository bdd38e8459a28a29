/* The context's allocator, and the default one on the C library. */
#include "core/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const size_t huge_page = 2 << 20; /* x86-64's, and most others' */

/* Put large blocks on huge pages if the kernel has them: the filters and activations of a network
 * are too large for the TLB. Only whole pages, so that no block takes more memory than it has. */
static void *large_alloc(size_t bytes)
{
    void *p = aligned_alloc(huge_page, (bytes + huge_page - 1) / huge_page * huge_page);
#ifdef MADV_HUGEPAGE
    if (p)
        (void)madvise(p, bytes / huge_page * huge_page, MADV_HUGEPAGE); /* a hint: may fail */
#endif
    return p;
}

static void *default_alloc(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    if (bytes > SIZE_MAX - huge_page)
        return NULL;
    if (bytes >= huge_page)
        return large_alloc(bytes);
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void default_free(void *user, void *pointer)
{
    (void)user;
    free(pointer);
}

const adi_allocator adi_default_allocator = {default_alloc, default_free, NULL};

void *adi_alloc(const adi_allocator *a, size_t bytes)
{
    return a->alloc(a->user, bytes ? bytes : 1, ADI_ALIGNMENT);
}

void *adi_calloc(const adi_allocator *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    void *p = adi_alloc(a, count * size);
    if (p)
        memset(p, 0, count * size);
    return p;
}

void *adi_grow(const adi_allocator *a, void *array, size_t *capacity, size_t count, size_t size)
{
    if (count <= *capacity)
        return array;
    size_t wanted = *capacity > SIZE_MAX / 2 ? count : 2 * *capacity;
    if (wanted < count)
        wanted = count;
    if (wanted < 16)
        wanted = 16;
    if (wanted > SIZE_MAX / size)
        return NULL;
    void *p = adi_alloc(a, wanted * size);
    if (!p)
        return NULL;
    if (array)
        memcpy(p, array, *capacity * size);
    adi_free(a, array);
    *capacity = wanted;
    return p;
}

void adi_free(const adi_allocator *a, void *pointer)
{
    if (pointer)
        a->free(a->user, pointer);
}

char *adi_strdup(const adi_allocator *a, const char *text)
{
    const size_t n = strlen(text) + 1;
    char *copy = adi_alloc(a, n);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}
