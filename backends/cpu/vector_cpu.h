/* Vectors of VECTOR_FLOATS floats, and the inner loop of every GEMM here. A part of
 * isa_vector_cpu.h. */

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define CHECKED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CHECKED
#endif

#ifdef CHECKED /* a sanitizer's checks make unrolled code enormous */
#define INLINE static inline
#define UNROLL
#else
#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#endif

enum {
    LANES = ADI_LANES,
    PARTS = LANES / VECTOR_FLOATS /* vectors in a panel */
};

typedef float vec __attribute__((vector_size(4 * VECTOR_FLOATS)));
typedef int32_t mask __attribute__((vector_size(4 * VECTOR_FLOATS)));

INLINE vec load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

/* The address may lie outside its array. */
INLINE void prefetch(const float *p, int64_t floats)
{
    __builtin_prefetch((const void *)((uintptr_t)p + (uintptr_t)(floats * (int64_t)sizeof *p)));
}

/* Into the second cache. */
INLINE void prefetch_far(const float *p, int64_t floats)
{
    __builtin_prefetch((const void *)((uintptr_t)p + (uintptr_t)(floats * (int64_t)sizeof *p)), 0,
                       2);
}

INLINE vec choose(mask m, vec yes, vec no)
{
    return (vec)(((mask)yes & m) | ((mask)no & ~m));
}

/* exp(r) for |r| <= ln 2 / 2 within 8e-8, relative, by the minimax polynomial of the sixth
 * degree. */
INLINE vec exponential_near_zero(vec r)
{
    vec p = r * 1.38368353e-3f + 8.37482419e-3f;
    p = p * r + 4.16682251e-2f;
    p = p * r + 1.66664198e-1f;
    p = p * r + 4.99999911e-1f;
    p = p * r + 1.0f;
    return p * r + 1.0f;
}

/* numerator / (1 + exp(t)), within 3e-7, relative. Above 87 it is 0 and below -87 the numerator,
 * which is wrong by less than 2e-38 of it: no result is denormal, which processors are slow
 * with. */
#ifdef __AVX512F__
/* A division takes as long as all the rest; an estimate of 14 bits and a Newton step take two of
 * its 24 cycles. */
INLINE vec over_one_plus_exponential(vec numerator, vec t)
{
    /* 1.5 * 2^23: whole after a sum */
    const __m512 one = _mm512_set1_ps(1.0f), round = _mm512_set1_ps(12582912.0f);
    const __mmask16 some = _mm512_cmp_ps_mask(t, _mm512_set1_ps(87.0f), _CMP_NGT_UQ);
    /* the second operand where one is NaN */
    const __m512 u = _mm512_min_ps(_mm512_set1_ps(87.0f), _mm512_max_ps(_mm512_set1_ps(-87.0f), t));
    const __m512 n = _mm512_fmadd_ps(u, _mm512_set1_ps(1.44269504f), round) - round;
    const __m512 r = u - n * 0.693147181f; /* one rounding, and n is small */
    const __m512 d = one + _mm512_scalef_ps(exponential_near_zero(r), n);
    const __m512 q = _mm512_rcp14_ps(d);
    return numerator * _mm512_maskz_fmadd_ps(some, _mm512_fnmadd_ps(d, q, one), q, q);
}
#else
INLINE vec over_one_plus_exponential(vec numerator, vec t)
{
    const float inv_ln2 = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    const vec low = (vec){0.0f} - 87.0f, high = (vec){0.0f} + 87.0f;
    /* 1.5 * 2^23: the last bits of a sum with it are a whole number */
    const vec round = (vec){0.0f} + 12582912.0f;
    vec u = choose(t > low, t, low); /* a NaN gives some number */
    u = choose(u < high, u, high);
    const vec sum = u * inv_ln2 + round, n = sum - round;
    const vec r = (u - n * ln2_high) - n * ln2_low;
    const mask bits = ((mask)sum - (mask)round + 127) << 23; /* in the exponent's place */
    const vec e = exponential_near_zero(r) * (vec)bits;
    return numerator / (1.0f + choose(t > high, (vec){0.0f} + INFINITY, e));
}
#endif

INLINE vec relu(vec v)
{
    return (vec)((mask)v & ~(v < (vec){0.0f})); /* keeps NaN */
}

/* Keeps NaN. */
INLINE vec activate(vec v, adi_act act)
{
    const vec six = (vec){0.0f} + 6.0f;
    switch (act) {
    case ADI_ACT_NONE:
        return v;
    case ADI_ACT_RELU:
        return relu(v);
    case ADI_ACT_RELU6:
        v = relu(v);
        return choose(v > six, six, v);
    case ADI_ACT_SILU:
        return over_one_plus_exponential(v, -v);
    case ADI_ACT_SIGMOID:
        return choose(v == v, over_one_plus_exponential((vec){0.0f} + 1.0f, -v), v);
    }
    return v;
}

INLINE void activate_all(float *y, int64_t n, adi_act act)
{
    int64_t i = 0;
    for (; i + VECTOR_FLOATS <= n; i += VECTOR_FLOATS)
        store(y + i, activate(load(y + i), act));
    if (i < n) {
        float rest[VECTOR_FLOATS] = {0.0f};
        memcpy(rest, y + i, (size_t)(n - i) * sizeof *y);
        store(rest, activate(load(rest), act));
        memcpy(y + i, rest, (size_t)(n - i) * sizeof *y);
    }
}

/* n values in place. */
static void activate_row(float *y, int64_t n, adi_act act)
{
    switch (act) { /* each in a loop of its own */
    case ADI_ACT_NONE:
        return;
    case ADI_ACT_RELU:
        activate_all(y, n, ADI_ACT_RELU);
        return;
    case ADI_ACT_RELU6:
        activate_all(y, n, ADI_ACT_RELU6);
        return;
    case ADI_ACT_SILU:
        activate_all(y, n, ADI_ACT_SILU);
        return;
    case ADI_ACT_SIGMOID:
        activate_all(y, n, ADI_ACT_SIGMOID);
        return;
    }
}

/* Return v, hidden from the compiler, so that it does not fuse the product that made v with a
 * sum. */
INLINE vec opaque(vec v)
{
#ifdef __AVX512F__
    __asm__("" : "+v"(v));
#elif defined __x86_64__
    __asm__("" : "+x"(v));
#endif
    return v;
}

/* v + bias + residual of VECTOR_FLOATS channels, perhaps with a ReLU; bias and residual may be
 * NULL. */
INLINE vec finish(vec v, const float *bias, const float *residual, int with_relu)
{
    if (bias)
        v += load(bias);
    if (residual)
        v += load(residual);
    return with_relu ? relu(v) : v;
}

typedef vec sums[ROWS][PANELS * PARTS]; /* in registers */

/* s[r] += the sum over i < n of a[r, i] b[i], where b is 16 wide in each panel. Meanwhile as much
 * of `next` is prefetched to the second cache, unless it is NULL. */
INLINE void add_products(sums s, const float *a, int64_t a_row, int64_t a_step, const float *b,
                         int64_t b_panel, int64_t n, int rows, int panels, const float *next)
{
    for (int64_t i = 0; i < n; i++, a += a_step, b += LANES) {
        vec v[PANELS * PARTS];
        UNROLL for (int q = 0; q < panels * PARTS; q++)
            v[q] = load(b + q / PARTS * b_panel + q % PARTS * VECTOR_FLOATS);
        if (next)
            prefetch_far(next, i * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            const float f = a[r * a_row];
            UNROLL for (int q = 0; q < panels * PARTS; q++)
                s[r][q] += f * v[q];
        }
    }
}
