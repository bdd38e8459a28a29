/* A 64-bit checksum of bytes. */
#include "core/digest.h"

#include <zlib.h>

void adi_digest_known(uint64_t *digest, uint32_t crc, const void *bytes, size_t size)
{
    const uLong before = (uLong)(*digest >> 32), adler = (uLong)(*digest & 0xffffffffu);
    *digest = (uint64_t)crc32_combine(before, crc, (z_off_t)size) << 32 |
              (uint64_t)adler32_z(adler, bytes, size);
}

void adi_digest_bytes(uint64_t *digest, const void *bytes, size_t size)
{
    uLong crc = (uLong)(*digest >> 32), adler = (uLong)(*digest & 0xffffffffu);
    for (const Bytef *p = bytes; size;) { /* zlib counts in uInt */
        const uInt n = size > (1u << 30) ? 1u << 30 : (uInt)size;
        crc = crc32(crc, p, n);
        adler = adler32(adler, p, n);
        p += n;
        size -= n;
    }
    *digest = (uint64_t)crc << 32 | (uint64_t)adler;
}
