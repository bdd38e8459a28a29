/* A 64-bit identity of bytes: zlib's CRC-32 and Adler-32 side by side. It tells apart what was
 * mixed up by accident; it is no protection against somebody who wants two things to look alike. */
#ifndef ADI_CORE_DIGEST_H
#define ADI_CORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define ADI_DIGEST_START ((uint64_t)1) /* CRC-32 begins at 0, Adler-32 at 1 */

void adi_digest_bytes(uint64_t *digest, const void *bytes, size_t size);
/* The same where the CRC-32 of these bytes alone is known: half the work. */
void adi_digest_known(uint64_t *digest, uint32_t crc, const void *bytes, size_t size);

#endif
