/* Pillow's sums of bytes; a part of isa_vector_cpu.h. Integers: the order of the terms does not
 * matter. */

typedef uint32_t uvec __attribute__((vector_size(4 * VECTOR_FLOATS)));

enum {
    PIXELS = VECTOR_FLOATS / 4, /* of three bytes, in four lanes each */
    GREYS = 4,                  /* most rows have few taps */
    SUMS = ADI_RESAMPLE_BLOCK / VECTOR_FLOATS
};

/* Load bytes to lanes, RGB pixels to four lanes each with the last unused, and a weight for each
 * pixel. By intrinsics: compilers turn __builtin_convertvector into single bytes. */
#if VECTOR_FLOATS == 16
INLINE uvec widen(const uint8_t *p)
{
    return (uvec)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i_u *)(const void *)p));
}

INLINE uvec spread(const uint8_t *p)
{
    const __m128i places = _mm_setr_epi8(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
    return (uvec)_mm512_cvtepu8_epi32(
        _mm_shuffle_epi8(_mm_loadu_si128((const __m128i_u *)(const void *)p), places));
}

INLINE uvec repeat(const int32_t *w)
{
    const __m512i places = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m128i four = _mm_loadu_si128((const __m128i_u *)(const void *)w);
    return (uvec)_mm512_permutexvar_epi32(places, _mm512_castsi128_si512(four));
}
#elif VECTOR_FLOATS == 8
INLINE uvec widen(const uint8_t *p)
{
    return (uvec)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)(const void *)p));
}

INLINE uvec spread(const uint8_t *p)
{
    const __m128i places = _mm_setr_epi8(0, 1, 2, 2, 3, 4, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0);
    return (uvec)_mm256_cvtepu8_epi32(
        _mm_shuffle_epi8(_mm_loadl_epi64((const __m128i_u *)(const void *)p), places));
}

INLINE uvec repeat(const int32_t *w)
{
    const __m256i places = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    const __m128i two = _mm_loadl_epi64((const __m128i_u *)(const void *)w);
    return (uvec)_mm256_permutevar8x32_epi32(_mm256_castsi128_si256(two), places);
}
#else
INLINE uvec widen(const uint8_t *p)
{
    return (uvec){p[0], p[1], p[2], p[3]};
}
#endif

INLINE uint8_t clip_one(uint32_t sum)
{
    const int32_t v = (int32_t)(sum + (1u << (ADI_RESAMPLE_BITS - 1))) >> ADI_RESAMPLE_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

#if VECTOR_FLOATS > 4
INLINE __m128i round_sums(__m128i sum)
{
    return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << (ADI_RESAMPLE_BITS - 1))),
                          ADI_RESAMPLE_BITS);
}

INLINE void clip_pixel(uint8_t *out, uvec sum)
{
#if VECTOR_FLOATS == 16
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256((__m512i)sum),
                                          _mm512_extracti64x4_epi64((__m512i)sum, 1));
#else
    const __m256i half = (__m256i)sum;
#endif
    const __m128i all =
        round_sums(_mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
    const __m128i words = _mm_packs_epi32(all, all); /* both clip */
    const uint32_t three = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    memcpy(out, &three, 3);
}

INLINE void clip_all(uint8_t *out, uvec sum)
{
#if VECTOR_FLOATS == 16
    const __m512i half = _mm512_set1_epi32(1 << (ADI_RESAMPLE_BITS - 1));
    const __m512i v = _mm512_srai_epi32(_mm512_add_epi32((__m512i)sum, half), ADI_RESAMPLE_BITS);
    const __m128i b = _mm512_cvtusepi32_epi8(_mm512_max_epi32(v, _mm512_setzero_si512()));
    memcpy(out, &b, 16);
#else
    const __m128i low = round_sums(_mm256_castsi256_si128((__m256i)sum));
    const __m128i high = round_sums(_mm256_extracti128_si256((__m256i)sum, 1));
    const __m128i words = _mm_packs_epi32(low, high), b = _mm_packus_epi16(words, words);
    memcpy(out, &b, 8);
#endif
}

