/* The last step of every method that has maps: from the map at the network's input size to the
 * caller's map. */
#ifndef ADI_MODEL_SCORE_MAP_H
#define ADI_MODEL_SCORE_MAP_H

#include "model/extractor.h"

/* Resizes in[h, w] to out[oh, ow], bilinearly. stride: floats from a row of `out` to the next. */
ad_status adi_score_map_resize(const ad_context *context, float *out, int64_t oh, int64_t ow,
                               int64_t stride, const float *in, int64_t h, int64_t w);

/* Resizes the workspace's finished map, which covers the frame's window, to the caller's map of the
 * whole image. */
ad_status adi_score_map_write(const adi_extractor *x, const adi_workspace *w, const ad_map *out);

#endif
