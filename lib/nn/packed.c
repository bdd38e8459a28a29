/* The packed weights of a network: a list of a few dozen entries, looked through where a plan is
 * made. */
#include "nn/packed.h"

#include <pthread.h>

typedef struct entry entry;
struct entry {
    entry *next;
    const adi_kernels *kernels; /* with weight and algorithm: what it is */
    const float *weight;
    adi_conv2d_algorithm algorithm;
    int64_t plans;
    void *packed;
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

static entry *find(adi_packed_pool *pool, const adi_kernels *kernels, const adi_op_call *call)
{
    entry *e = pool->entries;
    while (e &&
           (e->kernels != kernels || e->weight != call->weight || e->algorithm != call->algorithm))
        e = e->next;
    return e;
}

/* NULL where memory runs out. */
static entry *make(adi_packed_pool *pool, const adi_kernels *kernels, const adi_op *op,
                   adi_op_call *call, size_t bytes)
{
    const adi_allocator *a = pool->allocator;
    const size_t scratch_bytes = op->pack_scratch ? op->pack_scratch(call) : 0;
    entry *e = adi_alloc(a, sizeof *e);
    void *packed = adi_alloc(a, bytes);
    void *scratch = scratch_bytes ? adi_alloc(a, scratch_bytes) : NULL;
    if (!e || !packed || (scratch_bytes && !scratch)) {
        adi_free(a, e);
        adi_free(a, packed);
        adi_free(a, scratch);
        return NULL;
    }
    op->pack(kernels, call, packed, scratch);
    adi_free(a, scratch);
    *e = (entry){pool->entries, kernels, call->weight, call->algorithm, 0, packed};
    return pool->entries = e;
}

ad_status adi_packed_take(adi_packed_pool *pool, const adi_kernels *kernels, const adi_op *op,
                          adi_op_call *call, size_t bytes)
{
    /* held while packing, so that no two threads pack the same */
    pthread_mutex_lock(&pool->lock);
    entry *e = find(pool, kernels, call);
    if (!e)
        e = make(pool, kernels, op, call, bytes);
    if (e) {
        e->plans++;
        call->packed = e->packed;
    }
    pthread_mutex_unlock(&pool->lock);
    return e ? AD_OK : adi_fail_memory();
}

void adi_packed_put(adi_packed_pool *pool, const void *packed)
{
    pthread_mutex_lock(&pool->lock);
    entry **at = &pool->entries;
    while (*at && (*at)->packed != packed)
        at = &(*at)->next;
    entry *e = *at;
    if (e && --e->plans == 0)
        *at = e->next;
    else
        e = NULL;
    pthread_mutex_unlock(&pool->lock);
    if (!e)
        return;
    adi_free(pool->allocator, e->packed);
    adi_free(pool->allocator, e);
}
