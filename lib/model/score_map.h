/* The shared tail of every method that says where: layer maps to one map at the network's input size,
 * and from there to the caller's map. */
#ifndef ADI_MODEL_SCORE_MAP_H
#define ADI_MODEL_SCORE_MAP_H

#include "model/extractor.h"

/* in[h, w] to out[oh, ow], bilinear, whose rows are `stride` floats apart. */
ad_status adi_score_map_resize(const ad_context *context, float *out, int64_t oh, int64_t ow, int64_t stride,
                               const float *in, int64_t h, int64_t w);

/* The finished map, of the extractor's map_side (the crop, but for methods that say otherwise), onto the caller's, for an
 * image of width x height pixels. */
ad_status adi_score_map_write(const adi_extractor *x, const float *map, const ad_map *out,
                              int64_t width, int64_t height);

#endif
