/* The life of a backbone. */
#include "model/backbone.h"

void adi_shared_extractor_release(const adi_allocator *a, adi_shared_extractor *shared)
{
    if (shared && atomic_fetch_sub(&shared->refs, 1) == 1) {
        adi_extractor_destroy(shared->extractor);
        adi_free(a, shared);
    }
}

ad_backbone *adi_backbone_retain(ad_backbone *backbone)
{
    atomic_fetch_add_explicit(&backbone->refs, 1, memory_order_relaxed);
    return backbone;
}

void adi_backbone_release(ad_backbone *backbone)
{
    if (!backbone || atomic_fetch_sub_explicit(&backbone->refs, 1, memory_order_acq_rel) != 1)
        return;
    ad_context *context = backbone->context;
    adi_shared_extractor_release(&context->allocator, backbone->last);
    adi_network_destroy(backbone->network);
    pthread_mutex_destroy(&backbone->lock);
    adi_free(&context->allocator, backbone);
    adi_context_release(context);
}
