/* Images in TIFF: grey of 1, 2, 4, 8 and 16 bits, palettes, RGB of 8 and 16 bits, in strips or
 * tiles. 16-bit grey becomes MONO16, other grey and palettes of greys MONO8, everything else RGB8,
 * scaled as PNG's is; extra samples are dropped. Colours that were multiplied by alpha
 * are divided by it first. */
#include "vision/vision.h"

#if ADFEAT_WITH_TIFF

#include "vision/tiff_session.h"

typedef struct painter {
    const adi_tiff_session *session;
    ad_image image;
    bool apart;    /* samples are in separate planes */
    bool invert;   /* 0 is white */
    int32_t alpha; /* index of premultiplied alpha, or 0 */
    bool palette;
    uint32_t colours;
    uint8_t colour[256][3];
} painter;

static uint32_t sample(const void *samples, int64_t i, uint32_t bits)
{
    const uint8_t *bytes = samples;
    if (bits == 16)
        return ((const uint16_t *)samples)[i];
    const int64_t bit = i * bits;
    return bytes[bit / 8] >> (8 - bits - bit % 8) & ((1u << bits) - 1);
}

/* As Pillow does. */
static uint32_t undo_alpha(uint32_t v, uint32_t alpha, uint32_t most)
{
    if (alpha == most || alpha == 0)
        return alpha ? v : 0;
    const uint64_t whole = (uint64_t)v * most / alpha;
    return whole < most ? (uint32_t)whole : most;
}

static void paint_grey(const painter *p, const void *samples, int64_t x, int64_t y, int64_t n)
{
    const uint32_t bits = p->session->bits, most = (1u << bits) - 1;
    const int64_t step = p->apart ? 1 : p->session->samples;
    uint8_t *row = (uint8_t *)p->image.pixels + y * p->image.row_bytes;
    for (int64_t i = 0; i < n; i++) {
        uint32_t v = sample(samples, i * step, bits);
        if (p->alpha)
            v = undo_alpha(v, sample(samples, i * step + p->alpha, bits), most);
        if (p->invert)
            v = most - v;
        if (bits == 16)
            ((uint16_t *)(void *)row)[x + i] = (uint16_t)v;
        else
            row[x + i] = (uint8_t)(v * 255 / most); /* exact: most divides 255 */
    }
}

static void paint_palette(const painter *p, const void *samples, int64_t x, int64_t y, int64_t n)
{
    const int64_t step = p->apart ? 1 : p->session->samples;
    const int32_t bytes = adi_pixel_bytes(p->image.format);
    uint8_t *out = (uint8_t *)p->image.pixels + y * p->image.row_bytes + x * bytes;
    for (int64_t i = 0; i < n; i++, out += bytes) {
        const uint8_t *colour = p->colour[sample(samples, i * step, p->session->bits)];
        for (int32_t c = 0; c < bytes; c++)
            out[c] = colour[c];
    }
}

/* One channel of RGB. */
static void paint_channel(const painter *p, const void *samples, int64_t x, int64_t y, int64_t n,
                          int c)
{
    const uint32_t bits = p->session->bits, most = (1u << bits) - 1;
    const int64_t step = p->apart ? 1 : p->session->samples, from = p->apart ? 0 : c;
    uint8_t *out = (uint8_t *)p->image.pixels + y * p->image.row_bytes + 3 * x + c;
    for (int64_t i = 0; i < n; i++, out += 3) {
        uint32_t v = sample(samples, i * step + from, bits);
        if (p->alpha)
            v = undo_alpha(v, sample(samples, i * step + p->alpha, bits), most);
        *out = bits == 16 ? adi_16_to_8((uint16_t)v) : (uint8_t)v;
    }
}

static void paint(void *user, const void *samples, int64_t x, int64_t y, int64_t n, uint16_t plane)
{
    const painter *p = user;
    if (p->palette)
        paint_palette(p, samples, x, y, n);
    else if (p->image.format != AD_PIXEL_RGB8)
        paint_grey(p, samples, x, y, n);
    else if (p->apart)
        paint_channel(p, samples, x, y, n, plane);
    else
        for (int c = 0; c < 3; c++)
            paint_channel(p, samples, x, y, n, c);
}

static const char *photometric_name(uint16_t photometric)
{
    switch (photometric) {
    case PHOTOMETRIC_SEPARATED:
        return "CMYK";
    case PHOTOMETRIC_YCBCR:
        return "YCbCr";
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB:
    case PHOTOMETRIC_ITULAB:
        return "Lab";
    case PHOTOMETRIC_LOGL:
    case PHOTOMETRIC_LOGLUV:
        return "LogLuv";
    case PHOTOMETRIC_MASK:
        return "a transparency mask";
    case 32803:
        return "a colour filter array";
    default:
        return "of a colour space that is not known";
    }
}

