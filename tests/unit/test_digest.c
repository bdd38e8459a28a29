/* core/digest.c: an identity of bytes does not depend on how they come, in pieces or with their CRC-32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>

#include "core/digest.h"
#include "harness/seeded.h"

enum { BYTES = 100000 };

static void pieces_and_checksums(void **state)
{
    (void)state;
    static uint8_t bytes[BYTES];
    uint64_t whole = ADI_DIGEST_START, known = ADI_DIGEST_START;
    for (uint64_t i = 0; i < BYTES; i++)
        bytes[i] = seeded_byte("digest", i);
    adi_digest_bytes(&whole, bytes, BYTES);
    for (size_t i = 0, at = 0; at < BYTES; i++) {
        size_t n = i % 7 ? (size_t)seeded_byte("pieces", i) * 9 : 0;
        n = n < BYTES - at ? n : BYTES - at;
        adi_digest_known(&known, (uint32_t)crc32_z(0, bytes + at, n), bytes + at, n);
        at += n;
    }
    assert_true(whole == known);
    /* zlib's own words for it */
    assert_true(whole == ((uint64_t)crc32_z(0, bytes, BYTES) << 32 | adler32_z(1, bytes, BYTES)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pieces_and_checksums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
