/* Group normalisation: the result against one pass of sums in long double, gradients against those
 * of a result whose derivative is summed value by value, and against central differences; cpu
 * against ref; PyTorch's numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* In units of the terms' sizes. All is in double, whatever the mean: ref and cpu round once, and so
 * does what they are compared with, so that they differ by a last digit at most. */
static const double ref_limit = 1.25e-7, cpu_limit = 1.25e-7;

typedef struct gn_case {
    adi_npc d;
    adi_groupnorm g;
    int64_t width, n; /* channels of a group; values */
    int backward;
    float *x, *weight, *bias, *dy, *old; /* guarded; old: what dx is added to */
    double *xd, *wd, *bd;                /* what the differences move */
    char name[120];
} gn_case;

static gn_case gn_case_new(adi_npc d, int64_t groups, double eps, double offset, double scale)
{
    gn_case c = {.d = d, .width = d.c / groups, .n = d.n * d.p * d.c};
    snprintf(c.name, sizeof c.name, "%lldx%lldx%lld, %lld groups, eps %g, offset %g, scale %g",
             (long long)d.n, (long long)d.p, (long long)d.c, (long long)groups, eps, offset, scale);
    c.x = op_floats(c.n, scale);
    for (int64_t i = 0; i < c.n; i++)
        c.x[i] += (float)offset;
    c.weight = op_floats(d.c, 2.0);
    c.bias = op_floats(d.c, 0.5);
    c.weight[op_int(0, d.c - 1)] = 0.0f;
    c.dy = op_floats(c.n, 1.0);
    c.old = op_floats(c.n, 1.0 / sqrt(scale * scale + eps)); /* about as large as what is added */
    c.g = (adi_groupnorm){c.weight, c.bias, groups, eps};
    c.xd = gradient_doubles(c.x, c.n);
    c.wd = gradient_doubles(c.weight, d.c);
    c.bd = gradient_doubles(c.bias, d.c);
    return c;
}

static void gn_case_free(gn_case *c)
{
    void *const all[] = {c->x, c->weight, c->bias, c->dy, c->old, c->xd, c->wd, c->bd};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c->name);
}

/* Value j of run i: runs are numbered by image, then by group. */
static int64_t at(const gn_case *c, int64_t i, int64_t j)
{
    const int64_t group = i % c->g.groups, p = i / c->g.groups * c->d.p + j / c->width;
    return p * c->d.c + group * c->width + j % c->width;
}

static int64_t run_of(const gn_case *c, int64_t value)
{
    return value / (c->d.p * c->d.c) * c->g.groups + value % c->d.c / c->width;
}

/* Of run i: in one pass, each value correcting the mean (Welford). Returns 1 / sqrt(variance +
 * eps). */
static long double moments(const gn_case *c, int64_t i, long double *mean)
{
    const int64_t count = c->d.p * c->width;
    long double squares = 0.0L;
    *mean = 0.0L;
    for (int64_t j = 0; j < count; j++) {
        const long double x = c->xd[at(c, i, j)], before = x - *mean;
        *mean += before / (long double)(j + 1);
        squares += before * (x - *mean);
    }
    return 1.0L / sqrtl(squares / (long double)count + c->g.eps);
}

static double loss(const void *of)
{
    const gn_case *c = of;
    long double sum = 0.0L;
    for (int64_t i = 0; i < c->d.n * c->g.groups; i++) {
        long double mean;
        const long double r = moments(c, i, &mean);
        for (int64_t j = 0; j < c->d.p * c->width; j++) {
            const int64_t v = at(c, i, j), ch = v % c->d.c;
            sum += c->dy[v] * (c->wd[ch] * (c->xd[v] - mean) * r + c->bd[ch]);
        }
    }
    return (double)sum;
}