static ad_status check_samples(const adi_tiff_session *s)
{
    static const char *const formats[] = {"of no format",          "unsigned", "signed",
                                          "floating-point",        "unsigned", "complex integer",
                                          "complex floating-point"};
    const uint16_t bits = s->bits, format = s->sample_format;
    const bool rgb = s->photometric == PHOTOMETRIC_RGB,
               grey = s->photometric <= PHOTOMETRIC_MINISBLACK;
    if (!rgb && !grey && s->photometric != PHOTOMETRIC_PALETTE)
        return adi_fail(AD_ERR_UNSUPPORTED, "TIFF: image is %s; grey, palettes and RGB can be read",
                        photometric_name(s->photometric));
    if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID)
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "TIFF: samples are %s, of %u bits; unsigned ones of 8 or 16 can be read",
                        format < sizeof formats / sizeof *formats ? formats[format]
                                                                  : "of an unknown format",
                        bits);
    const bool small = bits == 1 || bits == 2 || bits == 4;
    if (bits != 8 && !(bits == 16 && (rgb || grey)) && !(small && !rgb))
        return adi_fail(AD_ERR_UNSUPPORTED, "TIFF: samples have %u bits; %s can be read", bits,
                        rgb    ? "8 and 16"
                        : grey ? "1, 2, 4, 8 and 16"
                               : "palettes of 1, 2, 4 and 8");
    if (s->samples < (rgb ? 3 : 1))
        return adi_fail(AD_ERR_FORMAT, "TIFF: RGB with %u samples a pixel", s->samples);
    return AD_OK;
}

/* Find an extra sample that is premultiplied alpha. */
static ad_status find_alpha(painter *p, int32_t colours)
{
    uint16_t n = 0, *kinds = NULL;
    if (!TIFFGetField(p->session->tiff, TIFFTAG_EXTRASAMPLES, &n, &kinds))
        return AD_OK;
    for (uint16_t i = 0; i < n && colours + i < p->session->samples; i++)
        if (kinds[i] == EXTRASAMPLE_ASSOCALPHA)
            p->alpha = colours + i;
    if (p->alpha && (p->apart || p->palette))
        return adi_fail(
            AD_ERR_UNSUPPORTED,
            "TIFF: colours multiplied by alpha can be read where samples are interleaved");
    return AD_OK;
}

/* Entries have 16 bits; some programs write 8. libtiff's own tools tell them apart like this. */
static ad_status read_palette(painter *p)
{
    uint16_t *map[3];
    if (!TIFFGetField(p->session->tiff, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]))
        return adi_fail(AD_ERR_FORMAT, "TIFF: the image has a palette, but no colours in it");
    bool wide = false, grey = true;
    p->colours = 1u << p->session->bits;
    for (uint32_t i = 0; i < p->colours; i++)
        wide = wide || map[0][i] > 255 || map[1][i] > 255 || map[2][i] > 255;
    for (uint32_t i = 0; i < p->colours; i++) {
        for (int c = 0; c < 3; c++)
            p->colour[i][c] = (uint8_t)(wide ? map[c][i] >> 8 : map[c][i]);
        grey = grey && p->colour[i][0] == p->colour[i][1] && p->colour[i][1] == p->colour[i][2];
    }
    p->image.format = grey ? AD_PIXEL_MONO8 : AD_PIXEL_RGB8;
    return AD_OK;
}

static ad_status prepare(painter *p)
{
    const adi_tiff_session *s = p->session;
    ADI_TRY(check_samples(s));
    const bool rgb = s->photometric == PHOTOMETRIC_RGB;
    p->apart = s->planar == PLANARCONFIG_SEPARATE && s->samples > 1;
    p->invert = s->photometric == PHOTOMETRIC_MINISWHITE;
    p->palette = s->photometric == PHOTOMETRIC_PALETTE;
    p->image.format = rgb ? AD_PIXEL_RGB8 : s->bits == 16 ? AD_PIXEL_MONO16 : AD_PIXEL_MONO8;
    ADI_TRY(find_alpha(p, rgb ? 3 : 1));
    return p->palette ? read_palette(p) : AD_OK;
}

/* Take the orientation from the file, and find the significant bits of grey. */
static ad_status settle(const painter *p)
{
    const adi_image_source *source = p->session->source;
    adi_notes unread = {0}, *notes = source->notes ? source->notes : &unread;
    uint16_t orientation = 1;
    TIFFGetFieldDefaulted(p->session->tiff, TIFFTAG_ORIENTATION, &orientation);
    notes->facts.orientation = adi_orientation_checked(orientation);
    if (p->image.format != AD_PIXEL_MONO16)
        return AD_OK;
    return adi_bits_settle((uint16_t *)(uintptr_t)p->image.pixels,
                           (size_t)(p->image.width * p->image.height),
                           source->options->significant_bits, 0, &notes->facts);
}

static ad_status decode(adi_tiff_session *s, ad_image *out_image)
{
    painter p = {.session = s};
    ADI_TRY(prepare(&p));
    ADI_TRY(adi_image_alloc(s->source->allocator, p.image.format, s->width, s->height, &p.image));
    ad_status status = adi_tiff_read(s, 0, s->photometric == PHOTOMETRIC_RGB ? 3 : 1, paint, &p);
    if (status == AD_OK)
        status = settle(&p);
    if (status == AD_OK)
        *out_image = p.image;
    else
        adi_image_free(&p.image);
    return status;
}

ad_status adi_decode_tiff(const adi_image_source *source, ad_image *out_image)
{
    adi_tiff_session session;
    ad_status status = adi_tiff_open(&session, source);
    if (status == AD_OK)
        status = decode(&session, out_image);
    adi_tiff_close(&session);
    return status;
}

#endif
