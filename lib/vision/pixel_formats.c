/* The table of pixel formats: a new one is a line here and a name in the header's enum. */
#include "vision/pixel_formats.h"

#include <stddef.h>

static const adi_pixel_format formats[] = {
    {AD_PIXEL_MONO8, "Mono8", 1, 8},
    {AD_PIXEL_MONO10, "Mono10", 2, 10},
    {AD_PIXEL_MONO12, "Mono12", 2, 12},
    {AD_PIXEL_MONO14, "Mono14", 2, 14},
    {AD_PIXEL_MONO16, "Mono16", 2, 16},
    {AD_PIXEL_MONO10P, "Mono10p", 0, 10},
    {AD_PIXEL_MONO12P, "Mono12p", 0, 12},
    {AD_PIXEL_MONO10_PACKED, "Mono10Packed", 0, 10},
    {AD_PIXEL_MONO12_PACKED, "Mono12Packed", 0, 12},
    {AD_PIXEL_RGB8, "RGB8", 3, 0},
    {AD_PIXEL_BGR8, "BGR8", 3, 0},
    {AD_PIXEL_RGBA8, "RGBa8", 4, 0},
    {AD_PIXEL_BGRA8, "BGRa8", 4, 0},
};

static const char taken[] = "Mono8, Mono10, Mono12, Mono14, Mono16, Mono10p, Mono12p, "
                            "Mono10Packed, Mono12Packed, RGB8, BGR8, "
                            "RGBa8 and BGRa8";

/* Other formats that machine vision cameras deliver. */
static const struct {
    uint32_t code;
    const char *name;
} others[] = {
    {0x01010037, "Mono1p"},
    {0x01020038, "Mono2p"},
    {0x01040039, "Mono4p"},
    {0x01080002, "Mono8s"},
    {0x010E0104, "Mono14p"},
    {0x01200111, "Mono32"},
    {0x01080008, "BayerGR8"},
    {0x01080009, "BayerRG8"},
    {0x0108000A, "BayerGB8"},
    {0x0108000B, "BayerBG8"},
    {0x0110000C, "BayerGR10"},
    {0x0110000D, "BayerRG10"},
    {0x0110000E, "BayerGB10"},
    {0x0110000F, "BayerBG10"},
    {0x01100010, "BayerGR12"},
    {0x01100011, "BayerRG12"},
    {0x01100012, "BayerGB12"},
    {0x01100013, "BayerBG12"},
    {0x0110002E, "BayerGR16"},
    {0x0110002F, "BayerRG16"},
    {0x01100030, "BayerGB16"},
    {0x01100031, "BayerBG16"},
    {0x010A0056, "BayerGR10p"},
    {0x010A0058, "BayerRG10p"},
    {0x010A0054, "BayerGB10p"},
    {0x010A0052, "BayerBG10p"},
    {0x010C0057, "BayerGR12p"},
    {0x010C0059, "BayerRG12p"},
    {0x010C0055, "BayerGB12p"},
    {0x010C0053, "BayerBG12p"},
    {0x010C0026, "BayerGR10Packed"},
    {0x010C0027, "BayerRG10Packed"},
    {0x010C0028, "BayerGB10Packed"},
    {0x010C0029, "BayerBG10Packed"},
    {0x010C002A, "BayerGR12Packed"},
    {0x010C002B, "BayerRG12Packed"},
    {0x010C002C, "BayerGB12Packed"},
    {0x010C002D, "BayerBG12Packed"},
    {0x02180021, "RGB8_Planar"},
    {0x02300018, "RGB10"},
    {0x0230001A, "RGB12"},
    {0x02300033, "RGB16"},
    {0x02300022, "RGB10_Planar"},
    {0x02300023, "RGB12_Planar"},
    {0x02300024, "RGB16_Planar"},
    {0x02300019, "BGR10"},
    {0x0230001B, "BGR12"},
    {0x0230004A, "BGR14"},
    {0x0230004B, "BGR16"},
    {0x021E005C, "RGB10p"},
    {0x0224005D, "RGB12p"},
    {0x021E0048, "BGR10p"},
    {0x02240049, "BGR12p"},
    {0x0220001D, "RGB10p32"},
    {0x0220001C, "RGB10V1Packed"},
    {0x02240034, "RGB12V1Packed"},
    {0x02100035, "RGB565p"},
    {0x02100036, "BGR565p"},
    {0x02100032, "YUV422_8"},
    {0x0210001F, "YUV422_8_UYVY"},
    {0x020C001E, "YUV411_8_UYYVYY"},
    {0x02180020, "YUV8_UYV"},
    {0x0218005B, "YCbCr8"},
    {0x0218003A, "YCbCr8_CbYCr"},
    {0x0210003B, "YCbCr422_8"},
    {0x02100043, "YCbCr422_8_CbYCrY"},
    {0x020C003C, "YCbCr411_8_CbYYCrYY"},
    {0x026000C0, "Coord3D_ABC32f"},
    {0x011000B8, "Coord3D_C16"},
    {0x012000BF, "Coord3D_C32f"},
};

