/* Detection and localisation metrics, exactly as the MVTec AD evaluation defines them. */
#ifndef ADI_STATS_METRICS_H
#define ADI_STATS_METRICS_H

#include "core/alloc.h"
#include "core/error.h"

/* roc.c: scores with labels (non-zero = anomalous). NaN: AD_ERR_NUMERIC. -0 equals +0. */
ad_status adi_auroc(const adi_allocator *a, const float *scores, const uint8_t *labels, size_t count,
                    double *out_auroc);
ad_status adi_average_precision(const adi_allocator *a, const float *scores, const uint8_t *labels,
                                size_t count, double *out_ap);
ad_status adi_f1_max(const adi_allocator *a, const float *scores, const uint8_t *labels, size_t count,
                     double *out_f1, float *out_threshold);

/* radix.c: a float as an unsigned integer of the same order (-0 made +0), and back. */
uint32_t adi_key_of_float(float value);
float adi_float_of_key(uint32_t key);
/* Ascending LSD radix sort; tmp holds `count` keys. */
void adi_sort_keys(uint32_t *keys, uint32_t *tmp, size_t count);
/* The same for key << 32 | anything, by the key; stable. */
void adi_sort_pairs(uint64_t *pairs, uint64_t *tmp, size_t count);

/* components.c: label connected regions of non-zero mask pixels, two-pass union-find. labels[h * w]: 0
 * background, 1 .. *out_count regions. connectivity is 4 or 8. */
ad_status adi_connected_components(const adi_allocator *a, const uint8_t *mask, int64_t row_bytes,
                                   int64_t h, int64_t w, int32_t connectivity, int32_t *labels,
                                   int32_t *out_count);

/* pixel_metrics.c: pixels are added image by image; 4 bytes are kept for a good pixel, 8 for an
 * anomalous one, and as much again while sorting. */
typedef struct adi_pixel_metrics adi_pixel_metrics;
ad_status adi_pixel_metrics_create(const adi_allocator *a, int32_t connectivity,
                                   adi_pixel_metrics **out_metrics);
/* One map and its mask (MONO8, non-zero = anomalous; NULL: all good) of the same size. */
ad_status adi_pixel_metrics_add(adi_pixel_metrics *m, const ad_map *map, const ad_image *mask);
/* Each may be asked in any order and more than once. AD_ERR_INVALID_ARGUMENT where undefined. */
ad_status adi_pixel_metrics_auroc(adi_pixel_metrics *m, double *out_auroc);
ad_status adi_pixel_metrics_aupro(adi_pixel_metrics *m, double fpr_limit, double *out_aupro);
void adi_pixel_metrics_destroy(adi_pixel_metrics *m);

#endif
