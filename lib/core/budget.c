/* The sum of all blocks, counted without a lock. */
#include "core/budget.h"

#include "core/error.h"

#include <stdatomic.h>

struct adi_budget {
    adi_allocator inner;
    size_t limit;
    atomic_size_t held;
    atomic_size_t owners; /* references: one for each live block, and the owner's */
};

_Static_assert(sizeof(size_t) <= ADI_ALIGNMENT, "the block's size is stored in front of it");

static void disown(adi_budget *b)
{
    if (atomic_fetch_sub(&b->owners, 1) != 1)
        return;
    const adi_allocator inner = b->inner;
    adi_free(&inner, b);
}

static void note(const adi_budget *b, size_t wanted, size_t held)
{
    adi_note_refusal(AD_ERR_OUT_OF_MEMORY,
                     "out of memory: %zu bytes beside the %zu that are held pass the context's "
                     "memory_limit of %zu",
                     wanted, held, b->limit);
}

/* Count `bytes` as held; 0 if they exceed the limit. */
static int take(adi_budget *b, size_t bytes)
{
    size_t held = atomic_load(&b->held);
    do {
        if (bytes > b->limit || held > b->limit - bytes) {
            note(b, bytes, held);
            return 0;
        }
    } while (!atomic_compare_exchange_weak(&b->held, &held, held + bytes));
    return 1;
}

static void *budget_alloc(void *user, size_t bytes, size_t alignment)
{
    adi_budget *b = user;
    if (bytes > SIZE_MAX - ADI_ALIGNMENT || !take(b, bytes))
        return NULL;
    unsigned char *block = b->inner.alloc(b->inner.user, ADI_ALIGNMENT + bytes, alignment);
    if (!block) {
        atomic_fetch_sub(&b->held, bytes);
        adi_forget_refusal();
        return NULL;
    }
    *(size_t *)(void *)block = bytes;
    atomic_fetch_add(&b->owners, 1);
    return block + ADI_ALIGNMENT;
}

static void budget_free(void *user, void *pointer)
{
    adi_budget *b = user;
    unsigned char *block = (unsigned char *)pointer - ADI_ALIGNMENT;
    atomic_fetch_sub(&b->held, *(size_t *)(void *)block);
    adi_free(&b->inner, block);
    disown(b);
}

adi_budget *adi_budget_create(const adi_allocator *inner, size_t limit)
{
    adi_budget *b = adi_calloc(inner, 1, sizeof *b);
    if (!b)
        return NULL;
    b->inner = *inner;
    b->limit = limit;
    atomic_init(&b->held, 0);
    atomic_init(&b->owners, 1);
    return b;
}

adi_allocator adi_budget_allocator(adi_budget *budget)
{
    return (adi_allocator){budget_alloc, budget_free, budget};
}

ad_status adi_budget_check(const adi_budget *budget, size_t bytes)
{
    const size_t held = budget ? atomic_load(&budget->held) : 0;
    if (!budget || (bytes <= budget->limit && held <= budget->limit - bytes))
        return AD_OK;
    note(budget, bytes, held);
    return adi_fail_memory();
}

void adi_budget_drop(adi_budget *budget)
{
    if (budget)
        disown(budget);
}
