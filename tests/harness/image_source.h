/* Bytes in memory as the readers of images take them. */
#ifndef ADFEAT_TESTS_IMAGE_SOURCE_H
#define ADFEAT_TESTS_IMAGE_SOURCE_H

#include "vision/image_kinds.h"

static inline adi_image_source image_source(const adi_allocator *a, const void *bytes, size_t size)
{
    static const ad_read_options as_stored = {.struct_size = sizeof as_stored};
    return (adi_image_source){.allocator = a, .bytes = bytes, .size = size, .options = &as_stored};
}

static inline ad_status read_image(adi_image_reader reader, const adi_allocator *a,
                                   const void *bytes, size_t size, ad_image *out)
{
    const adi_image_source source = image_source(a, bytes, size);
    return reader(&source, out);
}

#endif
