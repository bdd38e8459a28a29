/* An allocator that holds so many bytes at most, over another one. */
#ifndef ADI_CORE_BUDGET_H
#define ADI_CORE_BUDGET_H

#include "core/alloc.h"

typedef struct adi_budget adi_budget;

/* Blocks of `inner`, each ADI_ALIGNMENT bytes longer to remember its size. A block that would pass
 * the limit is NULL, and adi_fail_memory() then says so with the numbers. NULL on failure, without
 * a sentence. */
adi_budget *adi_budget_create(const adi_allocator *inner, size_t limit);
adi_allocator adi_budget_allocator(adi_budget *budget);
/* Whether so many bytes would be given now: AD_ERR_OUT_OF_MEMORY with the numbers where not. NULL:
 * whatever is asked. */
ad_status adi_budget_check(const adi_budget *budget, size_t bytes);
/* The budget lives on until its last block is freed: images may outlive their context. NULL is a
 * no-op. */
void adi_budget_drop(adi_budget *budget);

#endif
