/* libtiff's callbacks, and its strips and tiles; see tiff_session.h. */
#include "vision/tiff_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vision/vision.h"

enum {
    /* The memory that libtiff may use beside the file's bytes: tables of strips, codecs, a row. */
    MAX_WORK_BYTES = 64 << 20,
    /* No supported compression packs zeros closer; a file that claims more pixels is not an
     * image. */
    MAX_INFLATION = 8192
};

static tmsize_t on_read(thandle_t handle, void *to, tmsize_t count)
{
    adi_tiff_session *s = handle;
    const tmsize_t size = (tmsize_t)s->source->size, left = s->at < size ? size - s->at : 0,
                   n = count < left ? count : left;
    if (n <= 0)
        return 0;
    memcpy(to, s->source->bytes + s->at, (size_t)n);
    s->at += n;
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
    adi_tiff_session *s = handle;
    const toff_t base = whence == SEEK_CUR   ? (toff_t)s->at
                        : whence == SEEK_END ? (toff_t)s->source->size
                                             : 0;
    const toff_t at = base + offset;
    if (at > (toff_t)INT64_MAX)
        return (toff_t)-1;
    s->at = (tmsize_t)at;
    return at;
}

static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    return (toff_t)((adi_tiff_session *)handle)->source->size;
}

/* libtiff reports a failed malloc() only in its message. Our own limit, or an empty table, is an
 * error of the file. */
static bool of_memory(const char *text)
{
    return (strcasestr(text, "memory") || strcasestr(text, "no space")) &&
           !strstr(text, "beyond the") && !strstr(text, "(0 elements");
}

/* An invalid orientation means 1 in every kind of file. libtiff reports an error and goes on
 * without the tag. */
static bool of_orientation(const char *text)
{
    return strstr(text, "Bad value") && strstr(text, "\"Orientation\"");
}

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    adi_tiff_session *s = user;
    char text[sizeof s->sentence];
    (void)tiff;
    (void)module;
    vsnprintf(text, sizeof text, format, args);
    if (of_orientation(text)) {
        adi_note(s->source->notes, "%s", text);
        return 1;
    }
    s->out_of_memory = s->out_of_memory || of_memory(text);
    if (!s->sentence[0])
        memcpy(s->sentence, text, sizeof text);
    return 1;
}

/* Whether pixels depend on a tag that libtiff could not read and has skipped. */
static bool loses_pixels(const char *text)
{
    static const char *const tags[] = {"ColorMap",    "ExtraSamples",  "SampleFormat",
                                       "FillOrder",   "Photometric",   "PlanarConfig",
                                       "Predictor",   "BitsPerSample", "SamplesPerPixel",
                                       "Compression", "Orientation"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (strstr(text, "ignored") && strstr(text, tags[i]))
            return true;
    return false;
}

/* Warnings on the header concern unknown tags and repairs that change no pixel. Warnings on pixels
 * concern bytes that are skipped or missing. */
static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    adi_tiff_session *s = user;
    const bool old_lzw =
        strstr(format, "Old-style LZW") != NULL; /* another bit order, which it can read */
    if (s->strict && !old_lzw)
        return on_error(tiff, user, module, format, args);
    char text[sizeof s->sentence];
    vsnprintf(text, sizeof text, format, args);
    if (loses_pixels(text) && !s->sentence[0])
        memcpy(s->sentence, text, sizeof text);
    else if (!strstr(text, "nknown field") && !old_lzw)
        adi_note(s->source->notes, "TIFF: %s", text);
    return 1;
}

ad_status adi_tiff_failed(const adi_tiff_session *s)
{
    if (s->out_of_memory)
        return adi_fail_memory();
    return adi_fail(AD_ERR_FORMAT, "TIFF: %s",
                    s->sentence[0] ? s->sentence : "the file is damaged");
}

static ad_status open_bytes(adi_tiff_session *s)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return adi_fail_memory();
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, s);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, s);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)s->source->size + MAX_WORK_BYTES);
#if TIFFLIB_VERSION >= 20240911
    TIFFOpenOptionsSetMaxCumulatedMemAlloc(options,
                                           2 * (tmsize_t)s->source->size + 2 * MAX_WORK_BYTES);
#endif
    s->tiff = TIFFClientOpenExt("TIFF", "rm", s, on_read, on_write, on_seek, on_close, on_size,
                                NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return s->tiff ? AD_OK : adi_tiff_failed(s);
}

static ad_status check_compression(const adi_tiff_session *s)
{
    static const struct {
        uint16_t code;
        bool lossless; /* which reports damage */
        const char *name;
    } known[] = {{COMPRESSION_NONE, true, "none"},
                 {COMPRESSION_LZW, true, "LZW"},
                 {COMPRESSION_ADOBE_DEFLATE, true, "deflate"},
                 {COMPRESSION_DEFLATE, true, "deflate"},
                 {COMPRESSION_PACKBITS, true, "PackBits"},
                 {COMPRESSION_LZMA, true, "LZMA"},
                 {50000, true, "Zstandard"},
                 {COMPRESSION_CCITTRLE, false, "CCITT RLE"},
                 {COMPRESSION_CCITTFAX3, false, "CCITT G3"},
                 {COMPRESSION_CCITTFAX4, false, "CCITT G4"},
                 {COMPRESSION_OJPEG, false, "old JPEG"},
                 {COMPRESSION_JPEG, false, "JPEG"},
                 {COMPRESSION_JP2000, false, "JPEG 2000"},
                 {34887, false, "LERC"},
                 {50001, false, "WebP"}};
    char name[32];
    snprintf(name, sizeof name, "%u", s->compression);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].code != s->compression)
            continue;
        if (known[i].lossless && TIFFIsCODECConfigured(s->compression))
            return AD_OK;
        snprintf(name, sizeof name, "%s", known[i].name);
    }
    return adi_fail(AD_ERR_UNSUPPORTED,
                    "TIFF: compression %s is not read; none, LZW, deflate and PackBits are", name);
}

