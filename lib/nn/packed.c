/* The backend's weights of a network: a list of a few dozen entries, looked through where a plan is
 * made. */
#include "nn/packed.h"

#include <pthread.h>

typedef struct entry entry;
struct entry {
    entry *next;
    const adi_kernels *kernels; /* with all down to the algorithm: what it is */
    const void *handle;         /* of the device */
    const float *weight;
    const adi_op *op; /* that packed it; NULL: a copy */
    adi_conv2d_algorithm algorithm;
    int64_t plans;
    void *block; /* of the device's memory */
};

struct adi_packed_pool {
    const adi_allocator *allocator;
    pthread_mutex_t lock; /* of all below */
    entry *entries;
};

ad_status adi_packed_pool_create(const adi_allocator *a, adi_packed_pool **out_pool)
{
    adi_packed_pool *pool = adi_calloc(a, 1, sizeof *pool);
    if (!pool || pthread_mutex_init(&pool->lock, NULL) != 0) {
        adi_free(a, pool);
        return adi_fail_memory();
    }
    pool->allocator = a;
    *out_pool = pool;
    return AD_OK;
}

void adi_packed_pool_destroy(adi_packed_pool *pool)
{
    if (!pool)
        return;
    const adi_allocator *a = pool->allocator;
    pthread_mutex_destroy(&pool->lock);
    adi_free(a, pool);
}

/* op: NULL for a copy of the weight. */
static entry *find(adi_packed_pool *pool, const adi_device *device, const float *weight,
                   const adi_op *op, adi_conv2d_algorithm algorithm)
{
    entry *e = pool->entries;
    while (e && (e->kernels != device->kernels || e->handle != device->handle ||
                 e->weight != weight || e->op != op || e->algorithm != algorithm))
        e = e->next;
    return e;
}

/* Takes `block`, of the device's memory. */
static entry *add(adi_packed_pool *pool, const adi_device *device, const float *weight,
                  const adi_op *op, adi_conv2d_algorithm algorithm, void *block)
{
    entry *e = adi_alloc(pool->allocator, sizeof *e);
    if (!e) {
        adi_mem_free(device, pool->allocator, block);
        adi_fail_memory();
        return NULL;
    }
    *e = (entry){.next = pool->entries, .kernels = device->kernels, .handle = device->handle,
                 .weight = weight, .op = op, .algorithm = algorithm, .block = block};
    return pool->entries = e;
}

/* A copy of host memory. */
static ad_status copy(const adi_packed_pool *pool, const adi_device *device, const void *from,
                      size_t bytes, void **out_block)
{
    void *block = adi_mem_alloc(device, pool->allocator, bytes);
    if (!block)
        return adi_fail_memory();
    const ad_status status = adi_mem_upload(device, NULL, block, from, bytes);
    if (status == AD_OK)
        *out_block = block;
    else
        adi_mem_free(device, pool->allocator, block);
    return status;
}

/* Packs on the host. */
static ad_status pack(const adi_packed_pool *pool, const adi_device *device, const adi_op *op,
                      adi_op_call *call, size_t bytes, void **out_block)
{
    const adi_allocator *a = pool->allocator;
    const size_t scratch_bytes = op->pack_scratch ? op->pack_scratch(call) : 0;
    void *packed = adi_alloc(a, bytes);
    void *scratch = scratch_bytes ? adi_alloc(a, scratch_bytes) : NULL;
    ad_status status = AD_OK;
    if (!packed || (scratch_bytes && !scratch))
        status = adi_fail_memory();
    else
        op->pack(device->kernels, call, packed, scratch);
    adi_free(a, scratch);
    if (status == AD_OK && !device->memory)
        *out_block = packed;
    else if (status == AD_OK)
        status = copy(pool, device, packed, bytes, out_block);
    if (status != AD_OK || device->memory)
        adi_free(a, packed);
    return status;
}

static ad_status take_packed(adi_packed_pool *pool, const adi_device *device, const adi_op *op,
                             adi_op_call *call, size_t bytes)
{
    entry *e = find(pool, device, call->host_weight, op, call->algorithm);
    if (!e) {
        void *block = NULL;
        ADI_TRY(pack(pool, device, op, call, bytes, &block));
        e = add(pool, device, call->host_weight, op, call->algorithm, block);
    }
    if (!e)
        return AD_ERR_OUT_OF_MEMORY;
    e->plans++;
    call->packed = e->block;
    return AD_OK;
}

static ad_status take_copy(adi_packed_pool *pool, const adi_device *device, const float *host,
                           size_t bytes, const adi_f32 **out)
{
    entry *e = find(pool, device, host, NULL, ADI_CONV2D_AUTO);
    if (!e) {
        void *block = NULL;
        ADI_TRY(copy(pool, device, host, bytes, &block));
        e = add(pool, device, host, NULL, ADI_CONV2D_AUTO, block);
    }
    if (!e)
        return AD_ERR_OUT_OF_MEMORY;
    e->plans++;
    *out = e->block;
    return AD_OK;
}

/* The lock is held while packing, so that no two threads pack the same. */
ad_status adi_packed_take(adi_packed_pool *pool, const adi_device *device, const adi_op *op,
                          adi_op_call *call, size_t bytes)
{
    pthread_mutex_lock(&pool->lock);
    const ad_status status = take_packed(pool, device, op, call, bytes);
    pthread_mutex_unlock(&pool->lock);
    return status;
}

ad_status adi_packed_upload(adi_packed_pool *pool, const adi_device *device, const float *host,
                            int64_t floats, const adi_f32 **out, size_t *io_bytes)
{
    const size_t bytes = (size_t)floats * sizeof *host;
    *out = adi_mem_host_f32(host);
    if (!host || !device->memory)
        return AD_OK;
    *out = NULL;
    pthread_mutex_lock(&pool->lock);
    const ad_status status = take_copy(pool, device, host, bytes, out);
    pthread_mutex_unlock(&pool->lock);
    *io_bytes += bytes;
    return status;
}

void adi_packed_put(adi_packed_pool *pool, const adi_device *device, const void *packed)
{
    pthread_mutex_lock(&pool->lock);
    entry **at = &pool->entries;
    while (*at && (*at)->block != packed)
        at = &(*at)->next;
    entry *e = *at;
    if (e && --e->plans == 0)
        *at = e->next;
    else
        e = NULL;
    pthread_mutex_unlock(&pool->lock);
    if (!e)
        return;
    adi_mem_free(device, pool->allocator, e->block);
    adi_free(pool->allocator, e);
}
