/* Sorting floats by an LSD radix sort of integer keys. */
#ifndef ADI_STATS_RADIX_H
#define ADI_STATS_RADIX_H

#include <stddef.h>
#include <stdint.h>

/* A float as an unsigned integer of the same order (-0 made +0), and back. */
uint32_t adi_key_of_float(float value);
float adi_float_of_key(uint32_t key);
/* Ascending LSD radix sort; tmp holds `count` keys. */
void adi_sort_keys(uint32_t *keys, uint32_t *tmp, size_t count);
/* The same for key << 32 | anything, by the key; stable. */
void adi_sort_pairs(uint64_t *pairs, uint64_t *tmp, size_t count);

#endif
