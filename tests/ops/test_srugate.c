/* srugate, hard and soft: ref against the gate's two halves put together as the text does it, in
 * long double, and gradients against central differences; cpu against ref; t of exactly 0, far from
 * it, infinite and NaN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* Units are the size of the terms, of a gate's sigmoid 1 + |t| times as much: cpu rounds t, of
 * which exp() makes 6e-8 |t|, and has exp() within 1.5e-7 of itself, to which up to five roundings
 * come. ref rounds once, and so does what it is compared with. The hard gate picks one of two
 * numbers, or their sum, which both round alike. */
static const double ref_limits[] = {0.0, 1.25e-7}, cpu_limits[] = {0.0, 3e-7};
static const double difference = 1e-10;  /* what central differences of a hard gate have */
/* in cpu a sigmoid that is no normal float, 1e-38 and less, is 0 */
static const long double least = 1e-30L;

typedef struct gate_case {
    adi_pc d;
    int soft, backward;
    int64_t n;
    float *x, *h, *w, *dy; /* guarded */
    double *xd, *td;       /* what the differences move */
    char name[100];
} gate_case;

/* w h, which a long double has room for. */
static long double t_of(const gate_case *c, int64_t i)
{
    return (long double)c->w[i % c->d.c] * c->h[i];
}

/* What W1 and W2 have where the product is t. */
typedef struct gates {
    long double told, untold;
} gates;

static gates gates_of(const gate_case *c, long double t)
{
    const long double low = c->soft ? expl(t) / (1.0L + expl(t)) : 0.0L;
    if (isnan(t))
        return (gates){t, t};
    return t > 0.0L ? (gates){1.0L, 0.0L} : (gates){low, c->soft ? low : 1.0L};
}

/* With concat(x11 + x22, x12 + x21). */
static double loss(const void *of)
{
    const gate_case *c = of;
    const int64_t half = c->d.c / 2;
    long double sum = 0.0L;
    for (int64_t i = 0; i < c->n; i++) {
        const gates g = gates_of(c, c->td[i]);
        const int64_t across = i % c->d.c < half ? i + half : i - half;
        sum += g.told * c->xd[i] * c->dy[i] + g.untold * c->xd[i] * c->dy[across];
    }
    return (double)sum;
}

/* of t: none near 0; zeros and all sizes; infinities and NaN, too */
enum range { SMOOTH, SPECIAL, UNBOUNDED };

static float some_h(enum range range)
{
    static const float list[] = {0.0f,    -0.0f,  1e-30f, -1e-30f, 100.0f,
                                 -100.0f, -87.0f, -1e10f, 1e30f,   -1e30f};
    static const float more[] = {INFINITY, -INFINITY, NAN};
    if (range == UNBOUNDED && op_int(0, 9) == 0)
        return more[op_int(0, 2)];
    if (range >= SPECIAL && op_int(0, 2) == 0)
        return list[op_int(0, sizeof list / sizeof *list - 1)];
    const double size =
        range == SMOOTH ? 0.2 + 2.0 * fabs(op_signed()) : pow(10.0, 3.0 * op_signed());
    return (float)(op_int(0, 1) ? size : -size);
}

static gate_case gate_case_new(adi_pc d, int soft, enum range range)
{
    gate_case c = {.d = d, .soft = soft, .n = d.p * d.c};
    snprintf(c.name, sizeof c.name, "%s, %lldx%lld, range %d", soft ? "soft" : "hard",
             (long long)d.p, (long long)d.c, range);
    c.x = op_floats(c.n, 2.0);
    c.dy = op_floats(c.n, 1.0);
    c.h = guarded_floats(c.n);
    c.w = guarded_floats(d.c);
    for (int64_t i = 0; i < d.c; i++) /* no product has no room in a float, but for some of h */
        c.w[i] = (float)((0.5 + 0.5 * fabs(op_signed())) * (op_int(0, 3) ? 1.0 : -1.0));
    if (range >= SPECIAL && d.c > 2)
        c.w[op_int(0, d.c - 1)] = op_int(0, 1) ? 0.0f : -0.0f;
    for (int64_t i = 0; i < c.n; i++)
        c.h[i] = some_h(range);
    c.xd = gradient_doubles(c.x, c.n);
    c.td = guarded_doubles(c.n);
    for (int64_t i = 0; i < c.n; i++)
        c.td[i] = (double)t_of(&c, i);
    return c;
}

static void gate_case_free(gate_case *c)
{
    void *const all[] = {c->x, c->h, c->w, c->dy, c->xd, c->td};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c->name);
}

/* y, or dx and where soft dt. */
static int64_t count_of(const gate_case *c)
{
    return c->backward && c->soft ? 2 * c->n : c->n;
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const gate_case *c = of;
    const adi_kernels *k = be->kernels;
    const adi_exec ex = {threads, NULL, NULL};
    float *all = guarded_floats(count_of(c));
    if (!c->backward) {
        assert_int_equal(k->srugate_fwd(&ex, all, c->x, c->h, c->w, c->soft, c->d), AD_OK);
        return all;
    }
    float *dx = guarded_floats(c->n), *dt = c->soft ? guarded_floats(c->n) : NULL;
    assert_int_equal(k->srugate_bwd(&ex, dx, dt, c->dy, c->x, c->h, c->w, c->soft, c->d), AD_OK);
    gradient_pack(all, dx, c->n, c->name);
    if (dt)
        gradient_pack(all + c->n, dt, c->n, c->name);
    return all;
}

