/* ad_image: reading, decoding, releasing and writing. */
#include "api/image.h"

#include <stdio.h>

#include "api/read_options.h"
#include "core/file.h"
#include "vision/decode_depth.h"
#include "vision/vision.h"

void adi_notes_log(const ad_context *context, const char *kind, const char *path,
                   const adi_notes *notes)
{
    char others[48] = "";
    if (!notes->first[0])
        return;
    if (notes->more)
        snprintf(others, sizeof others, "; %d more like this", notes->more);
    adi_log(context, AD_LOG_WARNING, "%s '%s': %s%s", kind, path, notes->first, others);
}

ad_status ad_image_decode(ad_context *context, const void *bytes, size_t size,
                          const ad_read_options *options, ad_image *out_image)
{
    ADI_CHECK_ARG(context && out_image && (bytes || !size), "ad_image_decode: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ad_read_options o;
    ADI_TRY(adi_read_options_take(options, &o));
    if (size > (size_t)context->limits.bytes)
        return adi_fail(AD_ERR_FORMAT, "the image has %zu bytes, the limit is %lld", size,
                        (long long)context->limits.bytes);
    adi_notes notes = {0};
    const adi_image_source source = {&context->allocator, bytes, size, &o, &notes,
                                     &context->limits};
    ad_image image = {0};
    ADI_TRY(adi_image_decode(&source, &image));
    adi_notes_log(context, "image", "in memory", &notes);
    adi_read_facts_say_once(context, &o, &notes.facts, "image in memory");
    *out_image = image;
    return AD_OK;
}

ad_status adi_image_read(const ad_context *context, const char *path,
                         const ad_read_options *options, adi_notes *notes, ad_image *out_image)
{
    uint8_t *bytes;
    size_t size;
    ADI_TRY(adi_file_read(&context->allocator, path, (size_t)context->limits.bytes, &bytes, &size));
    const adi_image_source source = {&context->allocator, bytes, size, options, notes,
                                     &context->limits};
    ad_image image = {0};
    const ad_status status = adi_image_decode(&source, &image);
    adi_free(&context->allocator, bytes);
    if (status != AD_OK)
        return adi_fail_in_file(status, "image", path);
    *out_image = image;
    return AD_OK;
}

ad_status ad_image_read(ad_context *context, const char *path, const ad_read_options *options,
                        ad_image *out_image)
{
    ADI_CHECK_ARG(context && path && out_image, "ad_image_read: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ad_read_options o;
    adi_notes notes = {0};
    ADI_TRY(adi_read_options_take(options, &o));
    ADI_TRY(adi_image_read(context, path, &o, &notes, out_image));
    adi_notes_log(context, "image", path, &notes);
    adi_read_facts_say_once(context, &o, &notes.facts, path);
    return AD_OK;
}

static ad_status decode_depth(const adi_image_source *source, double scale, ad_image *io_image)
{
    adi_depth_plane plane = {0};
    ADI_TRY(adi_decode_depth(source, scale, &plane));
    const ad_status status = adi_image_give_depth(source->allocator, &plane, io_image);
    adi_free(source->allocator, plane.z);
    return status;
}

ad_status adi_image_read_depth(const ad_context *context, const char *path, double scale,
                               adi_notes *notes, ad_image *io_image)
{
    uint8_t *bytes;
    size_t size;
    ADI_TRY(adi_file_read(&context->allocator, path, (size_t)context->limits.bytes, &bytes, &size));
    const adi_image_source source = {&context->allocator, bytes, size, NULL, notes,
                                     &context->limits};
    const ad_status status = decode_depth(&source, scale, io_image);
    adi_free(&context->allocator, bytes);
    return adi_fail_in_file(status, "depth", path);
}

ad_status ad_image_read_depth(ad_context *context, const char *path, double scale,
                              ad_image *io_image)
{
    ADI_CHECK_ARG(context && path && io_image, "ad_image_read_depth: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ADI_CHECK_ARG(scale >= 0.0 && scale <= 1e6,
                  "ad_image_read_depth: scale is %g, 0 to 1e6 is possible", scale);
    ADI_CHECK_ARG(io_image->struct_size >= sizeof *io_image,
                  "image: struct_size is %u, %zu is needed for depth", io_image->struct_size,
                  sizeof *io_image);
    adi_notes notes = {0};
    ADI_TRY(adi_image_read_depth(context, path, scale, &notes, io_image));
    adi_notes_log(context, "depth", path, &notes);
    const ad_read_options none = {.struct_size = sizeof none};
    adi_read_facts_say_once(context, &none, &notes.facts, path);
    return AD_OK;
}

void ad_image_release(ad_image *image)
{
    if (image)
        adi_image_free(image);
}

ad_status ad_image_write_png(ad_context *context, const ad_image *image, const char *path)
{
    ADI_CHECK_ARG(context && image && path, "ad_image_write_png: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ADI_TRY(adi_image_check(image));
    return adi_encode_png(&context->allocator, image, path);
}
