/* Decoding an image file with the reader for its first bytes; other known kinds are refused by
 * name. */
#include "vision/vision.h"

#include <stdio.h>

#include "vision/image_kinds.h"

static ad_status refuse(const adi_image_kind *kind, const uint8_t *bytes, size_t size)
{
    if (kind && kind->library)
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "this is %s image, and the library was built without %s; %s can be read",
                        kind->name, kind->library, adi_images_read);
    if (kind)
        return adi_fail(AD_ERR_UNSUPPORTED, "this is %s image; %s can be read", kind->name,
                        adi_images_read);
    /* The first bytes in hexadecimal: text and zeros are easy to recognise. */
    char head[3 * 8 + 1];
    const size_t shown = size < 8 ? size : 8;
    for (size_t i = 0; i < shown; i++)
        snprintf(head + 3 * i, 4, " %02x", bytes[i]);
    return adi_fail(AD_ERR_FORMAT, "not an image that can be read (%s): begins with%s",
                    adi_images_read, head);
}

ad_status adi_image_decode(const adi_image_source *source, ad_image *out_image)
{
    if (!source->size)
        return adi_fail(AD_ERR_FORMAT, "not an image: there are no bytes");
    const adi_image_kind *kind = adi_image_kind_of(source->bytes, source->size);
    if (!kind || !kind->read)
        return refuse(kind, source->bytes, source->size);
    adi_notes unread = {0};
    adi_image_source noted = *source;
    if (!noted.notes)
        noted.notes = &unread;
    ad_image image = {0};
    ADI_TRY(kind->read(&noted, &image));
    if (source->options->orientation != AD_ORIENTATION_RAW) {
        const ad_status status =
            adi_image_orient(source->allocator, noted.notes->facts.orientation, &image);
        if (status != AD_OK) {
            adi_image_free(&image);
            return status;
        }
    }
    *out_image = image;
    return AD_OK;
}
