/* WebP, lossy and lossless, by libwebp if the build has it. Becomes RGB8; alpha is dropped.
 * Animations are refused. libwebp's own memory does not come from the context's allocator. */
#include "vision/image_kinds.h"
#include "vision/vision.h"

#if ADFEAT_WITH_WEBP

#include <string.h>

#include <webp/decode.h>

enum {
    MOST_SIDE = 16383,
    /* A lossless image of one colour takes no bits a pixel; no photograph comes close to this. */
    MAX_PIXELS_PER_BYTE = 1 << 16
};

static ad_status failed(VP8StatusCode code)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return adi_fail_memory();
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "WebP: the file has a feature that libwebp does not know");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return adi_fail(AD_ERR_FORMAT, "WebP: the file ends early");
    default:
        return adi_fail(AD_ERR_FORMAT, "WebP: the file is damaged");
    }
}

static ad_status check_header(const adi_image_source *source, WebPBitstreamFeatures *features)
{
    if (source->size < 12 ||
        memcmp(source->bytes, "RIFF", 4) != 0) /* libwebp decodes incomplete files too */
        return adi_fail(AD_ERR_FORMAT, "WebP: the file does not begin with RIFF");
    const VP8StatusCode code = WebPGetFeatures(source->bytes, source->size, features);
    if (code != VP8_STATUS_OK)
        return failed(code);
    if (features->has_animation)
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "WebP: this is an animation; single images can be read");
    const int64_t w = features->width, h = features->height;
    if (w < 1 || h < 1 || w > MOST_SIDE || h > MOST_SIDE)
        return adi_fail(AD_ERR_FORMAT, "WebP: image is %lldx%lld", (long long)w, (long long)h);
    ADI_TRY(adi_image_check_size("WebP", w, h, source->limits));
    if ((uint64_t)(w * h) / MAX_PIXELS_PER_BYTE > source->size)
        return adi_fail(AD_ERR_FORMAT, "WebP: %zu bytes are too few for an image of %lldx%lld",
                        source->size, (long long)w, (long long)h);
    return AD_OK;
}

/* The length that the container states, with its header. */
static void note_rest(const adi_image_source *source)
{
    const uint8_t *p = source->bytes + 4;
    const uint64_t size =
        8 + (p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24);
    if (source->size > size + (size & 1))
        adi_note(source->notes, "WebP: %llu bytes after the end of the image are not read",
                 (unsigned long long)(source->size - size));
}

/* A chunk of the container: four letters, a size, and that many bytes, padded to an even number. */
static void note_orientation(const adi_image_source *source)
{
    const uint8_t *bytes = source->bytes;
    size_t at = 12;
    while (source->notes && source->size - at >= 8) {
        const uint8_t *p = bytes + at + 4;
        const size_t length = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
        const size_t left = source->size - at - 8;
        if (length > left)
            return;
        if (!memcmp(bytes + at, "EXIF", 4)) {
            source->notes->facts.orientation = adi_exif_orientation(bytes + at + 8, length);
            return;
        }
        if (length == left)
            return;
        at += 8 + length + (length & 1);
    }
}

ad_status adi_decode_webp(const adi_image_source *source, ad_image *out_image)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return adi_fail(AD_ERR_UNSUPPORTED, "WebP: libwebp is of another version than its header");
    ADI_TRY(check_header(source, &config.input));
    ad_image image = {0};
    ADI_TRY(adi_image_alloc(source->allocator, AD_PIXEL_RGB8, config.input.width,
                            config.input.height, &image));
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = (uint8_t *)image.pixels;
    config.output.u.RGBA.stride = (int)image.row_bytes;
    config.output.u.RGBA.size = (size_t)(image.row_bytes * image.height);
    const VP8StatusCode code = WebPDecode(source->bytes, source->size, &config);
    if (code != VP8_STATUS_OK) {
        adi_image_free(&image);
        return failed(code);
    }
    note_rest(source);
    note_orientation(source);
    *out_image = image;
    return AD_OK;
}

#endif
