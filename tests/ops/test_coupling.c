/* coupling, its inverse and gradient, logdet and its gradient: ref against the formula in long
 * double and against central differences, cpu against ref; scales of every size, infinite ones and
 * NaN; there and back; vectors of the authors' code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* A slope so small is as good as none: in float the square in it has no more room. */
static const long double no_slope = 1e-32L;

/* What networks have, and where the graph's format ends. */
static const double alphas[] = {1.9, 3.0, 0.5, 20.0, 1e-3, 64.0};
enum { ALPHAS = sizeof alphas / sizeof *alphas };

enum kind { FORWARD, INVERSE, BACKWARD, LOGDET, LOGDET_BWD, KINDS };
static const char *const names[] = {"coupling", "inverse", "coupling_bwd", "logdet", "logdet_bwd"};

/* Units are the size of the terms, times 1 + |e| where exp(e) is one: cpu has e within 4e-7 of
 * itself, and from that exp(e) is 4e-7 |e| off, to which its own 2e-7 come; a slope has the error
 * of s / alpha twice. ref rounds once, and so does what it is compared with. */
static const double ref_limit = 1.3e-7, cpu_limits[] = {4e-7, 4e-7, 6e-7, 4e-7, 5e-7};

typedef struct coupling_case {
    adi_coupling_dims d;
    enum kind kind;
    int without_dx, without_dst;
    int64_t n;
    float *x, *st, *dy, *dsum; /* guarded */
    double *xd, *std;
    char name[100];
} coupling_case;

static long double soft(long double s, double alpha)
{
    return 0.636L * alpha * atan2l(s, alpha);
}

static long double soft_slope(long double s, double alpha)
{
    return 0.636L * alpha * alpha / ((long double)alpha * alpha + s * s);
}

static double loss(const void *of)
{
    const coupling_case *c = of;
    long double sum = 0.0L;
    for (int64_t i = 0; i < c->n; i++) {
        const double *st = c->std + i / c->d.c * 2 * c->d.c + i % c->d.c;
        const long double e = soft(st[0], c->d.alpha);
        sum += c->kind == LOGDET_BWD ? c->dsum[i / c->d.c] * e
                                     : c->dy[i] * (expl(e) * c->xd[i] + st[c->d.c]);
    }
    return (double)sum;
}

/* Tiny, ordinary and huge; every third special: among them where an arctangent's polynomial
 * changes. */
static float some_scale(double alpha, int special)
{
    const float a = (float)alpha;
    const float list[] = {
        0.0f,           -0.0f,  50.0f,  -50.0f,   1e30f,     -1e30f, 3e38f,
        1e-30f,         1e-39f, 1e-45f, INFINITY, -INFINITY, a,      -0.414213562f * a,
        2.41421356f * a};
    if (special && op_int(0, 2) == 0)
        return list[op_int(0, sizeof list / sizeof *list - 1)];
    static const double ranges[] = {0.5, 5.0, 50.0};
    const int64_t range = op_int(0, special ? 3 : 1);
    return (float)(op_signed() *
                   (range < 3 ? alpha * ranges[range] : pow(10.0, (double)op_int(-40, 35))));
}

static coupling_case coupling_case_new(int64_t p, int64_t channels, double alpha, int special)
{
    coupling_case c = {.d = {p, channels, alpha}, .n = p * channels};
    snprintf(c.name, sizeof c.name, "%lldx%lld, alpha %g", (long long)p, (long long)channels,
             alpha);
    c.x = op_floats(c.n, 2.0);
    c.st = op_floats(2 * c.n, 2.0);
    c.dy = op_floats(c.n, 1.0);
    c.dsum = op_floats(p, 1.0);
    for (int64_t i = 0; i < c.n; i++)
        c.st[i / channels * 2 * channels + i % channels] = some_scale(alpha, special);
    for (int64_t i = 0; special && i < p; i++) { /* a NaN in a position, or none */
        const int64_t at = op_int(0, channels - 1);
        float *const st = c.st + 2 * i * channels + at, *const x = c.x + i * channels + at;
        float none, *const in[] = {
                        x, c.dy + (x - c.x), st, st + channels, &c.dsum[i], &none, &none, &none};
        *in[op_int(0, 7)] = NAN;
    }
    c.xd = gradient_doubles(c.x, c.n);
    c.std = gradient_doubles(c.st, 2 * c.n);
    return c;
}

