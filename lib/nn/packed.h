/* Weights laid out for their kernels, which the plans of a network share: one of a kind is there as
 * long as a plan holds it. Any number of threads may make and destroy plans. */
#ifndef ADI_NN_PACKED_H
#define ADI_NN_PACKED_H

#include "core/alloc.h"
#include "ops/op.h"

typedef struct adi_packed_pool adi_packed_pool;

ad_status adi_packed_pool_create(const adi_allocator *a, adi_packed_pool **out_pool);
/* Once every plan is gone. */
void adi_packed_pool_destroy(adi_packed_pool *pool);

/* call->packed becomes `bytes` that op->pack() makes of a call whose kernel is chosen; they are
 * made by the calling thread, for the first that asks. Weights are told apart by call->weight, so
 * they must stay where they are. */
ad_status adi_packed_take(adi_packed_pool *pool, const adi_kernels *kernels, const adi_op *op,
                          adi_op_call *call, size_t bytes);
/* What take() gave; the last one frees it. Anything else, NULL among it, is ignored. */
void adi_packed_put(adi_packed_pool *pool, const void *packed);

#endif
