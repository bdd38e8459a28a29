/* vision/pixel_formats.c: samples of every grey format at their place in 16 bits. Packed rows are made bit by bit from
 * the layouts that PFNC and GigE Vision draw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adfeat.h"
#include "harness/seeded.h"
#include "vision/pixel_formats.h"

enum { MOST = 70 };

static void set_bit(uint8_t *row, int bit, int value)
{
    row[bit / 8] = (uint8_t)(row[bit / 8] | value << bit % 8);
}

/* Where bit b (0: the lowest) of pixel x lies in the row, counted from the lowest bit of the first byte. */
static int place(uint32_t format, int x, int b)
{
    const int odd = x % 2, three = x / 2 * 24;
    switch (format) {
    case AD_PIXEL_MONO10P:
        return 10 * x + b;
    case AD_PIXEL_MONO12P:
        return 12 * x + b;
    case AD_PIXEL_MONO10_PACKED: /* P0: 9..2 | P1: 1 0 in bits 5 4, P0: 1 0 in bits 1 0 | P1: 9..2 */
        return three + (b >= 2 ? 16 * odd + b - 2 : 8 + 4 * odd + b);
    case AD_PIXEL_MONO12_PACKED: /* P0: 11..4 | P1: 3..0, P0: 3..0 | P1: 11..4 */
        return three + (b >= 4 ? 16 * odd + b - 4 : 8 + 4 * odd + b);
    default:
        return 16 * x + b; /* on a little-endian machine */
    }
}

static void at_their_place(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        int bits, pixel_bits;
    } cases[] = {{AD_PIXEL_MONO10, 10, 16},  {AD_PIXEL_MONO12, 12, 16},  {AD_PIXEL_MONO14, 14, 16},
                 {AD_PIXEL_MONO16, 16, 16},  {AD_PIXEL_MONO10P, 10, 10}, {AD_PIXEL_MONO12P, 12, 12},
                 {AD_PIXEL_MONO10_PACKED, 10, 12}, {AD_PIXEL_MONO12_PACKED, 12, 12}};
    const uint16_t one = 1;
    if (!*(const uint8_t *)&one)
        skip();
    for (int i = 0; i < 8; i++)
        for (int w = 1; w < MOST; w++) {
            const adi_pixel_format *format = adi_pixel_format_find(cases[i].code);
            assert_int_equal(format->grey, cases[i].bits);
            const size_t bytes = (size_t)adi_pixel_row_bytes(format, w);
            assert_int_equal(bytes, (w * cases[i].pixel_bits + 7) / 8);
            uint8_t *row = calloc(bytes, 1); /* of exactly that size: a byte too many is seen */
            uint16_t values[MOST], out[MOST];
            for (int x = 0; x < w; x++) {
                values[x] = (uint16_t)((seeded_byte("a", (uint64_t)x) << 8 | seeded_byte("b", (uint64_t)x))
                                       & ((1 << cases[i].bits) - 1));
                for (int b = 0; b < cases[i].bits; b++)
                    set_bit(row, place(cases[i].code, x, b), values[x] >> b & 1);
            }
            for (int x0 = 0; x0 < w; x0 += 1 + w / 5) {
                adi_grey16_row(out, format, row, x0, w);
                for (int x = x0; x < w; x++)
                    assert_int_equal(out[x - x0], values[x] << (16 - cases[i].bits));
            }
            free(row);
        }
}

static void beyond_the_largest(void **state)
{
    (void)state;
    const uint16_t row[] = {0, 4095, 4096, 65535};
    uint16_t out[4];
    adi_grey16_row(out, adi_pixel_format_find(AD_PIXEL_MONO12), (const uint8_t *)row, 0, 4);
    assert_int_equal(out[0], 0);
    for (int i = 1; i < 4; i++)
        assert_int_equal(out[i], 4095 << 4);
}

static void names(void **state)
{
    (void)state;
    static const uint32_t all[] = {AD_PIXEL_MONO8, AD_PIXEL_MONO10, AD_PIXEL_MONO12, AD_PIXEL_MONO14, AD_PIXEL_MONO16,
                                   AD_PIXEL_MONO10P, AD_PIXEL_MONO12P, AD_PIXEL_MONO10_PACKED, AD_PIXEL_MONO12_PACKED,
                                   AD_PIXEL_RGB8, AD_PIXEL_BGR8, AD_PIXEL_RGBA8, AD_PIXEL_BGRA8};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const adi_pixel_format *format = adi_pixel_format_find(all[i]);
        assert_non_null(format);
        assert_non_null(strstr(adi_pixel_formats_taken(), format->name));
        assert_null(adi_pixel_format_other(all[i]));
        if (format->bytes) /* PFNC codes hold the bits of a pixel themselves */
            assert_int_equal(all[i] >> 16 & 0xff, 8 * format->bytes);
    }
    assert_null(adi_pixel_format_find(0x01080009));
    assert_string_equal(adi_pixel_format_other(0x01080009), "BayerRG8");
    assert_string_equal(adi_pixel_format_other(0x02100032), "YUV422_8");
    assert_string_equal(adi_pixel_format_other(0x0210001F), "YUV422_8_UYVY");
    assert_string_equal(adi_pixel_format_other(0x02180021), "RGB8_Planar");
    assert_null(adi_pixel_format_other(7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_their_place),
        cmocka_unit_test(beyond_the_largest),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