static void coupling_case_free(coupling_case *c)
{
    void *const all[] = {c->x, c->st, c->dy, c->dsum, c->xd, c->std};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c->name);
}

static int64_t count_of(const coupling_case *c)
{
    const int64_t counts[] = {c->n, c->n, 3 * c->n, c->d.p, 2 * c->n};
    return counts[c->kind];
}

/* BACKWARD: dx, then dst; NaN where one is not wanted. */
static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const coupling_case *c = of;
    const adi_kernels *k = be->kernels;
    const adi_exec ex = {threads, NULL, NULL};
    float *y = guarded_floats(count_of(c));
    if (c->kind == LOGDET)
        assert_int_equal(k->logdet_fwd(&ex, y, c->st, &c->d), AD_OK);
    else if (c->kind == LOGDET_BWD)
        assert_int_equal(k->logdet_bwd(&ex, y, c->dsum, c->st, &c->d), AD_OK);
    else if (c->kind != BACKWARD)
        assert_int_equal(k->coupling_fwd(&ex, y, c->x, c->st, c->kind == INVERSE, &c->d), AD_OK);
    else {
        float *dx = c->without_dx ? NULL : guarded_floats(c->n);
        float *dst = c->without_dst ? NULL : guarded_floats(2 * c->n);
        assert_int_equal(k->coupling_bwd(&ex, dx, dst, c->dy, c->x, c->st, &c->d), AD_OK);
        if (dx)
            gradient_pack(y, dx, c->n, c->name);
        if (dst)
            gradient_pack(y + c->n, dst, 2 * c->n, c->name);
    }
    return y;
}

/* What run() gives at i, and its unit. */
static float formula(const coupling_case *c, int64_t i, float *out_unit)
{
    /* of dst */
    const int64_t channels = c->d.c, first = c->kind == BACKWARD && i >= c->n ? c->n : 0;
    const int is_dst = c->kind == LOGDET_BWD || first > 0;
    const int is_t = is_dst && (i - first) / channels % 2;
    const int64_t p = c->kind == LOGDET ? i : (i - first) / channels / (1 + is_dst);
    const int64_t at = c->kind == LOGDET ? 0 : p * channels + (i - first) % channels;
    const float *st = c->st + 2 * p * channels + at % channels;
    const long double x = c->x[at], t = st[channels], dy = c->dy[at], e = soft(*st, c->d.alpha);
    const long double slope = soft_slope(*st, c->d.alpha), times = 1.0L + fabsl(e);
    long double want = 0.0L, size = 1e-36L;
    if (c->kind == LOGDET) {
        for (int64_t j = 0; j < channels; j++) {
            want += soft(st[j], c->d.alpha);
            size += fabsl(soft(st[j], c->d.alpha));
        }
    } else if (is_t) {
        /* exactly: of such a unit nothing is small enough */
        want = c->kind == BACKWARD ? dy : 0.0L;
        size = 1e-30L;
    } else if (is_dst) {
        const long double from = c->kind == BACKWARD ? dy * x * expl(e) : c->dsum[p];
        want = from * slope;
        size += fabsl(from) * times * (slope + no_slope);
    } else {
        const long double scaled =
            c->kind == INVERSE ? (x - t) / expl(e) : (c->kind == FORWARD ? x : dy) * expl(e);
        want = c->kind == FORWARD ? scaled + t : scaled;
        size = fabsl(scaled) * times + (c->kind == FORWARD ? fabsl(t) : 0.0L);
    }
    *out_unit = (float)size;
    return (float)want;
}

static void check(enum kind kind, int64_t p, int64_t channels, double alpha, int special)
{
    coupling_case c = coupling_case_new(p, channels, alpha, special);
    c.kind = kind;
    const int64_t count = count_of(&c), dst = kind == BACKWARD ? c.n : 0;
    float *want = guarded_floats(count), *unit = guarded_floats(count);
    for (int64_t i = 0; i < count; i++)
        want[i] = formula(&c, i, &unit[i]);
    float *ref = gradient_backends(c.name, run, &c, unit, count, cpu_limits[kind]);
    gradient_close(c.name, ref, want, unit, count, ref_limit);
    /* the differences are good enough */
    const int smooth = !special && alpha > 0.1 && alpha < 10.0 && c.n <= 200;
    if (smooth && (kind == BACKWARD || kind == LOGDET_BWD))
        gradient_check(c.name, loss, &c, c.std, ref + dst, unit + dst, 2 * c.n, 1e-3 * alpha,
                       ref_limit);
    if (smooth && kind == BACKWARD)
        gradient_check(c.name, loss, &c, c.xd, ref, unit, c.n, 1e-3, ref_limit);
    float *const all[] = {want, unit, ref};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c.name);
    coupling_case_free(&c);
}

