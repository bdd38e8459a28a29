/* Depth in TIFF: 32-bit floats, one sample a pixel or three, of which the third is z, in strips. By libtiff where it is
 * there, whose errors come to a handler of this file alone: nothing is printed, and no global handler is set. */
#include "vision/decode_depth.h"

#if ADFEAT_WITH_TIFF

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <tiffio.h>

#include "vision/vision.h"

enum { MAX_SINGLE_ALLOCATION = 1 << 30 };

typedef struct tiff_job {
    const uint8_t *bytes;
    tmsize_t size, at;
    char sentence[256]; /* the first complaint */
} tiff_job;

static tmsize_t on_read(thandle_t handle, void *to, tmsize_t count)
{
    tiff_job *job = handle;
    const tmsize_t left = job->at < job->size ? job->size - job->at : 0, n = count < left ? count : left;
    if (n <= 0)
        return 0;
    memcpy(to, job->bytes + job->at, (size_t)n);
    job->at += n;
    return n;
}

static tmsize_t on_write(thandle_t handle, void *from, tmsize_t count)
{
    (void)handle;
    (void)from;
    (void)count;
    return -1;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence)
{
    tiff_job *job = handle;
    const toff_t base = whence == SEEK_CUR ? (toff_t)job->at : whence == SEEK_END ? (toff_t)job->size : 0;
    const toff_t at = base + offset;
    if (at > (toff_t)INT64_MAX)
        return (toff_t)-1;
    job->at = (tmsize_t)at;
    return at;
}

static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    return (toff_t)((tiff_job *)handle)->size;
}

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    tiff_job *job = user;
    (void)tiff;
    (void)module;
    if (!job->sentence[0])
        vsnprintf(job->sentence, sizeof job->sentence, format, args);
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    (void)tiff;
    (void)user;
    (void)module;
    (void)format;
    (void)args;
    return 1;
}

static ad_status damaged(const tiff_job *job)
{
    return adi_fail(AD_ERR_FORMAT, "TIFF: %s", job->sentence[0] ? job->sentence : "the file is damaged");
}

typedef struct layout {
    uint32_t width, height;
    uint16_t samples, planar;
} layout;

static ad_status read_layout(TIFF *tiff, const tiff_job *job, layout *l)
{
    uint16_t bits = 0, format = 0;
    if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &l->width) || !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &l->height))
        return damaged(job);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &l->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &l->planar);
    if (bits != 32 || format != SAMPLEFORMAT_IEEEFP || (l->samples != 1 && l->samples != 3))
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "TIFF: %u samples a pixel of %u bits, sample format %u; depth is 1 or 3 of 32-bit floats", l->samples,
                        bits, format);
    if (TIFFIsTiled(tiff))
        return adi_fail(AD_ERR_UNSUPPORTED, "TIFF: the image is in tiles, only strips are read");
    if (!l->width || !l->height)
        return adi_fail(AD_ERR_FORMAT, "TIFF: the image is %u x %u", l->width, l->height);
    return adi_image_check_size("TIFF", l->width, l->height);
}

/* The third of three samples, or the only one. */
static ad_status read_rows(TIFF *tiff, const tiff_job *job, const layout *l, float *row, float *z)
{
    const int apart = l->samples == 1 || l->planar == PLANARCONFIG_SEPARATE;
    const uint16_t sample = (uint16_t)(l->samples - 1);
    for (uint32_t y = 0; y < l->height; y++) {
        if (TIFFReadScanline(tiff, row, y, apart ? sample : 0) < 0)
            return damaged(job);
        for (uint32_t x = 0; x < l->width; x++)
            *z++ = apart ? row[x] : row[3 * x + 2];
    }
    return AD_OK;
}

static ad_status decode(TIFF *tiff, const tiff_job *job, const adi_allocator *a, adi_depth_plane *out)
{
    layout l = {0};
    ADI_TRY(read_layout(tiff, job, &l));
    const size_t line = (size_t)l.width * (l.planar == PLANARCONFIG_SEPARATE ? 1 : l.samples) * sizeof(float);
    if ((size_t)TIFFScanlineSize(tiff) != line)
        return damaged(job);
    /* No compression that libtiff has packs zeros closer than a few thousand to one: what claims more is no image. */
    if ((size_t)l.height * line / 8192 > (size_t)job->size)
        return adi_fail(AD_ERR_FORMAT, "TIFF: %zu bytes are too few for an image of %u x %u", (size_t)job->size, l.width,
                        l.height);
    float *row = adi_alloc(a, line), *z = adi_alloc(a, (size_t)l.width * l.height * sizeof *z);
    ad_status status = row && z ? read_rows(tiff, job, &l, row, z) : adi_fail_memory();
    adi_free(a, row);
    if (status == AD_OK)
        *out = (adi_depth_plane){z, l.width, l.height};
    else
        adi_free(a, z);
    return status;
}

ad_status adi_decode_tiff(const adi_allocator *a, const uint8_t *bytes, size_t size, adi_depth_plane *out)
{
    tiff_job job = {.bytes = bytes, .size = (tmsize_t)size};
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return adi_fail_memory();
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, &job);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, NULL);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, MAX_SINGLE_ALLOCATION);
    TIFF *tiff = TIFFClientOpenExt("depth", "rm", &job, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    if (!tiff)
        return damaged(&job);
    const ad_status status = decode(tiff, &job, a, out);
    TIFFClose(tiff);
    return status;
}

#else

ad_status adi_decode_tiff(const adi_allocator *a, const uint8_t *bytes, size_t size, adi_depth_plane *out)
{
    (void)a;
    (void)bytes;
    (void)size;
    (void)out;
    return adi_fail(AD_ERR_UNSUPPORTED,
                    "this is a TIFF image, and the library was built without libtiff (4.5 or later): 16-bit PNG can be read");
}

#endif