INLINE void resample_pixel(uint8_t *out, const uint8_t *from, const int32_t *weight, int64_t count)
{
    uvec sum = {0};
    for (int64_t k = 0; k < count; k += PIXELS)
        sum += spread(from + 3 * k) * repeat(weight + k);
    clip_pixel(out, sum);
}

INLINE uint8_t resample_grey(const uint8_t *from, const int32_t *weight, int64_t count)
{
    __m128i sum = _mm_setzero_si128();
    for (int64_t k = 0; k < count; k += GREYS) {
        int32_t four;
        memcpy(&four, from + k, sizeof four);
        const __m128i w = _mm_loadu_si128((const __m128i_u *)(const void *)(weight + k));
        sum = _mm_add_epi32(sum, _mm_mullo_epi32(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)), w));
    }
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    return clip_one((uint32_t)_mm_cvtsi128_si32(sum));
}
#else
INLINE void clip_all(uint8_t *out, uvec sum)
{
    for (int i = 0; i < VECTOR_FLOATS; i++)
        out[i] = clip_one(sum[i]);
}

INLINE void resample_pixel(uint8_t *out, const uint8_t *from, const int32_t *weight, int64_t count)
{
    uint32_t r = 0, g = 0, b = 0;
    for (int64_t k = 0; k < count; k++) {
        const uint32_t w = (uint32_t)weight[k];
        r += from[3 * k] * w;
        g += from[3 * k + 1] * w;
        b += from[3 * k + 2] * w;
    }
    out[0] = clip_one(r);
    out[1] = clip_one(g);
    out[2] = clip_one(b);
}

INLINE uint8_t resample_grey(const uint8_t *from, const int32_t *weight, int64_t count)
{
    uint32_t sum = 0;
    for (int64_t k = 0; k < count; k++)
        sum += from[k] * (uint32_t)weight[k];
    return clip_one(sum);
}
#endif

/* Compute one output near the end of a row, where a vector would read past it. */
static void resample_one(uint8_t *out, const uint8_t *from, const int32_t *weight, int64_t count,
                         int64_t channels)
{
    for (int64_t c = 0; c < channels; c++) {
        uint32_t sum = 0;
        for (int64_t k = 0; k < count; k++)
            sum += from[k * channels + c] * (uint32_t)weight[k];
        out[c] = clip_one(sum);
    }
}

static void resample_row(uint8_t *out, const uint8_t *in, const adi_resample *a, int64_t n,
                         int64_t channels)
{
    const uint8_t *end = in + (a->last - a->first) * channels;
    /* samples at a time, and the bytes that are read for them */
    const int64_t step = channels == 3 ? PIXELS : GREYS;
    const int64_t reach = channels == 3 ? VECTOR_FLOATS : GREYS;
    for (int64_t o = 0; o < n; o++, out += channels) {
        const uint8_t *from = in + (a->start[o] - a->first) * channels;
        const int32_t *weight = a->weight + o * a->taps;
        const int64_t count = a->count[o], last = (count + step - 1) / step * step - step;
        if (end - from < last * channels + reach)
            resample_one(out, from, weight, count, channels);
        else if (channels == 3)
            resample_pixel(out, from, weight, count);
        else
            *out = resample_grey(from, weight, count);
    }
}

static void resample_rows(uint8_t *out, const adi_resample_ring *ring, int64_t start, int64_t count,
                          const int32_t *weight, int64_t n)
{
    for (int64_t x = 0; x < n; x += ADI_RESAMPLE_BLOCK) {
        uvec sum[SUMS] = {{0}};
        for (int64_t k = 0, row = start % ring->rows; k < count;
             k++, row = row + 1 < ring->rows ? row + 1 : 0) {
            const uint8_t *in = ring->bytes + row * ring->stride + x;
            UNROLL for (int i = 0; i < SUMS; i++)
                sum[i] += widen(in + i * VECTOR_FLOATS) * (uint32_t)weight[k];
        }
        UNROLL for (int i = 0; i < SUMS; i++)
            clip_all(out + x + i * VECTOR_FLOATS, sum[i]);
    }
}
