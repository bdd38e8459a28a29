/* A 64-bit checksum of bytes: zlib's CRC-32 and Adler-32 together. It detects accidental mix-ups,
 * not deliberate ones. */
#ifndef ADI_CORE_DIGEST_H
#define ADI_CORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define ADI_DIGEST_START ((uint64_t)1) /* CRC-32 begins at 0, Adler-32 at 1 */

void adi_digest_bytes(uint64_t *digest, const void *bytes, size_t size);
/* The same if the CRC-32 of these bytes is known already: half the work. */
void adi_digest_known(uint64_t *digest, uint32_t crc, const void *bytes, size_t size);

#endif
