/* BMP: 1, 2, 4 and 8 bits with a palette, 16 and 32 bits with masks, 24 bits; rows from bottom to
 * top or top to bottom. A palette of greys becomes MONO8, everything else RGB8; alpha is
 * dropped. */
#include "vision/image_kinds.h"
#include "vision/vision.h"

#include <string.h>

enum { FILE_HEADER = 14, CORE = 12, INFO = 40, OS2 = 64, V4 = 108, V5 = 124, MOST_BITS = 32 };
enum { RGB, RLE8, RLE4, BITFIELDS, EMBEDDED_JPEG, EMBEDDED_PNG, ALPHABITFIELDS };

/* One channel of a 16- or 32-bit pixel. */
typedef struct channel {
    uint32_t mask;
    int32_t shift;
    uint32_t most; /* the largest value */
} channel;

typedef struct bmp {
    const uint8_t *bytes;
    size_t size, offset; /* of the first row in the file */
    uint32_t header;     /* its size, which identifies its version */
    int64_t width, height, stride;
    bool top_down;
    uint32_t bits, compression, colours;
    uint8_t palette[256][3];
    bool grey; /* every colour of the palette is grey */
    channel channels[3];
} bmp;

static uint32_t u16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
    return u16(p) | u16(p + 2) << 16;
}

static ad_status cut(const bmp *b)
{
    return adi_fail(AD_ERR_FORMAT, "BMP: the file ends early, after %zu bytes", b->size);
}

static bool known_header(uint32_t size)
{
    return size == CORE || size == INFO || size == 52 || size == 56 || size == OS2 || size == V4 ||
           size == V5;
}

static ad_status read_header(bmp *b)
{
    if (b->size < FILE_HEADER + CORE)
        return cut(b);
    const uint8_t *h = b->bytes + FILE_HEADER;
    b->header = u32(h);
    b->offset = u32(b->bytes + 10);
    if (!known_header(b->header))
        return adi_fail(AD_ERR_FORMAT, "BMP: a header of %u bytes is not known", b->header);
    if (b->size < FILE_HEADER + b->header)
        return cut(b);
    if (b->header == CORE) {
        b->width = u16(h + 4);
        b->height = u16(h + 6);
        b->bits = u16(h + 10);
        return AD_OK;
    }
    const int32_t height = (int32_t)u32(h + 8);
    b->width = (int32_t)u32(h + 4);
    b->height = height < 0 ? -(int64_t)height : height;
    b->top_down = height < 0;
    b->bits = u16(h + 14);
    b->compression = u32(h + 16);
    b->colours = u32(h + 32);
    return AD_OK;
}

static ad_status check_compression(const bmp *b)
{
    static const char *const names[] = {"", "RLE8", "RLE4", "", "embedded JPEG", "embedded PNG"};
    const uint32_t c = b->compression;
    if (b->header == OS2 && c > RLE4)
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "BMP: compression %u of OS/2 is not read, only uncompressed pixels are", c);
    if (c == BITFIELDS || c == ALPHABITFIELDS) {
        if (b->bits != 16 && b->bits != 32)
            return adi_fail(AD_ERR_FORMAT,
                            "BMP: colour masks with %u bits a pixel, 16 and 32 are possible",
                            b->bits);
        return AD_OK;
    }
    if (c != RGB && c <= EMBEDDED_PNG)
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "BMP: compression %s is not read, only uncompressed pixels are", names[c]);
    if (c != RGB)
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "BMP: compression %u is not read, only uncompressed pixels are", c);
    return AD_OK;
}

static ad_status check_header(bmp *b, const adi_file_limits *limits)
{
    if (b->width < 1 || b->height < 1)
        return adi_fail(AD_ERR_FORMAT, "BMP: image is %lldx%lld", (long long)b->width,
                        (long long)b->height);
    ADI_TRY(adi_image_check_size("BMP", b->width, b->height, limits));
    ADI_TRY(check_compression(b));
    const uint32_t n = b->bits;
    if (n != 1 && n != 2 && n != 4 && n != 8 && n != 16 && n != 24 && n != 32)
        return adi_fail(AD_ERR_FORMAT,
                        "BMP: %u bits a pixel; 1, 2, 4, 8, 16, 24 and 32 are possible", n);
    /* The last row may lack its padding. */
    b->stride = (b->width * n + 31) / 32 * 4;
    const uint64_t needed =
        (uint64_t)b->stride * (uint64_t)(b->height - 1) + (uint64_t)(b->width * n + 7) / 8;
    if (b->offset < FILE_HEADER + b->header)
        return adi_fail(AD_ERR_FORMAT, "BMP: pixels would begin at byte %zu, inside the header",
                        b->offset);
    if (b->offset > b->size || needed > b->size - b->offset)
        return adi_fail(AD_ERR_FORMAT,
                        "BMP: %llu bytes of pixels from byte %zu do not fit a file of %zu",
                        (unsigned long long)needed, b->offset, b->size);
    return AD_OK;
}

