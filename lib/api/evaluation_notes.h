/* Why a figure is undefined, or what it leaves out: what an evaluation knows of its images and
 * masks, counted on the way and said in one sentence each. */
#ifndef ADI_API_EVALUATION_NOTES_H
#define ADI_API_EVALUATION_NOTES_H

#include "device/device.h"

typedef struct adi_census {
    int64_t good, anomalous, unknown; /* images by label */
    int64_t masked, good_masked;      /* anomalous images with a mask, good ones */
    int64_t scored, good_scored;      /* so far, of a known label */
    int64_t scaled, empty,
        most;           /* masks of another size, that mark nothing, that mark more than half */
    int32_t mask_good;  /* what the caller said, or -1 */
    double marked;      /* shares of the images that masks mark, added up */
    char unmasked[160]; /* groups of anomalous images without masks */
} adi_census;

/* What is known before an image is read. */
ad_status adi_census_begin(adi_census *c, const ad_dataset *dataset);
/* Not this one: it, or its mask, is damaged. */
void adi_census_skip(adi_census *c, const ad_sample *sample);
/* One mask, as it was read. AD_ERR_SHAPE where it cannot be its image's, AD_ERR_FORMAT where it
 * marks a good image. */
ad_status adi_census_see(adi_census *c, const ad_sample *sample, const ad_image *image,
                         const ad_image *mask);
/* Writes why figures of images are undefined, or what they leave out, or "". 1: they are defined.
 */
int adi_census_say_images(const adi_census *c, int64_t images, char *out, size_t size);
/* The same of pixels, or what they leave out. 1: they are defined. */
int adi_census_say_pixels(const adi_census *c, int32_t has_map, char *out, size_t size);

#endif
