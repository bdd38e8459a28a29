/* Notes on an evaluation: why a metric is undefined, or which images it leaves out, from counts of
 * images and masks. */
#ifndef ADI_API_EVALUATION_NOTES_H
#define ADI_API_EVALUATION_NOTES_H

#include "device/device.h"

typedef struct adi_census {
    int64_t good, anomalous, unknown; /* images by label */
    int64_t masked, good_masked;      /* anomalous images with a mask, good ones */
    int64_t scored, good_scored;      /* with a known label, so far */
    int64_t scaled, empty,
        most;           /* masks of another size, empty ones, those that mark more than half */
    int32_t mask_good;  /* the caller's option, or -1 */
    double marked;      /* sum of the marked shares of images */
    char unmasked[160]; /* groups of anomalous images without masks */
} adi_census;

/* Count an image by its entry, before it is read. */
ad_status adi_census_begin(adi_census *c, const ad_dataset *dataset);
/* Take back the count of an image that is damaged, or whose mask is. */
void adi_census_skip(adi_census *c, const ad_sample *sample);
/* Count a mask. AD_ERR_SHAPE if its shape does not fit the image, AD_ERR_FORMAT if it marks pixels
 * of a good image. */
ad_status adi_census_see(adi_census *c, const ad_sample *sample, const ad_image *image,
                         const ad_image *mask);
/* Write why metrics of images are undefined, or what they leave out, or "". 1: they are defined. */
int adi_census_say_images(const adi_census *c, int64_t images, char *out, size_t size);
/* The same for metrics of pixels. */
int adi_census_say_pixels(const adi_census *c, int32_t has_map, char *out, size_t size);

#endif