static void formulas(void **state)
{
    (void)state;
    for (int kind = FORWARD; kind < KINDS; kind++) {
        for (int a = 0; a < ALPHAS; a++)
            for (int special = 0; special < 2; special++) {
                for (int64_t c = 1; c <= 40; c++)
                    check((enum kind)kind, (c + a) % 6, c, alphas[a], special);
                check((enum kind)kind, 67, 152, alphas[a], special);
                check((enum kind)kind, 3, 1000, alphas[a], special);
            }
        gradient_report(names[kind], ref_limit, cpu_limits[kind]);
    }
}

/* Either gradient alone is the same. */
static void one_gradient(void **state)
{
    (void)state;
    for (int64_t channels = 1; channels <= 40; channels++)
        for (int b = 0; b < 2; b++) {
            coupling_case c = coupling_case_new(3, channels, 1.9, 1);
            const size_t bytes = (size_t)c.n * sizeof *c.x;
            float *got[4];
            c.kind = BACKWARD;
            for (int without = 0; without < 4; without++) {
                c.without_dx = without & 1;
                c.without_dst = without & 2;
                got[without] = run(&c, b ? &adi_backend_cpu : &adi_backend_ref, 2);
            }
            op_same_bits(c.name, got[2], got[0], bytes);
            op_same_bits(c.name, got[1] + c.n, got[0] + c.n, 2 * bytes);
            for (int i = 0; i < 4; i++)
                guarded_free(got[i], c.name);
            coupling_case_free(&c);
        }
}

/* In units of the terms as the inverse sees them, |x| + |t| exp(-e): y was rounded, and exp(e)
 * exp(-e) is not quite 1, though what e itself is off is in both. */
static void there_and_back(void **state)
{
    (void)state;
    const double near_ref = 1.3e-7, near_cpu = 4e-7;
    for (int i = 0; i < 2 * 40 * ALPHAS; i++) {
        const int64_t channels = 1 + i / 2 % 40;
        const double alpha = alphas[i / 80];
        const adi_backend *be = i % 2 ? &adi_backend_cpu : &adi_backend_ref;
        coupling_case c = coupling_case_new(7, channels, alpha, 1);
        float *x = c.x, *want = op_copy(x, c.n), *unit = guarded_floats(c.n);
        for (int64_t j = 0; j < c.n; j++) {
            const float *st = c.st + j / channels * 2 * channels + j % channels;
            unit[j] = (float)(fabsf(x[j]) + fabsf(st[channels]) * expl(-soft(st[0], alpha)));
            want[j] += 0.0f * st[channels] + (isnan(st[0]) ? NAN : 0.0f);
        }
        c.kind = FORWARD;
        float *y = c.x = run(&c, be, 2);
        c.kind = INVERSE;
        float *back = run(&c, be, 2);
        (i % 2 ? op_close : gradient_close)(c.name, back, want, unit, c.n,
                                            i % 2 ? near_cpu : near_ref);
        float *const all[] = {y, want, unit, back};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            guarded_free(all[j], c.name);
        c.x = x;
        coupling_case_free(&c);
    }
    gradient_report("coupling, there and back", near_ref, near_cpu);
}

/* e of the authors' code, which logdet of one channel is. */
static void known_scales(void **state)
{
    (void)state;
    static const double cases[][3] = {
        {1.9, 1.0, 0.5854431}, {3.0, 1.0, 0.6139001}, {1.9, -50.0, -1.8522532}};
    for (int i = 0; i < 3; i++)
        for (int b = 0; b < 2; b++) {
            const float st[] = {(float)cases[i][1], 7.0f};
            const adi_exec ex = {1, NULL, NULL};
            const adi_coupling_dims d = {1, 1, cases[i][0]};
            float e;
            assert_int_equal(
                (b ? &adi_backend_cpu : &adi_backend_ref)->kernels->logdet_fwd(&ex, &e, st, &d),
                AD_OK);
            const double rounded = 1.2e-7; /* to 7 digits, and to a float */
            assert_true(fabs(e - cases[i][2]) <=
                        rounded + (b ? cpu_limits[LOGDET] * fabs(e) : 0.0));
        }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),
        cmocka_unit_test(one_gradient),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(known_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
