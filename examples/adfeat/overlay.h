/* The anomaly map laid over the image, as a picture for people. */
#ifndef ADFEAT_OVERLAY_H
#define ADFEAT_OVERLAY_H

#include <adfeat.h>

/* Write `image` with `map`, which has its size, blended over it as a PNG file. The scale is fixed
 * by `normal`, the scorer's ad_scorer_info.normal_map, so that pictures of different images
 * compare: up to about `normal` nothing is coloured, at three times `normal` the colour is full.
 * @return what ad_image_write_png() gives, or AD_ERR_OUT_OF_MEMORY */
ad_status overlay_write(ad_context *context, const ad_image *image, const ad_map *map,
                        double normal, const char *path);

#endif /* ADFEAT_OVERLAY_H */