/* y, or dx, dweight, dbias. */
static int64_t count_of(const gn_case *c)
{
    return c->backward ? c->n + 2 * c->d.c : c->n;
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const gn_case *c = of;
    const adi_kernels *k = be->kernels;
    void *scratch = guarded_alloc(k->groupnorm_scratch(&c->d)); /* begins as NaN */
    const adi_exec ex = {threads, scratch, NULL};
    float *all = guarded_floats(count_of(c));
    if (c->backward) {
        float *dx = op_copy(c->old, c->n), *dweight = guarded_floats(c->d.c),
              *dbias = guarded_floats(c->d.c);
        assert_int_equal(k->groupnorm_bwd_add(&ex, dx, dweight, dbias, c->dy, c->x, &c->g, &c->d),
                         AD_OK);
        float *next = gradient_pack(all, dx, c->n, c->name);
        next = gradient_pack(next, dweight, c->d.c, c->name);
        gradient_pack(next, dbias, c->d.c, c->name);
    } else {
        assert_int_equal(k->groupnorm_fwd(&ex, all, c->x, &c->g, &c->d), AD_OK);
    }
    guarded_free(scratch, c->name);
    return all;
}

/* What run() gives for the values of run i, and units. dx of one value is the sum over all values
 * of their gradients times their derivatives by it: -r / M - r h h' / M, and r more for its own. */
static void formula_of_values(const gn_case *c, int64_t i, float *want, float *unit)
{
    const int64_t count = c->d.p * c->width;
    long double mean;
    const long double r = moments(c, i, &mean), m = (long double)count;
    for (int64_t j = 0; j < count; j++) {
        const int64_t v = at(c, i, j);
        const long double h = ((long double)c->x[v] - mean) * r, w = c->weight[v % c->d.c];
        if (!c->backward) {
            want[v] = (float)(w * h + c->bias[v % c->d.c]);
            unit[v] = (float)(fabsl(w * h) + fabsl((long double)c->bias[v % c->d.c]));
            continue;
        }
        long double sum = c->old[v], size = fabsl(sum);
        for (int64_t l = 0; l < count; l++) {
            const int64_t u = at(c, i, l);
            const long double g = (long double)c->weight[u % c->d.c] * c->dy[u],
                              other = (c->x[u] - mean) * r;
            sum += g * r * ((long double)(l == j) - (1.0L + h * other) / m);
            size += fabsl(g) * r * ((long double)(l == j) + (1.0L + fabsl(h * other)) / m);
        }
        want[v] = (float)sum;
        unit[v] = (float)size;
    }
}

static void formula_of_weights(const gn_case *c, float *want, float *unit)
{
    for (int64_t ch = 0; ch < c->d.c; ch++) {
        long double sums[4] = {0.0L};
        for (int64_t v = ch; v < c->n; v += c->d.c) {
            long double mean;
            const long double r = moments(c, run_of(c, v), &mean),
                              by = c->dy[v] * (c->x[v] - mean) * r;
            sums[0] += by;
            sums[1] += fabsl(by);
            sums[2] += c->dy[v];
            sums[3] += fabsf(c->dy[v]);
        }
        want[ch] = (float)sums[0];
        unit[ch] = (float)sums[1];
        want[c->d.c + ch] = (float)sums[2];
        unit[c->d.c + ch] = (float)sums[3];
    }
}

/* A part of the least deviation. */
static double step_of(const gn_case *c)
{
    double step = INFINITY;
    for (int64_t i = 0; i < c->d.n * c->g.groups; i++) {
        long double mean;
        step = fmin(step, 2e-3 / (double)moments(c, i, &mean));
    }
    return step;
}

static void check(adi_npc d, int64_t groups, double eps, double offset, double scale)
{
    gn_case c = gn_case_new(d, groups, eps, offset, scale);
    for (c.backward = 0; c.backward < 2; c.backward++) {
        const int64_t all = count_of(&c);
        float *want = guarded_floats(all), *unit = guarded_floats(all);
        for (int64_t i = 0; i < d.n * groups; i++)
            formula_of_values(&c, i, want, unit);
        if (c.backward)
            formula_of_weights(&c, want + c.n, unit + c.n);
        float *ref = gradient_backends(c.name, run, &c, unit, all, cpu_limit);
        gradient_close(c.name, ref, want, unit, all, ref_limit);
        /* of so small values y has nothing that a double sees beside the bias */
        if (c.backward && scale >= 1.0) {
            float *const dx = ref, *const dweight = dx + c.n, *const dbias = dweight + d.c;
            for (int64_t i = 0; i < c.n; i++)
                dx[i] -= c.old[i];
            gradient_check(c.name, loss, &c, c.xd, dx, unit, c.n, step_of(&c), ref_limit);
            gradient_check(c.name, loss, &c, c.wd, dweight, unit + c.n, d.c, 1e-2, ref_limit);
            gradient_check(c.name, loss, &c, c.bd, dbias, unit + c.n + d.c, d.c, 1e-2, ref_limit);
        }
        float *const buffers[] = {want, unit, ref};
        for (int i = 0; i < 3; i++)
            guarded_free(buffers[i], c.name);
    }
    gn_case_free(&c);
}

