/* Limits on files, whose headers decide how much is allocated; a context may have its own. */
#ifndef ADI_CORE_LIMITS_H
#define ADI_CORE_LIMITS_H

#include <stdint.h>

enum {
    ADI_IMAGE_MAX_SIDE = 1 << 20, /* a line-scan camera's strip */
    ADI_IMAGE_MAX_PIXELS = 1 << 28, /* of a file */
    ADI_IMAGE_MAX_BYTES = 1 << 30   /* of a file */
};

/* For files of images, masks and depth; images in memory are not limited by them. */
typedef struct adi_file_limits {
    int64_t side, pixels, bytes;
} adi_file_limits;

#endif