/* What run() gives at i of y, dx or dt, and its unit. */
static float formula(const gate_case *c, int64_t i, float *out_unit)
{
    const int64_t v = i % c->n, across = v % c->d.c < c->d.c / 2 ? v + c->d.c / 2 : v - c->d.c / 2;
    const long double t = t_of(c, v), s = c->backward ? t : t_of(c, across);
    const gates mine = gates_of(c, t), crossing = gates_of(c, s);
    const long double times = c->soft ? 1.0L + fabsl(t) : 1.0L,
                      other_times = c->soft ? 1.0L + fabsl(s) : 1.0L;
    const float *z = c->backward ? c->dy : c->x;
    if (i < c->n) {
        *out_unit = (float)(fabsl(mine.told * z[v]) * times +
                            fabsl(crossing.untold * z[across]) * other_times + least);
        return (float)(mine.told * z[v] + crossing.untold * z[across]);
    }
    const long double slope = mine.told * (1.0L - mine.told);
    *out_unit =
        (float)(fabsl(slope * c->x[v]) * times * (fabsf(c->dy[v]) + fabsf(c->dy[across])) + least);
    return t > 0.0L ? 0.0f : (float)(slope * c->x[v] * ((long double)c->dy[v] + c->dy[across]));
}

static void check(adi_pc d, int soft, enum range range)
{
    gate_case c = gate_case_new(d, soft, range);
    for (c.backward = 0; c.backward < 2; c.backward++) {
        const int64_t all = count_of(&c);
        float *want = guarded_floats(all), *unit = guarded_floats(all);
        for (int64_t i = 0; i < all; i++)
            want[i] = formula(&c, i, &unit[i]);
        float *ref = gradient_backends(c.name, run, &c, unit, all, cpu_limits[soft]);
        gradient_close(c.name, ref, want, unit, all, ref_limits[soft]);
        /* also of the hard gate, whose differences have an error */
        if (c.backward && range == SMOOTH)
            gradient_check(c.name, loss, &c, c.xd, ref, unit, c.n, 1e-2,
                           fmax(ref_limits[soft], difference));
        if (c.backward && range == SMOOTH && soft)
            gradient_check(c.name, loss, &c, c.td, ref + c.n, unit + c.n, c.n, 1e-3,
                           ref_limits[soft]);
        float *const buffers[] = {want, unit, ref};
        for (int i = 0; i < 3; i++)
            guarded_free(buffers[i], c.name);
    }
    gate_case_free(&c);
}

static void formulas(void **state)
{
    (void)state;
    for (int soft = 0; soft < 2; soft++) {
        for (int range = SMOOTH; range <= UNBOUNDED; range++) {
            for (int64_t half = 1; half <= 40; half++)
                check((adi_pc){half % 5, 2 * half}, soft, (enum range)range);
            static const adi_pc sizes[] = {{1, 2},   {1, 126}, {2, 128}, {3, 130},
                                           {2, 256}, {1, 258}, {67, 76}, {5, 1024}};
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                check(sizes[i], soft, (enum range)range);
        }
        gradient_report(soft ? "srugate, soft" : "srugate, hard",
                        fmax(ref_limits[soft], difference), cpu_limits[soft]);
    }
}

/* t of 0, -0, above and below, for each channel of a pair: what is not above 0 goes across, and of
 * a soft gate one half of it. Exactly. */
static void halves(void **state)
{
    (void)state;
    static const float ts[] = {0.0f, -0.0f, 1.0f, -1e30f};
    static const float keep[2][4] = {{0, 0, 1, 0}, {0.5f, 0.5f, 1, 0}};
    static const float cross[2][4] = {{1, 1, 0, 1}, {0.5f, 0.5f, 0, 0}};
    const float x[] = {3.0f, 5.0f}, dy[] = {7.0f, 11.0f};
    for (int i = 0; i < 2 * 2 * 16; i++) {
        const int a = i % 4, b = i / 4 % 4, soft = i / 16 % 2;
        const adi_kernels *k = (i / 32 ? &adi_backend_cpu : &adi_backend_ref)->kernels;
        const adi_exec ex = {1, NULL, NULL};
        const adi_pc d = {1, 2};
        const float h[] = {ts[a], ts[b]}, w[] = {1.0f, 1.0f};
        float y[2], dx[2], dt[2] = {9.0f, 9.0f};
        assert_int_equal(k->srugate_fwd(&ex, y, x, h, w, soft, d), AD_OK);
        assert_int_equal(k->srugate_bwd(&ex, dx, soft ? dt : NULL, dy, x, h, w, soft, d), AD_OK);
        assert_true(y[0] == keep[soft][a] * 3.0f + cross[soft][b] * 5.0f);
        assert_true(y[1] == keep[soft][b] * 5.0f + cross[soft][a] * 3.0f);
        assert_true(dx[0] == keep[soft][a] * 7.0f + cross[soft][a] * 11.0f);
        assert_true(dx[1] == keep[soft][b] * 11.0f + cross[soft][b] * 7.0f);
        assert_true(!soft || dt[0] == (a < 2 ? 0.25f * 3.0f * 18.0f : 0.0f));
        assert_true(!soft || dt[1] == (b < 2 ? 0.25f * 5.0f * 18.0f : 0.0f));
    }
}

