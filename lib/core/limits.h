/* How large a file may be whose header makes us allocate: what the caller of a context allows. */
#ifndef ADI_CORE_LIMITS_H
#define ADI_CORE_LIMITS_H

#include <stdint.h>

enum {
    ADI_IMAGE_MAX_SIDE = 1 << 20, /* a line-scan camera's strip; more would be a slip of the pen */
    ADI_IMAGE_MAX_PIXELS = 1 << 28, /* of a file */
    ADI_IMAGE_MAX_BYTES = 1 << 30   /* of a file */
};

/* Of files with images, masks and depth; frames in memory are the caller's own. */
typedef struct adi_file_limits {
    int64_t side, pixels, bytes;
} adi_file_limits;

#endif
