/* Sorting scores: floats as unsigned integers of the same order, and an LSD radix sort over
 * bytes. */
#include <string.h>

#include "stats/radix.h"

enum { DIGIT_BITS = 8, DIGITS = 4, BUCKETS = 1 << DIGIT_BITS };

/* Negative floats grow with falling bits: all their bits are turned; of the others only the
 * sign. */
uint32_t adi_key_of_float(float value)
{
    uint32_t bits;
    value += 0.0f; /* -0 + 0 is +0 */
    memcpy(&bits, &value, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

float adi_float_of_key(uint32_t key)
{
    const uint32_t bits = key >> 31 ? key & 0x7FFFFFFFu : ~key;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Turn counts into the first place of each bucket. False where one bucket holds everything: then
 * the pass would change nothing. */
static int places_of_counts(size_t counts[BUCKETS], size_t count)
{
    size_t place = 0;
    for (int b = 0; b < BUCKETS; b++) {
        const size_t n = counts[b];
        if (n == count)
            return 0;
        counts[b] = place;
        place += n;
    }
    return 1;
}

void adi_sort_keys(uint32_t *keys, uint32_t *tmp, size_t count)
{
    size_t counts[DIGITS][BUCKETS] = {{0}};
    for (size_t i = 0; i < count; i++)
        for (int d = 0; d < DIGITS; d++)
            counts[d][keys[i] >> d * DIGIT_BITS & (BUCKETS - 1)]++;
    uint32_t *from = keys;
    uint32_t *to = tmp;
    for (int d = 0; d < DIGITS; d++) {
        if (!places_of_counts(counts[d], count))
            continue;
        for (size_t i = 0; i < count; i++)
            to[counts[d][from[i] >> d * DIGIT_BITS & (BUCKETS - 1)]++] = from[i];
        uint32_t *const swapped = from;
        from = to;
        to = swapped;
    }
    if (from != keys)
        memcpy(keys, from, count * sizeof *keys);
}

void adi_sort_pairs(uint64_t *pairs, uint64_t *tmp, size_t count)
{
    size_t counts[DIGITS][BUCKETS] = {{0}};
    for (size_t i = 0; i < count; i++)
        for (int d = 0; d < DIGITS; d++)
            counts[d][pairs[i] >> (32 + d * DIGIT_BITS) & (BUCKETS - 1)]++;
    uint64_t *from = pairs;
    uint64_t *to = tmp;
    for (int d = 0; d < DIGITS; d++) {
        if (!places_of_counts(counts[d], count))
            continue;
        for (size_t i = 0; i < count; i++)
            to[counts[d][from[i] >> (32 + d * DIGIT_BITS) & (BUCKETS - 1)]++] = from[i];
        uint64_t *const swapped = from;
        from = to;
        to = swapped;
    }
    if (from != pairs)
        memcpy(pairs, from, count * sizeof *pairs);
}
