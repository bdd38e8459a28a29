/* Pictures of every kind that the decoders know, tiny, and image views. See make_corpus.c. */
#include <setjmp.h>
#include <stdio.h> /* for jpeglib.h, which lacks it */

#include <jpeglib.h>
#include <png.h>

#include "harness/seeded.h"
#include "make_corpus.h"

enum { W = 13, H = 9 };

typedef struct memory {
    uint8_t bytes[8192];
    size_t size;
} memory;

static void on_png_write(png_structp png, png_bytep from, size_t count)
{
    memory *m = png_get_io_ptr(png);
    MUST(count > sizeof m->bytes - m->size);
    memcpy(m->bytes + m->size, from, count);
    m->size += count;
}

static void on_png_flush(png_structp png)
{
    (void)png;
}

static void make_png(const char *name, int color, int depth, int interlace, int transparent)
{
    static memory m;
    m.size = 0;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    MUST(!png || !info || setjmp(png_jmpbuf(png)));
    png_set_write_fn(png, &m, on_png_write, on_png_flush);
    png_set_IHDR(png, info, W, H, depth, color, interlace, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (color == PNG_COLOR_TYPE_PALETTE) {
        png_color palette[16];
        for (int i = 0; i < 16; i++)
            palette[i] = (png_color){(png_byte)(i * 16), (png_byte)(255 - i), (png_byte)(i * i)};
        png_set_PLTE(png, info, palette, depth < 4 ? 1 << depth : 16);
    }
    static const png_byte alpha[2] = {0, 128};
    static const png_color_16 clear = {.gray = 1, .red = 1, .green = 2, .blue = 3};
    if (transparent)
        png_set_tRNS(png, info, alpha, color == PNG_COLOR_TYPE_PALETTE ? 2 : 0, &clear);
    png_set_gAMA(png, info, 0.45);
    png_write_info(png, info);
    static png_byte rows[H][W * 8];
    png_bytep pointers[H];
    for (int y = 0; y < H; y++) {
        pointers[y] = rows[y];
        for (int i = 0; i < W * 8; i++)
            rows[y][i] = (png_byte)(depth == 8 && color == PNG_COLOR_TYPE_PALETTE ? (y + i) % 16
                                                                                  : 5 * y + i);
    }
    png_write_image(png, pointers);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    put("decode", name, 0, m.bytes, m.size);
    if (color == PNG_COLOR_TYPE_GRAY && depth >= 8)
        put("depth", name, 1, m.bytes, m.size);
    if (interlace || (depth == 8 && color == PNG_COLOR_TYPE_RGB)) {
        put_broken("decode", name, 2, m.bytes, m.size);
        put("image", name, 1, m.bytes, m.size);
    }
}

typedef struct jpeg_kind {
    const char *name;
    int components, from, to, sampling, progressive, arithmetic, restart;
} jpeg_kind;

static void make_jpeg(const jpeg_kind *kind)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &bytes, &size);
    c.image_width = 19;
    c.image_height = 17;
    c.input_components = kind->components;
    c.in_color_space = (J_COLOR_SPACE)kind->from;
    jpeg_set_defaults(&c);
    jpeg_set_colorspace(&c, (J_COLOR_SPACE)kind->to);
    jpeg_set_quality(&c, 50, TRUE);
    c.comp_info[0].h_samp_factor = kind->sampling >> 4;
    c.comp_info[0].v_samp_factor = kind->sampling & 15;
    c.arith_code = kind->arithmetic;
    c.restart_interval = (unsigned)kind->restart;
    c.optimize_coding = !kind->arithmetic;
    if (kind->progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPLE row[4 * 19];
        for (unsigned i = 0; i < sizeof row; i++)
            row[i] = (JSAMPLE)(i * 3 + 40 * (c.next_scanline / 4));
        JSAMPROW rows = row;
        jpeg_write_scanlines(&c, &rows, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    put("decode", kind->name, 0, bytes, size);
    if (kind->progressive || kind->restart) {
        put_broken("decode", kind->name, 1, bytes, size);
        put("image", kind->name, 1, bytes, size);
    }
    free(bytes);
}

void make_pictures(void)
{
    static const jpeg_kind jpegs[] = {
        {"jpeg_grey", 1, JCS_GRAYSCALE, JCS_GRAYSCALE, 0x11, 0, 0, 0},
        {"jpeg_444", 3, JCS_RGB, JCS_YCbCr, 0x11, 0, 0, 0},
        {"jpeg_422", 3, JCS_RGB, JCS_YCbCr, 0x21, 0, 0, 0},
        {"jpeg_420_restart", 3, JCS_RGB, JCS_YCbCr, 0x22, 0, 0, 1},
        {"jpeg_rgb", 3, JCS_RGB, JCS_RGB, 0x11, 0, 0, 0},
        {"jpeg_progressive", 3, JCS_RGB, JCS_YCbCr, 0x22, 1, 0, 0},
        {"jpeg_arithmetic", 3, JCS_RGB, JCS_YCbCr, 0x22, 0, 1, 0},
        {"jpeg_arithmetic_progressive", 1, JCS_GRAYSCALE, JCS_GRAYSCALE, 0x11, 1, 1, 0},
        {"jpeg_cmyk", 4, JCS_CMYK, JCS_CMYK, 0x11, 0, 0, 0},
        {"jpeg_ycck", 4, JCS_CMYK, JCS_YCCK, 0x11, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof jpegs / sizeof *jpegs; i++)
        make_jpeg(&jpegs[i]);
    static const struct {
        const char *name;
        int color, depths; /* the depths' bits set */
    } pngs[] = {{"grey", PNG_COLOR_TYPE_GRAY, 1 | 2 | 4 | 8 | 16},
                {"rgb", PNG_COLOR_TYPE_RGB, 8 | 16},
                {"palette", PNG_COLOR_TYPE_PALETTE, 1 | 2 | 4 | 8},
                {"grey_alpha", PNG_COLOR_TYPE_GRAY_ALPHA, 8 | 16},
                {"rgb_alpha", PNG_COLOR_TYPE_RGB_ALPHA, 8 | 16}};
    for (size_t i = 0; i < sizeof pngs / sizeof *pngs; i++)
        for (int depth = 1; depth <= 16; depth *= 2) {
            char name[64];
            if (!(pngs[i].depths & depth))
                continue;
            snprintf(name, sizeof name, "png_%s_%d", pngs[i].name, depth);
            make_png(name, pngs[i].color, depth, PNG_INTERLACE_NONE, 0);
            snprintf(name, sizeof name, "png_%s_%d_adam7", pngs[i].name, depth);
            if (depth == 8)
                make_png(name, pngs[i].color, depth, PNG_INTERLACE_ADAM7,
                         !(pngs[i].color & PNG_COLOR_MASK_ALPHA));
        }
    static const char *const others[][2] = {{"gif", "GIF89a\1\0\1\0"},
                                            {"text", "P6\n2 2\n255\n"},
                                            {"zeros", ""},
                                            {"webp", "RIFF1234WEBPVP8 "}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        put("decode", others[i][0], 0, others[i][1], i == 2 ? 0 : 10 + 6 * (i == 3));
}

/* ---- Views ---- */

void make_views(void)
{
    static const int16_t sides[][2] = {{1, 1},   {7, 5}, {300, 2}, {1, 200},
                                       {64, 48}, {0, 3}, {-9, 4}};
    for (int format = 0; format < 7; format++)
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
            uint8_t bytes[24 + 31] = {0};
            char name[32];
            const unsigned w = (uint16_t)sides[i][0], h = (uint16_t)sides[i][1];
            const unsigned size = 5 + 9 * (unsigned)i, crop = i % 2 ? size - 3 : 0;
            bytes[0] = (uint8_t)(format == 6 ? 255 : format);
            bytes[1] = (uint8_t)w;
            bytes[2] = (uint8_t)(w >> 8);
            bytes[3] = (uint8_t)h;
            bytes[4] = (uint8_t)(h >> 8);
            bytes[5] = (uint8_t)(i == 4 ? 66 : 2 * i);
            bytes[14] = (uint8_t)(1 + (unsigned)format % 3 + (i % 2 ? 10 : 5) + (i == 3 ? 140 : 0));
            bytes[15] = (uint8_t)size;
            bytes[17] = (uint8_t)crop;
            for (size_t k = 19; k < sizeof bytes; k++)
                bytes[k] = seeded_byte("view", k + 100 * i);
            snprintf(name, sizeof name, "view_%d_%zu", format, i);
            put("image", name, i == 1 ? 2 : 0, bytes, sizeof bytes);
        }
    static const uint8_t strides[][8] = {{0, 0, 0, 0, 0, 0, 0, 0x80},
                                         {255, 255, 255, 255, 255, 255, 255, 0x7f},
                                         {0, 0, 0, 0, 0, 0, 1, 0},
                                         {0, 1, 0, 0, 0, 0, 0, 0}};
    for (size_t i = 0; i < sizeof strides / sizeof *strides; i++) {
        uint8_t bytes[24] = {0, 3, 0, 4, 0, 128};
        char name[32];
        memcpy(bytes + 6, strides[i], 8);
        bytes[14] = 6;
        bytes[15] = 8;
        snprintf(name, sizeof name, "stride_%zu", i);
        put("image", name, 0, bytes, sizeof bytes);
    }
}
