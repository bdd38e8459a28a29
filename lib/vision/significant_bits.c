/* Cameras of 10, 12 and 14 bits save 16-bit files: some with the values as they are, in the lowest
 * bits, some shifted up. PNG's sBIT should state the significant bits of samples that were scaled
 * up (PNG 1.2, 4.2.6), but cameras also write it for values that were not. So the samples decide,
 * and a case that they do not decide is noted. */
#include "vision/reading.h"

enum {
    FEWEST_BITS = 8, /* a smaller sBIT is ignored: no camera has so few bits */
    DARK = 1 << 12   /* no sample above: the upper four bits are unused */
};

typedef struct survey {
    uint16_t largest, any; /* the largest sample, and the bitwise or of all */
} survey;

static survey look(const uint16_t *samples, size_t n)
{
    survey s = {0, 0};
    for (size_t i = 0; i < n; i++) {
        s.any |= samples[i];
        s.largest = samples[i] > s.largest ? samples[i] : s.largest;
    }
    return s;
}

static void shift_up(uint16_t *samples, size_t n, int32_t by)
{
    for (size_t i = 0; i < n; i++)
        samples[i] = (uint16_t)(samples[i] << by);
}

ad_status adi_bits_settle(uint16_t *samples, size_t n, int32_t said, int32_t stated,
                          adi_read_facts *facts)
{
    if (said == 16)
        return AD_OK;
    const survey s = look(samples, n);
    facts->largest = s.largest;
    if (said && s.largest >> said)
        return adi_fail(
            AD_ERR_FORMAT,
            "a sample is %u, beyond the %u of %d significant bits; 16 takes samples as they are",
            s.largest, (1u << said) - 1, said);
    if (said) {
        shift_up(samples, n, 16 - said);
        return AD_OK;
    }
    if (stated < FEWEST_BITS || stated >= 16) {
        facts->bits_note = s.largest && s.largest < DARK ? ADI_BITS_DARK : ADI_BITS_PLAIN;
        return AD_OK;
    }
    facts->stated_bits = stated;
    const unsigned below =
        (1u << (16 - stated)) - 1; /* the low bits, which are 0 in samples that were shifted up */
    if (s.largest >> stated)
        return AD_OK;
    if (s.any & below)
        shift_up(samples, n, 16 - stated);
    else if (s.any)
        facts->bits_note = ADI_BITS_UNDECIDED;
    return AD_OK;
}
