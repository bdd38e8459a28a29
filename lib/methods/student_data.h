/* The images of a fit whose student reads what the teacher sees: pixels, and features as far as the cache goes. */
#ifndef ADI_METHODS_STUDENT_DATA_H
#define ADI_METHODS_STUDENT_DATA_H

#include "methods/extractor.h"

/* The images of a fit as resized pixels, and the teacher's features of as many as the cache holds. */
typedef struct adi_student_data {
    const adi_allocator *allocator;
    const adi_preprocess *preprocess;
    size_t pixels;         /* bytes of an image */
    size_t features;       /* floats of an image's features, all layers one after the other */
    size_t cache_limit, cached, memory_limit, others; /* bytes; others: of the training beside the images */
    uint8_t **images;
    float **cache;
    size_t image_capacity, cache_capacity;
    int32_t count, cached_count; /* the first cached_count are */
    uint64_t digest;       /* of all pixels in their order */
} adi_student_data;

void adi_student_data_free(adi_student_data *d);
/* Resized pixels, and layer i of the teacher's features in layers[i], of shapes[i]. On failure as before. */
ad_status adi_student_data_add(adi_student_data *d, const uint8_t *rgb, const float *const *layers,
                             const adi_shape *shapes, int32_t layer_count);
/* The same of what an extractor left in a workspace; AD_ERR_NUMERIC where features are not finite. */
ad_status adi_student_data_take(adi_student_data *d, const adi_extractor *x, const adi_workspace *w);
size_t adi_student_data_bytes(const adi_student_data *d);
/* Image `index` as the network takes it. */
void adi_student_data_input(const adi_student_data *d, int32_t index, float *out);
/* Its features, layer by layer: the cache's, or of a workspace that the teacher is run in. */
ad_status adi_student_data_features(const adi_student_data *d, const adi_extractor *x, adi_workspace *w,
                                  int32_t index, const float **out_layers);

#endif
