/* Decoding a depth file by its first bytes. */
#include "vision/decode_depth.h"

#include <math.h>
#include <string.h>

#include "vision/vision.h"

static ad_status decode_png(const adi_image_source *source, adi_depth_plane *out)
{
    static const ad_read_options as_stored = {
        .struct_size = sizeof as_stored, .orientation = AD_ORIENTATION_RAW, .significant_bits = 16};
    const adi_allocator *a = source->allocator;
    adi_image_source whole = *source;
    whole.options = &as_stored;
    ad_image image = {0};
    ADI_TRY(adi_decode_png(&whole, &image));
    ad_status status = AD_OK;
    float *z = NULL;
    if (image.format != AD_PIXEL_MONO16)
        status = adi_fail(
            AD_ERR_UNSUPPORTED,
            "this image is not 16-bit grey: depth is a 16-bit grey PNG or a 32-bit float TIFF");
    else if (!(z = adi_alloc(a, (size_t)(image.width * image.height) * sizeof *z)))
        status = adi_fail_memory();
    for (int64_t y = 0; z && y < image.height; y++) {
        const uint16_t *row =
            (const uint16_t *)(const void *)((const char *)image.pixels + y * image.row_bytes);
        for (int64_t x = 0; x < image.width; x++)
            z[y * image.width + x] = row[x];
    }
    if (status == AD_OK)
        *out = (adi_depth_plane){z, image.width, image.height};
    adi_image_free(&image);
    return status;
}

enum { FAR = 50 }; /* metres: millimetres read as metres are some hundreds */

static void note_unit(const adi_image_source *source, const adi_depth_plane *plane)
{
    int64_t there = 0, far = 0;
    for (int64_t i = 0; i < plane->width * plane->height; i++) {
        there += plane->z[i] > 0.0f && plane->z[i] < INFINITY;
        far += plane->z[i] > (float)FAR && plane->z[i] < INFINITY;
    }
    if (source->notes)
        source->notes->facts.far_depth = far > 0 && 2 * far >= there;
}

ad_status adi_decode_depth(const adi_image_source *source, double scale, adi_depth_plane *out)
{
    static const uint8_t heads[4][4] = {"II*", "MM\0*", "II+", "MM\0+"};
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const uint8_t *bytes = source->bytes;
    int tiff = 0;
    for (int i = 0; i < 4; i++)
        tiff |= source->size >= 4 && memcmp(bytes, heads[i], 4) == 0;
    if (!tiff && (source->size < sizeof png || memcmp(bytes, png, sizeof png) != 0))
        return adi_fail(
            AD_ERR_FORMAT,
            "neither PNG nor TIFF: depth is a 16-bit grey PNG or a 32-bit float TIFF");
    ADI_TRY(tiff ? adi_decode_tiff_depth(source, out) : decode_png(source, out));
    const double metres = scale > 0.0 ? scale : tiff ? 1.0 : 0.001;
    for (int64_t i = 0; metres != 1.0 && i < out->width * out->height; i++)
        out->z[i] = (float)(metres * out->z[i]);
    if (scale == 0.0)
        note_unit(source, out);
    return AD_OK;
}
