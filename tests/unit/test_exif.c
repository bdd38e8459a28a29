/* vision/exif.c: the one tag that is looked for, in both byte orders, and everything that can be wrong with it. The
 * layouts are written out by hand from TIFF 6.0, section 2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vision/reading.h"

/* From a block of exactly that size, so that the sanitizer sees a byte too many. */
static int32_t parse(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    const int32_t found = adi_exif_orientation(copy, size);
    free(copy);
    return found;
}

#define LITTLE(type, count, value) \
    "II*\0" "\x08\0\0\0" "\x02\0" "\x0f\x01" "\x02\0" "\x03\0\0\0" "ab\0\0" "\x12\x01" type "\0" count "\0\0\0" value
#define BIG(type, count, value) \
    "MM\0*" "\0\0\0\x08" "\0\x02" "\x01\x0f" "\0\x02" "\0\0\0\x03" "ab\0\0" "\x01\x12" "\0" type "\0\0\0" count value

static void both_byte_orders(void **state)
{
    (void)state;
    for (int v = 1; v <= 8; v++) {
        char little[] = LITTLE("\x03", "\x01", "\0\0\0\0"), big[] = BIG("\x03", "\x01", "\0\0\0\0");
        little[30] = (char)v;
        big[31] = (char)v;
        assert_int_equal(parse(little, sizeof little - 1), v);
        assert_int_equal(parse(big, sizeof big - 1), v);
        char prefixed[6 + sizeof big] = "Exif\0";
        memcpy(prefixed + 6, big, sizeof big);
        assert_int_equal(parse(prefixed, sizeof prefixed - 1), v);
        for (size_t cut = 0; cut < sizeof little - 1; cut++) /* of every length: no tag, no byte beyond the end */
            assert_int_equal(parse(little, cut), 1);
    }
}

static void other_types(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int32_t expected;
    } cases[] = {
        {LITTLE("\x04", "\x01", "\x06\0\0\0"), 6}, /* LONG */
        {BIG("\x04", "\x01", "\0\0\0\x06"), 6},
        {LITTLE("\x01", "\x01", "\x06\0\0\0"), 6}, /* BYTE */
        {BIG("\x01", "\x01", "\x06\0\0\0"), 6},
        {LITTLE("\x03", "\x01", "\0\0\0\0"), 1}, /* 0, 9, 256 and more are no orientation */
        {LITTLE("\x03", "\x01", "\x09\0\0\0"), 1},
        {LITTLE("\x03", "\x01", "\x06\x01\0\0"), 1},
        {BIG("\x03", "\x01", "\x06\0\0\0"), 1},
        {LITTLE("\x04", "\x01", "\x06\0\x01\0"), 1},
        {BIG("\x04", "\x01", "\xff\0\0\x06"), 1},
        {LITTLE("\x03", "\x02", "\x06\0\x06\0"), 1}, /* two values, none, another type, no type */
        {LITTLE("\x03", "\0", "\x06\0\0\0"), 1},
        {LITTLE("\x02", "\x01", "\x06\0\0\0"), 1},
        {LITTLE("\x0c", "\x01", "\x06\0\0\0"), 1},
        {LITTLE("\0", "\x01", "\x06\0\0\0"), 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(parse(cases[i].bytes, 34), cases[i].expected);
}

static void damage(void **state)
{
    (void)state;
    char good[] = LITTLE("\x03", "\x01", "\x06\0\0\0");
    assert_int_equal(parse(good, sizeof good - 1), 6);
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 'X'}, {1, 'M'}, {2, '+'}, {4, 0xff}, {7, 0x7f}, {7, 0xff}, {4, 0}, {4, 33}, {8, 0}, {8, 1}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char bad[sizeof good];
        memcpy(bad, good, sizeof good);
        bad[changes[i].at] = (char)changes[i].value;
        assert_int_equal(parse(bad, sizeof bad - 1), 1);
    }
    good[9] = (char)0xff; /* more entries than there are bytes: those that are there are read */
    assert_int_equal(parse(good, sizeof good - 1), 6);
    assert_int_equal(parse("", 0), 1);
    assert_int_equal(parse("Exif\0", 6), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_byte_orders),
        cmocka_unit_test(other_types),
        cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