/* In h: of its channel and the one across. In x: of a told value's place, and of those that have 0
 * times it; and so in dy. Where t is above 0 there is no slope, whatever x and dy are. */
static void what_is_not_finite(void **state)
{
    (void)state;
    static const float values[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3 * 3 * 2 * 40; i++) {
        const int soft = i / 9 % 2;
        gate_case c = gate_case_new((adi_pc){3, 2 * (1 + i / 18)}, soft, SMOOTH);
        float *const in[] = {c.h, c.x, c.dy};
        in[i % 3][op_int(0, c.n - 1)] = values[i / 3 % 3];
        for (c.backward = 0; c.backward < 2; c.backward++) {
            float unit[4 * 3 * 80], *want = guarded_floats(count_of(&c));
            int lost = 0;
            for (int64_t j = 0; j < count_of(&c); j++) {
                want[j] = formula(&c, j, &unit[j]);
                lost += !isfinite(want[j]);
            }
            float *ref = gradient_backends(c.name, run, &c, unit, count_of(&c), cpu_limits[soft]);
            op_close(c.name, ref, want, unit, count_of(&c), ref_limits[soft]);
            /* h infinite only settles a gate */
            const int seen = c.backward ? i % 3 == 2 : i % 3 == 1;
            assert_true(!seen || lost > 0);
            guarded_free(want, c.name);
            guarded_free(ref, c.name);
        }
        gate_case_free(&c);
    }
}

/* Of a loss sum of w (weight a + bias b), whose gradients by way of h are a and b:
 * shares against their formula, gradients against differences. */
typedef struct weight_case {
    const double *weight, *bias;
    const float *a, *b;
    int64_t c;
} weight_case;

static double weight_loss(const void *of)
{
    const weight_case *k = of;
    double sum = 0.0, all = 0.0;
    for (int64_t i = 0; i < k->c; i++)
        sum += k->weight[i];
    for (int64_t i = 0; i < k->c; i++)
        all += k->weight[i] / sum * (k->weight[i] * k->a[i] + k->bias[i] * k->b[i]);
    return all;
}

static void weights(void **state)
{
    (void)state;
    for (int64_t c = 2; c <= 66; c += 8) {
        float *weight = op_floats(c, 0.5), *bias = op_floats(c, 1.0), *a = op_floats(c, 1.0),
              *b = op_floats(c, 1.0), *first[4] = {NULL};
        double sum = 0.0;
        for (int64_t i = 0; i < c; i++) {
            weight[i] += 1.0f;
            sum += weight[i];
        }
        double *wd = gradient_doubles(weight, c), *bd = gradient_doubles(bias, c);
        const weight_case of = {wd, bd, a, b, c};
        for (int be = 0; be < 2; be++) {
            const adi_kernels *k = (be ? &adi_backend_cpu : &adi_backend_ref)->kernels;
            const adi_exec ex = {1 + 2 * be, NULL, NULL};
            float *got[4] = {guarded_floats(c), guarded_floats(c), op_copy(a, c), op_copy(b, c)};
            assert_int_equal(k->sruweight_fwd(&ex, got[0], got[1], weight, c), AD_OK);
            assert_int_equal(k->sruweight_bwd(&ex, got[2], got[3], got[0], weight, bias, c), AD_OK);
            for (int64_t i = 0; i < c; i++) {
                assert_true(got[0][i] == (float)(weight[i] / sum));
                assert_true(got[1][i] == got[0][i] * weight[i]);
            }
            gradient_check("sru weight", weight_loss, &of, wd, got[2], NULL, c, 1e-4, 2e-6);
            gradient_check("sru bias", weight_loss, &of, bd, got[3], NULL, c, 1e-4, 2e-6);
            for (int i = 0; i < 4; i++) {
#ifdef ADFEAT_ON_DEVICE /* a product and a sum may be one instruction there */
                if (be)
                    op_close("sruweight", got[i], first[i], NULL, c, 2.5e-7);
#else
                if (be)
                    op_same_bits("sruweight", got[i], first[i], (size_t)c * sizeof(float));
#endif
                guarded_free(be ? first[i] : NULL, "sruweight");
                first[i] = got[i];
            }
        }
        void *const all[] = {weight, bias, a, b, wd, bd, first[0], first[1], first[2], first[3]};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            guarded_free(all[i], "sruweight");
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),
        cmocka_unit_test(halves),
        cmocka_unit_test(what_is_not_finite),
        cmocka_unit_test(weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
