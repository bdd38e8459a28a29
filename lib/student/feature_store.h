/* The images of a fit as a training reads them in every epoch: the teacher's features, computed
 * once, since they never change. Features beyond the memory for them are computed again from the
 * pixels, or are kept in a file. */
#ifndef ADI_STUDENT_FEATURE_STORE_H
#define ADI_STUDENT_FEATURE_STORE_H

#include "model/extractor.h"

typedef struct adi_feature_store {
    const adi_allocator *allocator;
    const adi_device *device; /* where what is read goes */
    float *staging;      /* an input or a record on its way to a device; else NULL */
    size_t floats;       /* of one image's record */
    size_t pixel_bytes;  /* of an image that is kept, resized, to compute features from; 0: none */
    size_t memory_limit, others;       /* bytes; others: of the training beside the images */
    uint64_t cache_limit, file_limit;  /* bytes of records in memory, and behind them in the file */
    uint8_t **images;
    float **records;
    size_t image_capacity, record_capacity;
    int32_t count, cached; /* the first `cached` records are in memory */
    int fd;                /* -1: no file */
    uint64_t digest;       /* of all pixels, or all records, in their order */
} adi_feature_store;

/* dir: of the file, or NULL without one. AD_ERR_IO where none can be made there. */
ad_status adi_feature_store_init(adi_feature_store *s, const ad_context *context, size_t floats,
                                 size_t pixel_bytes, const char *dir);
void adi_feature_store_free(adi_feature_store *s);
/* Adds a record of `count` parts, one after the other. rgb: the pixels where they are kept. On
 * failure the store is as before. AD_ERR_OUT_OF_MEMORY where neither memory nor file has room. */
ad_status adi_feature_store_add(adi_feature_store *s, const uint8_t *rgb,
                                const float *const *parts, const size_t *floats, int32_t count);
/* The same with the features that an extractor left in a workspace, of all layers. AD_ERR_NUMERIC
 * where they are not finite. */
ad_status adi_feature_store_take(adi_feature_store *s, const adi_extractor *x,
                                 adi_workspace *w);
/* Bytes of all records and pixels, and of the loop's lists of images. */
size_t adi_feature_store_bytes(const adi_feature_store *s);

/* What follows writes to the backend's memory, in the order of `queue`; NULL on the host. */

/* The network's input for image `index`, from its pixels. */
ad_status adi_feature_store_input(const adi_feature_store *s, const adi_preprocess *preprocess,
                                  int32_t index, adi_queue *queue, adi_f32 *out);
/* Its features, a layer each: of its record, or of a workspace that the teacher is run in. */
ad_status adi_feature_store_copy(const adi_feature_store *s, const adi_extractor *x,
                                 adi_workspace *w, int32_t index, adi_queue *queue,
                                 adi_f32 *const *out_layers);
/* The same in place; only where the backend's memory is the host's. */
ad_status adi_feature_store_features(const adi_feature_store *s, const adi_extractor *x,
                                     adi_workspace *w, int32_t index, const adi_f32 **out_layers);
/* Its record, in two parts, from memory or file. */
ad_status adi_feature_store_read(const adi_feature_store *s, int32_t index, adi_queue *queue,
                                 adi_f32 *first, size_t first_floats, adi_f32 *second);

#endif
