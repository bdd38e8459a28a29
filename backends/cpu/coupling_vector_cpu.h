/* Affine coupling on vectors: the formulas of ref/coupling_ref.c. A part of isa_vector_cpu.h. */

/* atan(x) within 2e-7, relative: x is reduced to -tan(pi/8) .. tan(pi/8), where the minimax
 * polynomial of the third degree in x^2 is within 2e-8. NaN stays NaN. */
INLINE vec arctangent(vec x)
{
    const vec zero = {0.0f}, one = zero + 1.0f;
    const vec a = (vec)((mask)x & 0x7fffffff);
    const mask far = a > zero + 2.41421356f, middle = (a > zero + 0.414213562f) & ~far;
    const vec q = choose(far, -one, choose(middle, a - 1.0f, a)) /
                  choose(far, a, choose(middle, a + 1.0f, one));
    const vec z = q * q;
    vec p = z * 8.06030822e-2f - 1.38798498e-1f;
    p = p * z + 1.99779261e-1f;
    p = p * z - 3.33329553e-1f;
    const vec base = choose(far, zero + 1.57079633f, choose(middle, zero + 0.785398163f, zero));
    const vec y = base + (q + q * z * p);
    return (vec)((mask)y | ((mask)x & (int32_t)0x80000000));
}

/* exp(t) within 2e-7, relative, for |t| up to 80; beyond that undefined. NaN stays NaN. */
INLINE vec exponential(vec t)
{
    /* 1.5 * 2^23: the last bits of a sum with it are a whole number */
    const vec round = (vec){0.0f} + 12582912.0f;
    const vec sum = t * 1.44269504f + round, n = sum - round;
    const vec r = (t - n * 0.693359375f) + n * 2.12194440e-4f;
    const mask bits = ((mask)sum - (mask)round + 127) << 23; /* in the exponent's place */
    return exponential_near_zero(r) * (vec)bits;
}

/* e(s), and exp(e(s)) and e'(s) if asked for; share is 1 / alpha, most is 0.636 alpha. */
typedef struct soft_scale {
    float share, most;
} soft_scale;

INLINE soft_scale soft_scale_of(double alpha)
{
    return (soft_scale){(float)(1.0 / alpha), (float)(ADI_COUPLING_SOFTNESS * alpha)};
}

INLINE vec soft(vec s, soft_scale a)
{
    return arctangent(s * a.share) * a.most;
}

INLINE vec soft_slope(vec s, soft_scale a)
{
    const vec u = s * a.share;
    return ((vec){0.0f} + (float)ADI_COUPLING_SOFTNESS) / (u * u + 1.0f);
}

/* Load `count` values, at most a vector; the others are 0. */
INLINE vec load_some(const float *p, int64_t count)
{
    float all[VECTOR_FLOATS] = {0.0f};
    if (count >= VECTOR_FLOATS)
        return load(p);
    memcpy(all, p, (size_t)count * sizeof *p);
    return load(all);
}

INLINE void store_some(float *p, vec v, int64_t count)
{
    float all[VECTOR_FLOATS];
    if (count >= VECTOR_FLOATS) {
        store(p, v);
        return;
    }
    store(all, v);
    memcpy(p, all, (size_t)count * sizeof *p);
}

/* One position each. */

static void coupling_position(float *y, const float *x, const float *st, int32_t inverse, int64_t c,
                              double alpha)
{
    const soft_scale a = soft_scale_of(alpha);
    for (int64_t i = 0; i < c; i += VECTOR_FLOATS) {
        const int64_t n = c - i;
        const vec e = soft(load_some(st + i, n), a), t = load_some(st + c + i, n);
        const vec v = load_some(x + i, n);
        store_some(y + i, inverse ? (v - t) * exponential(-e) : exponential(e) * v + t, n);
    }
}

static void coupling_bwd_position(float *dx, float *dst, const float *dy, const float *x,
                                  const float *st, int64_t c, double alpha)
{
    const soft_scale a = soft_scale_of(alpha);
    for (int64_t i = 0; i < c; i += VECTOR_FLOATS) {
        const int64_t n = c - i;
        const vec s = load_some(st + i, n), g = load_some(dy + i, n);
        const vec scaled = g * exponential(soft(s, a));
        if (dx)
            store_some(dx + i, scaled, n);
        if (!dst)
            continue;
        store_some(dst + i, scaled * load_some(x + i, n) * soft_slope(s, a), n);
        store_some(dst + c + i, g, n);
    }
}

static float logdet_position(const float *st, int64_t c, double alpha)
{
    const soft_scale a = soft_scale_of(alpha);
    vec lanes = {0.0f};
    for (int64_t i = 0; i < c; i += VECTOR_FLOATS) /* e(0) is 0 */
        lanes += soft(load_some(st + i, c - i), a);
    double sum = 0.0;
    for (int64_t j = 0; j < VECTOR_FLOATS; j++)
        sum += lanes[j];
    return (float)sum;
}

static void logdet_bwd_position(float *dst, float dy, const float *st, int64_t c, double alpha)
{
    const soft_scale a = soft_scale_of(alpha);
    for (int64_t i = 0; i < c; i += VECTOR_FLOATS) {
        store_some(dst + i, soft_slope(load_some(st + i, c - i), a) * dy, c - i);
        store_some(dst + c + i, (vec){0.0f}, c - i);
    }
}