static void formulas(void **state)
{
    (void)state;
    static const struct {
        adi_npc d;
        int64_t groups;
    } sizes[] = {{{1, 1, 1}, 1},  {{1, 1, 6}, 3},   {{2, 1, 6}, 6},    {{3, 2, 2}, 2},
                 {{2, 7, 30}, 5}, {{1, 5, 17}, 1},  {{2, 49, 17}, 17}, {{2, 3, 48}, 3},
                 {{3, 5, 66}, 2}, {{1, 9, 128}, 4}, {{5, 2, 20}, 4},   {{1, 200, 3}, 1},
                 {{1, 6, 67}, 1}, {{2, 4, 32}, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check(sizes[i].d, sizes[i].groups, 1e-5, 0.0, 1.5);
        check(sizes[i].d, sizes[i].groups, 1.0, 3.0, 1.5);
        check(sizes[i].d, sizes[i].groups, 1e-12, 1000.0, 1.0);
        check(sizes[i].d, sizes[i].groups, 1e-5, 0.0, 1e15);
        check(sizes[i].d, sizes[i].groups, 1e-5, 0.0, 1e-15);
    }
    for (int i = 0; i < 60; i++) {
        const int64_t groups = op_int(1, 9), width = op_int(1, 20);
        check((adi_npc){op_int(1, 3), op_int(1, 12), groups * width}, groups, 1e-5, op_signed(),
              1.0);
    }
    gradient_report("groupnorm", ref_limit, cpu_limit);
}

/* Of values that are all one, and of values next to which the first is huge, as padding may leave
 * them. */
static void hardly_any_variance(void **state)
{
    (void)state;
    for (int outlier = 0; outlier < 2; outlier++)
        for (int b = 0; b < 2; b++) {
            gn_case c = gn_case_new((adi_npc){1, 97, 10}, 2, 1e-5, 0.0, 1.0);
            for (int64_t i = 0; i < c.n && !outlier; i++)
                c.xd[i] = c.x[i] = i % 10 < 5 ? 0.1f : 1e6f;
            if (outlier)
                c.xd[0] = c.x[0] = c.xd[5] = c.x[5] = 1e10f;
            float *y = run(&c, b ? &adi_backend_cpu : &adi_backend_ref, 2),
                  *want = guarded_floats(c.n);
            float *unit = guarded_floats(c.n);
            for (int64_t i = 0; i < 2; i++)
                formula_of_values(&c, i, want, unit);
            for (int64_t i = 0; i < c.n && !outlier; i++)
                assert_true(want[i] == c.bias[i % 10]);
            op_close(c.name, y, want, unit, c.n, ref_limit);
            float *const buffers[] = {y, want, unit};
            for (int i = 0; i < 3; i++)
                guarded_free(buffers[i], c.name);
            gn_case_free(&c);
        }
}

/* torch.nn.functional.group_norm of 2 x 4 x 1 x 2, 2 groups, eps 0.1, PyTorch 1.13 in float64, and
 * its gradients for dy = x: x[n, c, p] = (7 n + 3 c + 5 p) % 11 / 4 - 1, weight 1, -2, 0.5, 3, bias
 * 0, 1, 2, -1. */
static void numbers_of_pytorch(void **state)
{
    (void)state;
    static const float want_y[] = {-1.2586336f, 1.6293168f,  2.2092231f, 2.7660164f,
                                   0.31465839f, -1.5172671f, 1.3723306f, -2.2553388f,
                                   0.41844626f, -1.5106776f, 1.3706832f, -1.9439752f,
                                   -1.2553388f, 1.8368925f,  2.1573292f, 2.7759007f};
    static const float want_dx[] = {-1.0802752f,  1.2048924f,  -1.159818f,  1.4024191f,
                                    1.1550455f,   -1.2796627f, 0.68981219f, -0.93241334f,
                                    1.9668603f,   -1.631452f,  0.31504782f, -0.16706491f,
                                    -0.87922561f, 0.54381732f, -1.79955f,   1.6515671f};
    static const float want_dweight[] = {2.5926369f, 3.2203063f, 2.3298725f, 3.4830708f};
    static const float want_dbias[] = {-0.75f, 2.25f, -0.25f, 2.75f};
    float x[16], dx[16] = {0}, y[16], dweight[4], dbias[4];
    const float weight[] = {1.0f, -2.0f, 0.5f, 3.0f}, bias[] = {0.0f, 1.0f, 2.0f, -1.0f};
    const adi_groupnorm g = {weight, bias, 2, 0.1};
    const adi_npc d = {2, 2, 4};
    for (int i = 0; i < 16; i++)
        x[i] = (float)((7 * (i / 8) + 3 * (i % 4) + 5 * (i / 4 % 2)) % 11) / 4.0f - 1.0f;
    for (int b = 0; b < 2; b++) {
        const adi_kernels *k = (b ? &adi_backend_cpu : &adi_backend_ref)->kernels;
        const adi_exec ex = {2, guarded_alloc(k->groupnorm_scratch(&d)), NULL};
        memset(dx, 0, sizeof dx);
        assert_int_equal(k->groupnorm_fwd(&ex, y, x, &g, &d), AD_OK);
        assert_int_equal(k->groupnorm_bwd_add(&ex, dx, dweight, dbias, x, x, &g, &d), AD_OK);
        const double digits = 3e-7; /* theirs are 8, ours a float's: of values up to 4 */
        op_close("y", y, want_y, NULL, 16, digits);
        op_close("dx", dx, want_dx, NULL, 16, digits);
        op_close("dweight", dweight, want_dweight, NULL, 4, digits);
        op_close("dbias", dbias, want_dbias, NULL, 4, digits);
        guarded_free(ex.scratch, "scratch");
    }
    op_worst = 0.0;
}

/* In x: all of its image's group, its channels' dweight, and no dbias; in dy: its channel's sums as
 * well, but of the others' none. An infinity in x leaves no mean; in dy it is in what NaN would be
 * in. */
static void what_is_not_finite(void **state)
{
    (void)state;
    static const float values[] = {NAN, INFINITY, -INFINITY};
    for (int round = 0; round < 36; round++) {
        gn_case c = gn_case_new((adi_npc){3, 7, 20}, 4, 1e-5, 0.0, 1.0);
        const int in_dy = round % 2;
        const adi_backend *be = round / 2 % 2 ? &adi_backend_cpu : &adi_backend_ref;
        /* a group's very first, or any */
        const int64_t spot = round < 12 ? c.d.p * c.d.c + 5 : op_int(0, c.n - 1);
        for (int64_t ch = 0; ch < c.d.c; ch++)
            c.weight[ch] = 1.0f + (float)ch;
        (in_dy ? c.dy : c.x)[spot] = values[round / 4 % 3];
        for (c.backward = in_dy; c.backward < 2; c.backward++) {
            float *all = run(&c, be, 3);
            for (int64_t i = 0; i < count_of(&c); i++) {
                const int64_t ch = (i - c.n) % c.d.c, mine = run_of(&c, spot) % c.g.groups;
                int lost = i < c.n && run_of(&c, i) == run_of(&c, spot);
                if (i >= c.n && in_dy)
                    lost = ch == spot % c.d.c;
                else if (i >= c.n)
                    lost = i < c.n + c.d.c && ch / c.width == mine;
                if (isfinite(all[i]) ? lost : !lost)
                    fail_msg("%s: %g at %lld, for %g at %lld of %s", be->name, all[i], (long long)i,
                             values[round / 4 % 3], (long long)spot, in_dy ? "dy" : "x");
            }
            guarded_free(all, c.name);
        }
        gn_case_free(&c);
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),
        cmocka_unit_test(hardly_any_variance),
        cmocka_unit_test(numbers_of_pytorch),
        cmocka_unit_test(what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