/* Read as many colours as fit between header and pixels; more would be the pixels themselves. */
static void read_palette(bmp *b)
{
    const size_t entry = b->header == CORE ? 3 : 4, at = FILE_HEADER + b->header;
    const uint32_t all = 1u << b->bits;
    size_t n = b->colours && b->colours < all ? b->colours : all;
    if (n > (b->offset - at) / entry)
        n = (b->offset - at) / entry;
    b->grey = true;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = b->bytes + at + i * entry; /* blue, green, red */
        b->palette[i][0] = p[2];
        b->palette[i][1] = p[1];
        b->palette[i][2] = p[0];
        b->grey = b->grey && p[0] == p[1] && p[1] == p[2];
    }
    b->colours = (uint32_t)n;
}

static ad_status read_masks(bmp *b)
{
    static const uint32_t of_16[3] = {0x7c00, 0x03e0, 0x001f}, of_32[3] = {0xff0000, 0xff00, 0xff};
    const size_t at = FILE_HEADER + INFO; /* inside the larger headers, behind the smaller one */
    if (b->compression != RGB && b->offset < at + 12)
        return adi_fail(AD_ERR_FORMAT,
                        "BMP: pixels would begin at byte %zu, inside the colour masks", b->offset);
    uint32_t seen = 0;
    for (int c = 0; c < 3; c++) {
        channel *k = &b->channels[c];
        k->mask = b->compression != RGB ? u32(b->bytes + at + 4 * (size_t)c)
                  : b->bits == 16       ? of_16[c]
                                        : of_32[c];
        for (k->shift = 0; k->shift < MOST_BITS && !(k->mask >> k->shift & 1); k->shift++)
            ;
        k->most = k->shift < MOST_BITS ? k->mask >> k->shift : 0;
        if (!k->mask || k->most & (k->most + 1) || k->mask & seen ||
            (b->bits == 16 && k->mask > 0xffff))
            return adi_fail(AD_ERR_FORMAT, "BMP: colour mask 0x%08x is not possible", k->mask);
        seen |= k->mask;
    }
    return AD_OK;
}

static ad_status indexed_row(const bmp *b, const uint8_t *in, uint8_t *out)
{
    const uint32_t n = b->bits, mask = (1u << n) - 1;
    for (int64_t x = 0; x < b->width; x++) {
        const int64_t bit = x * n;
        const uint32_t index = in[bit / 8] >> (8 - n - bit % 8) & mask;
        if (index >= b->colours)
            return adi_fail(AD_ERR_FORMAT, "BMP: a pixel has colour %u of a palette of %u", index,
                            b->colours);
        memcpy(out, b->palette[index], b->grey ? 1 : 3);
        out += b->grey ? 1 : 3;
    }
    return AD_OK;
}

static void bgr_row(const bmp *b, const uint8_t *in, uint8_t *out)
{
    for (int64_t x = 0; x < b->width; x++, in += 3, out += 3) {
        out[0] = in[2];
        out[1] = in[1];
        out[2] = in[0];
    }
}

/* Scale fewer than 8 bits to 8 as Pillow does: v * 255 / most, rounded down. */
static void masked_row(const bmp *b, const uint8_t *in, uint8_t *out)
{
    const size_t bytes = b->bits / 8;
    for (int64_t x = 0; x < b->width; x++, in += bytes, out += 3) {
        const uint32_t pixel = bytes == 2 ? u16(in) : u32(in);
        for (int c = 0; c < 3; c++) {
            const channel *k = &b->channels[c];
            out[c] = (uint8_t)((uint64_t)((pixel & k->mask) >> k->shift) * 255 / k->most);
        }
    }
}

static ad_status read_rows(const bmp *b, const ad_image *image)
{
    for (int64_t y = 0; y < b->height; y++) {
        const int64_t row = b->top_down ? y : b->height - 1 - y;
        const uint8_t *in = b->bytes + b->offset + row * b->stride;
        uint8_t *out = (uint8_t *)image->pixels + y * image->row_bytes;
        if (b->bits <= 8)
            ADI_TRY(indexed_row(b, in, out));
        else if (b->bits == 24)
            bgr_row(b, in, out);
        else
            masked_row(b, in, out);
    }
    return AD_OK;
}

ad_status adi_decode_bmp(const adi_image_source *source, ad_image *out_image)
{
    bmp b = {.bytes = source->bytes, .size = source->size};
    ADI_TRY(read_header(&b));
    ADI_TRY(check_header(&b, source->limits));
    if (b.bits <= 8)
        read_palette(&b);
    else if (b.bits != 24)
        ADI_TRY(read_masks(&b));
    ad_image image = {0};
    ADI_TRY(adi_image_alloc(source->allocator, b.grey ? AD_PIXEL_MONO8 : AD_PIXEL_RGB8, b.width,
                            b.height, &image));
    const ad_status status = read_rows(&b, &image);
    if (status == AD_OK)
        *out_image = image;
    else
        adi_image_free(&image);
    return status;
}