const adi_pixel_format *adi_pixel_format_find(uint32_t code)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].code == code)
            return &formats[i];
    return NULL;
}

const char *adi_pixel_format_other(uint32_t code)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].code == code)
            return others[i].name;
    return NULL;
}

const char *adi_pixel_formats_taken(void)
{
    return taken;
}

int64_t adi_pixel_row_bytes(const adi_pixel_format *format, int64_t width)
{
    return format->bytes ? width * format->bytes : (width * (format->code >> 16 & 0xff) + 7) / 8;
}

static void wide_row(uint16_t *out, const uint8_t *row, int64_t x0, int64_t n, int32_t bits)
{
    const uint16_t *in = (const uint16_t *)(const void *)row + x0;
    const uint16_t most = (uint16_t)((1u << bits) - 1);
    for (int64_t i = 0; i < n; i++)
        out[i] = (uint16_t)((in[i] < most ? in[i] : most) << (16 - bits));
}

/* PFNC's "p": pixel i has bits i * n .. i * n + n - 1 of the row, counted from the lowest bit of
 * its first byte. A pixel of 9 to 16 bits that begins at an even bit lies in two bytes. */
static void packed_row(uint16_t *out, const uint8_t *row, int64_t x0, int64_t n, int32_t bits)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t bit = (x0 + i) * bits;
        const uint8_t *at = row + bit / 8;
        const uint32_t two = at[0] | (uint32_t)at[1] << 8;
        out[i] = (uint16_t)(two >> bit % 8 << (16 - bits));
    }
}

/* GigE Vision's "Packed": two pixels in three bytes, the upper eight bits of each in a byte of its
 * own, and the rest of both, the first one's lower, in the byte between. */
static void gige_row(uint16_t *out, const uint8_t *row, int64_t x0, int64_t n, int32_t bits)
{
    const uint32_t rest = (1u << (bits - 8)) - 1;
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *three = row + (x0 + i) / 2 * 3;
        const int second = (x0 + i) % 2;
        const uint32_t low = (uint32_t)three[1] >> 4 * second & rest;
        out[i] = (uint16_t)((uint32_t)three[second ? 2 : 0] << 8 | low << (16 - bits));
    }
}

void adi_grey16_row(uint16_t *out, const adi_pixel_format *format, const uint8_t *row, int64_t x0,
                    int64_t x1)
{
    const int64_t n = x1 - x0;
    switch (format->code) {
    case AD_PIXEL_MONO8:
        for (int64_t i = 0; i < n; i++)
            out[i] = (uint16_t)(row[x0 + i] << 8);
        break;
    case AD_PIXEL_MONO10P:
    case AD_PIXEL_MONO12P:
        packed_row(out, row, x0, n, format->grey);
        break;
    case AD_PIXEL_MONO10_PACKED:
    case AD_PIXEL_MONO12_PACKED:
        gige_row(out, row, x0, n, format->grey);
        break;
    default:
        wide_row(out, row, x0, n, format->grey);
    }
}
