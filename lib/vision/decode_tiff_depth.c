/* Depth in TIFF: 32-bit floats, one sample a pixel or three, of which the third is z. */
#include "vision/decode_depth.h"

#if ADFEAT_WITH_TIFF

#include "vision/tiff_session.h"

typedef struct depth_rows {
    float *z;
    int64_t width;
    int32_t step; /* from one pixel to the next, in samples */
} depth_rows;

static void place(void *user, const void *samples, int64_t x, int64_t y, int64_t n, uint16_t plane)
{
    const depth_rows *d = user;
    const float *in = (const float *)samples + (d->step - 1);
    (void)plane;
    for (int64_t i = 0; i < n; i++)
        d->z[y * d->width + x + i] = in[i * d->step];
}

static ad_status decode(adi_tiff_session *s, adi_depth_plane *out)
{
    const adi_allocator *a = s->source->allocator;
    if (s->bits != 32 || s->sample_format != SAMPLEFORMAT_IEEEFP ||
        (s->samples != 1 && s->samples != 3))
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "TIFF: %u samples a pixel of %u bits, sample format %u; depth is 1 or 3 of "
                        "32-bit floats",
                        s->samples, s->bits, s->sample_format);
    const bool apart = s->planar == PLANARCONFIG_SEPARATE;
    depth_rows d = {.width = s->width, .step = apart ? 1 : s->samples};
    d.z = adi_alloc(a, (size_t)s->width * s->height * sizeof *d.z);
    if (!d.z)
        return adi_fail_memory();
    const ad_status status = adi_tiff_read(s, (uint16_t)(s->samples - 1), s->samples, place, &d);
    if (status == AD_OK)
        *out = (adi_depth_plane){d.z, s->width, s->height};
    else
        adi_free(a, d.z);
    return status;
}

ad_status adi_decode_tiff_depth(const adi_image_source *source, adi_depth_plane *out)
{
    adi_tiff_session session;
    ad_status status = adi_tiff_open(&session, source);
    if (status == AD_OK)
        status = decode(&session, out);
    adi_tiff_close(&session);
    return status;
}

#else

ad_status adi_decode_tiff_depth(const adi_image_source *source, adi_depth_plane *out)
{
    (void)source;
    (void)out;
    return adi_fail(AD_ERR_UNSUPPORTED, "this is a TIFF image, and the library was built without "
                                        "libtiff (4.5 or later): 16-bit PNG can be read");
}

#endif
