/* The names of the image kinds that this build reads; a test compares them with the table in
 * image_kinds.c. */
#ifndef ADI_VISION_IMAGES_READ_H
#define ADI_VISION_IMAGES_READ_H

#if ADFEAT_WITH_TIFF && ADFEAT_WITH_WEBP
#define ADI_IMAGES_READ "JPEG, PNG, BMP, PNM, TIFF and WebP"
#elif ADFEAT_WITH_TIFF
#define ADI_IMAGES_READ "JPEG, PNG, BMP, PNM and TIFF"
#elif ADFEAT_WITH_WEBP
#define ADI_IMAGES_READ "JPEG, PNG, BMP, PNM and WebP"
#else
#define ADI_IMAGES_READ "JPEG, PNG, BMP and PNM"
#endif

#endif