static ad_status check_size(const adi_tiff_session *s)
{
    if (!s->width || !s->height)
        return adi_fail(AD_ERR_FORMAT, "TIFF: image is %ux%u", s->width, s->height);
    ADI_TRY(adi_image_check_size("TIFF", s->width, s->height, s->source->limits));
    const uint64_t bits = (uint64_t)s->width * s->height * s->samples * s->bits;
    if (bits / 8 / MAX_INFLATION > s->source->size)
        return adi_fail(AD_ERR_FORMAT, "TIFF: %zu bytes are too few for an image of %ux%u",
                        s->source->size, s->width, s->height);
    return AD_OK;
}

static ad_status read_header(adi_tiff_session *s)
{
    TIFF *t = s->tiff;
    if (!TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &s->width) ||
        !TIFFGetField(t, TIFFTAG_IMAGELENGTH, &s->height))
        return adi_tiff_failed(s);
    TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &s->bits);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &s->sample_format);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &s->samples);
    TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &s->planar);
    TIFFGetFieldDefaulted(t, TIFFTAG_COMPRESSION, &s->compression);
    if (!TIFFGetField(t, TIFFTAG_PHOTOMETRIC,
                      &s->photometric)) /* required, but some programs omit it */
        s->photometric = s->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    ADI_TRY(check_size(s));
    ADI_TRY(check_compression(s));
    return s->sentence[0] ? adi_tiff_failed(s) : AD_OK;
}

ad_status adi_tiff_open(adi_tiff_session *s, const adi_image_source *source)
{
    *s = (adi_tiff_session){.source = source};
    ADI_TRY(open_bytes(s));
    ADI_TRY(read_header(s));
    if (!TIFFLastDirectory(s->tiff))
        adi_note(source->notes, "TIFF: there are further pages, the first one is read");
    return AD_OK;
}

void adi_tiff_close(adi_tiff_session *s)
{
    if (s->tiff)
        TIFFClose(s->tiff);
    s->tiff = NULL;
}

/* Row by row: a strip may be the whole image. */
static ad_status read_strips(adi_tiff_session *s, uint16_t plane, void *row, adi_tiff_place place,
                             void *user)
{
    for (uint32_t y = 0; y < s->height; y++) {
        if (TIFFReadScanline(s->tiff, row, y, plane) < 0 || s->sentence[0])
            return adi_tiff_failed(s);
        place(user, row, 0, y, s->width, plane);
    }
    return AD_OK;
}

static ad_status read_tiles(adi_tiff_session *s, uint16_t plane, uint8_t *tile,
                            adi_tiff_place place, void *user)
{
    uint32_t tw = 0, th = 0;
    TIFFGetField(s->tiff, TIFFTAG_TILEWIDTH, &tw);
    TIFFGetField(s->tiff, TIFFTAG_TILELENGTH, &th);
    const tmsize_t row = TIFFTileRowSize(s->tiff), size = TIFFTileSize(s->tiff);
    if (!tw || !th || (uint64_t)row * th != (uint64_t)size)
        return adi_tiff_failed(s);
    for (uint32_t y = 0; y < s->height; y += th)
        for (uint32_t x = 0; x < s->width; x += tw) {
            const int64_t n = s->width - x < tw ? s->width - x : tw;
            if (TIFFReadTile(s->tiff, tile, x, y, 0, plane) < size || s->sentence[0])
                return adi_tiff_failed(s);
            for (uint32_t i = 0; i < th && y + i < s->height; i++)
                place(user, tile + (int64_t)i * row, x, (int64_t)y + i, n, plane);
        }
    return AD_OK;
}

ad_status adi_tiff_read(adi_tiff_session *s, uint16_t first, uint16_t last, adi_tiff_place place,
                        void *user)
{
    const bool tiled = TIFFIsTiled(s->tiff);
    const bool apart = s->planar == PLANARCONFIG_SEPARATE && s->samples > 1;
    const uint64_t samples = apart ? 1 : s->samples;
    const tmsize_t size = tiled ? TIFFTileSize(s->tiff) : TIFFScanlineSize(s->tiff);
    /* A tile may extend beyond the image, but not by far. */
    if (size < 1 || (!tiled && (uint64_t)size != (s->width * samples * s->bits + 7) / 8) ||
        (tiled && (uint64_t)size / MAX_INFLATION > s->source->size))
        return adi_tiff_failed(s);
    void *block = adi_alloc(s->source->allocator, (size_t)size);
    if (!block)
        return adi_fail_memory();
    ad_status status = AD_OK;
    s->strict = true;
    for (uint16_t plane = apart ? first : 0; status == AD_OK && plane < (apart ? last : 1); plane++)
        status = tiled ? read_tiles(s, plane, block, place, user)
                       : read_strips(s, plane, block, place, user);
    adi_free(s->source->allocator, block);
    return status;
}
