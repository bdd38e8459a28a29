/* Vectors of VECTOR_FLOATS floats, and the sums of products that every GEMM here is made of. A part of
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

INLINE vec choose(mask m, vec yes, vec no)
{
    return (vec)(((mask)yes & m) | ((mask)no & ~m));
}

/* exp(t): a polynomial of the seventh degree after the usual reduction to |r| <= ln 2 / 2, within 1e-7, relative. It is
 * 0 below -87.7, stays at exp(88) from there on and is infinite above 88.7; a NaN gives some number. What is made of it
 * differs from exp()'s by less than the smallest normal float. */
INLINE vec exponential(vec t)
{
    const float inv_ln2 = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    const vec low = (vec){0.0f} - 88.0f, high = (vec){0.0f} + 88.0f;
    const vec round = (vec){0.0f} + 12582912.0f; /* 1.5 * 2^23: the last bits of a sum with it are a whole number */
    vec u = choose(t > low, t, low);
    u = choose(u < high, u, high);
    const vec sum = u * inv_ln2 + round, n = sum - round;
    const vec r = (u - n * ln2_high) - n * ln2_low;
    vec p = r * (1.0f / 5040.0f) + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const mask bits = ((mask)sum - (mask)round + 127) << 23; /* 0 to 254 in the exponent's place */
    return choose(t > (vec){0.0f} + 88.7f, (vec){0.0f} + INFINITY, p * (vec)bits);
}

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
        return v / (1.0f + exponential(-v));
    case ADI_ACT_SIGMOID:
        return choose(v == v, 1.0f / (1.0f + exponential(-v)), v);
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

/* v + bias + residual of VECTOR_FLOATS channels, of which a ReLU may be taken; bias and residual may be NULL. */
INLINE vec finish(vec v, const float *bias, const float *residual, int with_relu)
{
    if (bias)
        v += load(bias);
    if (residual)
        v += load(residual);
    return with_relu ? relu(v) : v;
}

typedef vec sums[ROWS][PANELS * PARTS]; /* in registers */

/* s[r] += sum over i < n of a[r, i] b[i], where b is 16 wide in each of the panels. */
INLINE void add_products(sums s, const float *a, int64_t a_row, int64_t a_step, const float *b,
                         int64_t b_panel, int64_t n, int rows, int panels)
{
    for (int64_t i = 0; i < n; i++, a += a_step, b += LANES) {
        vec v[PANELS * PARTS];
        UNROLL for (int q = 0; q < panels * PARTS; q++)
            v[q] = load(b + q / PARTS * b_panel + q % PARTS * VECTOR_FLOATS);
        UNROLL for (int r = 0; r < rows; r++) {
            const float f = a[r * a_row];
            UNROLL for (int q = 0; q < panels * PARTS; q++)
                s[r][q] += f * v[q];
        }
    }
}
