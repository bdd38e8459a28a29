/* What a backbone is. Opening it is in api/backbone_open.c, asking it in api/features.c. */
#ifndef ADI_MODEL_BACKBONE_H
#define ADI_MODEL_BACKBONE_H

#include <pthread.h>

#include "model/extractor.h"

/* The extractor of the latest ad_extract_features() call, kept for the next one of its kind. */
typedef struct adi_shared_extractor {
    atomic_int refs;
    adi_extractor *extractor;
} adi_shared_extractor;

struct ad_backbone {
    atomic_int refs;
    ad_context *context;
    adi_network *network;
    char digest[17];      /* of every available tap */
    pthread_mutex_t lock; /* of last */
    adi_shared_extractor *last;
};

ad_backbone *adi_backbone_retain(ad_backbone *backbone);
void adi_backbone_release(ad_backbone *backbone);
void adi_shared_extractor_release(const adi_allocator *a, adi_shared_extractor *shared);

#endif
