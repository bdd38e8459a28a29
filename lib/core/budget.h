/* An allocator that limits the bytes held, on top of another one. */
#ifndef ADI_CORE_BUDGET_H
#define ADI_CORE_BUDGET_H

#include "core/alloc.h"

typedef struct adi_budget adi_budget;

/* Each block takes ADI_ALIGNMENT more bytes of `inner`, to store its size. A block beyond the limit
 * is NULL, and adi_fail_memory() then names the numbers. Returns NULL on failure, without a
 * message. */
adi_budget *adi_budget_create(const adi_allocator *inner, size_t limit);
adi_allocator adi_budget_allocator(adi_budget *budget);
/* AD_ERR_OUT_OF_MEMORY, with the numbers, if `bytes` are more than is left. NULL has no limit. */
ad_status adi_budget_check(const adi_budget *budget, size_t bytes);
/* Drop the owner's reference. The budget lives until its last block is freed, since images may
 * outlive their context. NULL is a no-op. */
void adi_budget_drop(adi_budget *budget);

#endif
