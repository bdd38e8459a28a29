/* Metrics of image scores, as the MVTec AD evaluation defines them. */
#ifndef ADI_STATS_ROC_H
#define ADI_STATS_ROC_H

#include "core/alloc.h"
#include "core/error.h"

/* Scores with labels (non-zero = anomalous). NaN: AD_ERR_NUMERIC. -0 equals +0. */
ad_status adi_auroc(const adi_allocator *a, const float *scores, const uint8_t *labels,
                    size_t count, double *out_auroc);
ad_status adi_average_precision(const adi_allocator *a, const float *scores, const uint8_t *labels,
                                size_t count, double *out_ap);
ad_status adi_f1_max(const adi_allocator *a, const float *scores, const uint8_t *labels,
                     size_t count, double *out_f1, float *out_threshold);

#endif
