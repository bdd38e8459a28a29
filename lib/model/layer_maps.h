/* The tail of every method: distances of a layer's positions to one anomaly map and the score. */
#ifndef ADI_MODEL_LAYER_MAPS_H
#define ADI_MODEL_LAYER_MAPS_H

#include "device/device.h"
#include "model/option_table.h"

/* How a layer's map becomes larger. */
typedef enum adi_upsample {
    ADI_UPSAMPLE_HALF_PIXEL, /* bilinear, as OpenCV and align_corners=False have it */
    ADI_UPSAMPLE_ALIGNED,    /* bilinear, align_corners=True */
    ADI_UPSAMPLE_BICUBIC     /* by a whole factor; one layer */
} adi_upsample;

typedef enum adi_join { ADI_JOIN_MEAN, ADI_JOIN_SUM, ADI_JOIN_PRODUCT } adi_join;

typedef enum adi_score_of {
    ADI_SCORE_GIVEN,         /* by the method */
    ADI_SCORE_MAX_MAP,       /* the map's maximum */
    ADI_SCORE_MAX_POSITION,  /* the largest distance where positions count */
    ADI_SCORE_MEAN_POSITION  /* their weighted mean */
} adi_score_of;

typedef struct adi_map_recipe {
    adi_upsample up;
    adi_join join;
    int32_t at, side;       /* sides at which layers are joined, and of the map */
    double blur_sigma;
    adi_score_of score;
    int32_t weight_twice;   /* 1: the largest distance is of distances weighted twice */
    int32_t low_background; /* 1: distances may be negative, so that positions that do not count
                               take the least of those that do */
} adi_map_recipe;

/* Distances of all positions, one layer after the other. */
typedef struct adi_layer_maps {
    int32_t count;
    int32_t h[ADI_MAX_LAYERS], w[ADI_MAX_LAYERS];
    const char *name[ADI_MAX_LAYERS]; /* of the layer, for messages; NULL: none */
    float *distance;                  /* changed by weighting */
    const float *weight;              /* of the positions of one layer; NULL: all count */
    double score;                     /* where it is given */
} adi_layer_maps;

/* Bytes of scratch for kernels, and floats of tmp, that the tail needs. It runs on the host: the
 * distances are few, and what is downloaded of a device is these and not the map. */
size_t adi_layer_maps_scratch(const adi_map_recipe *r, const ad_context *c);
size_t adi_layer_maps_floats(const adi_map_recipe *r);

/* One more layer of h x w positions, with room for whose distances it returns. */
float *adi_layer_maps_add(adi_layer_maps *m, int64_t h, int64_t w, const char *name);
/* The layers upsampled to r->at and joined; tmp: as many floats more. */
ad_status adi_layer_maps_join(const ad_context *c, const adi_map_recipe *r,
                              const adi_layer_maps *m, float *tmp, float *map);
/* All of it. map: r->side squared floats; wants_map: it is wanted for itself, not for the score
 * alone. AD_ERR_NUMERIC, with the position, where a distance is not finite. */
ad_status adi_layer_maps_finish(const ad_context *c, const adi_map_recipe *r, adi_layer_maps *m,
                                void *scratch, float *tmp, int32_t wants_map, float *map,
                                double *out_score);

#endif
