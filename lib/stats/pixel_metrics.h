/* Metrics of anomaly maps, as the MVTec AD evaluation defines them. */
#ifndef ADI_STATS_PIXEL_METRICS_H
#define ADI_STATS_PIXEL_METRICS_H

#include "core/alloc.h"
#include "core/error.h"

/* Pixels are added image by image. A good pixel takes 4 bytes and an anomalous one 8, and as much
 * again while they are sorted. */
typedef struct adi_pixel_metrics adi_pixel_metrics;
ad_status adi_pixel_metrics_create(const adi_allocator *a, int32_t connectivity,
                                   adi_pixel_metrics **out_metrics);
/* One map and its mask (MONO8, non-zero = anomalous; NULL: all good) of the same size. */
ad_status adi_pixel_metrics_add(adi_pixel_metrics *m, const ad_map *map, const ad_image *mask);
/* Both may be called in any order and more than once. AD_ERR_INVALID_ARGUMENT where undefined. */
ad_status adi_pixel_metrics_auroc(adi_pixel_metrics *m, double *out_auroc);
ad_status adi_pixel_metrics_aupro(adi_pixel_metrics *m, double fpr_limit, double *out_aupro);
void adi_pixel_metrics_destroy(adi_pixel_metrics *m);

#endif
