/* ad_image: reading, decoding, releasing and writing. */
#include "api/read_options.h"
#include "core/file.h"
#include "device/device.h"
#include "vision/decode_depth.h"
#include "vision/vision.h"

enum { MAX_FILE = 1 << 30 };

ad_status ad_image_decode(ad_context *context, const void *bytes, size_t size, const ad_read_options *options,
                          ad_image *out_image)
{
    ADI_CHECK_ARG(context && out_image && (bytes || !size), "ad_image_decode: an argument is NULL");
    ad_read_options o;
    ADI_TRY(adi_read_options_take(options, &o));
    ad_image image = {0};
    ADI_TRY(adi_image_decode(&context->allocator, bytes, size, &o, &image));
    *out_image = image;
    return AD_OK;
}

ad_status ad_image_read(ad_context *context, const char *path, const ad_read_options *options, ad_image *out_image)
{
    ADI_CHECK_ARG(context && path && out_image, "ad_image_read: an argument is NULL");
    ad_read_options o;
    ADI_TRY(adi_read_options_take(options, &o));
    uint8_t *bytes;
    size_t size;
    ADI_TRY(adi_file_read(&context->allocator, path, MAX_FILE, &bytes, &size));
    ad_image image = {0};
    const ad_status status = adi_image_decode(&context->allocator, bytes, size, &o, &image);
    adi_free(&context->allocator, bytes);
    if (status != AD_OK)
        return adi_fail_in_file(status, "image", path);
    *out_image = image;
    return AD_OK;
}

static ad_status decode_depth(const adi_allocator *a, const uint8_t *bytes, size_t size, double scale, ad_image *io_image)
{
    adi_depth_plane plane = {0};
    ADI_TRY(adi_decode_depth(a, bytes, size, scale, &plane));
    const ad_status status = adi_image_give_depth(a, &plane, io_image);
    adi_free(a, plane.z);
    return status;
}

ad_status ad_image_read_depth(ad_context *context, const char *path, double scale, ad_image *io_image)
{
    ADI_CHECK_ARG(context && path && io_image, "ad_image_read_depth: an argument is NULL");
    ADI_CHECK_ARG(scale >= 0.0 && scale <= 1e6, "ad_image_read_depth: scale is %g, 0 to 1e6 is possible", scale);
    ADI_CHECK_ARG(io_image->struct_size >= sizeof *io_image, "image: struct_size is %u, %zu is needed for depth",
                  io_image->struct_size, sizeof *io_image);
    uint8_t *bytes;
    size_t size;
    ADI_TRY(adi_file_read(&context->allocator, path, MAX_FILE, &bytes, &size));
    const ad_status status = decode_depth(&context->allocator, bytes, size, scale, io_image);
    adi_free(&context->allocator, bytes);
    return adi_fail_in_file(status, "depth", path);
}

void ad_image_release(ad_image *image)
{
    if (image)
        adi_image_free(image);
}

ad_status ad_image_write_png(ad_context *context, const ad_image *image, const char *path)
{
    ADI_CHECK_ARG(context && image && path, "ad_image_write_png: an argument is NULL");
    ADI_TRY(adi_image_check(image));
    return adi_encode_png(&context->allocator, image, path);
}
