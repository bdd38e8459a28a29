/* Weights in the backend's memory, packed or as they are, which the plans of a network share: each
 * exists as long as a plan holds it. Any number of threads may make and destroy plans. */
#ifndef ADI_NN_PACKED_H
#define ADI_NN_PACKED_H

#include "core/alloc.h"
#include "device/memory.h"
#include "ops/op.h"

typedef struct adi_packed_pool adi_packed_pool;

ad_status adi_packed_pool_create(const adi_allocator *a, adi_packed_pool **out_pool);
/* Once every plan is gone. */
void adi_packed_pool_destroy(adi_packed_pool *pool);

/* Set call->packed to the `bytes` that op->pack() makes for a call whose algorithm is chosen; the
 * first caller packs. Weights are told apart by call->host_weight, so they must not move. */
ad_status adi_packed_take(adi_packed_pool *pool, const adi_device *device, const adi_op *op,
                          adi_op_call *call, size_t bytes);
/* *out: a copy of `floats` floats in the backend's memory, by which *io_bytes grows; on the host,
 * `host` itself. NULL stays NULL. */
ad_status adi_packed_upload(adi_packed_pool *pool, const adi_device *device, const float *host,
                            int64_t floats, const adi_f32 **out, size_t *io_bytes);
/* Give back what the two functions gave; the last one frees it. Other pointers, also NULL, are
 * ignored. */
void adi_packed_put(adi_packed_pool *pool, const adi_device *device, const void *packed);

#endif
