/* softfuse, two-way and joint: ref against exponentials as they stand, in long double, which has
 * room for them, and a softmax's derivatives one by one; gradients against central differences; cpu
 * against ref; means of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* In units of the terms' sizes. ref and cpu are in double, where a mean of 2000 takes 2e-13 of its
 * exponential; they round once, and so does what they are compared with. */
static const double ref_limit = 1.25e-7, cpu_limit = 1.25e-7;

typedef struct fuse_case {
    adi_npc d;
    int joint, backward, without; /* 1: da, 2: db is not wanted */
    int64_t n;
    float *a, *b, *dy; /* guarded */
    double *ad, *bd;   /* what the differences move */
    char name[100];
} fuse_case;

/* Means of a are about `mean`, those of b about `other`. */
static fuse_case fuse_case_new(adi_npc d, int joint, double mean, double other)
{
    fuse_case c = {.d = d, .joint = joint, .n = d.n * d.p * d.c};
    snprintf(c.name, sizeof c.name, "%s, %lldx%lldx%lld, means %g and %g",
             joint ? "joint" : "two-way", (long long)d.n, (long long)d.p, (long long)d.c, mean,
             other);
    c.a = op_floats(c.n, 2.0);
    c.b = op_floats(c.n, 2.0);
    for (int64_t i = 0; i < c.n; i++) {
        c.a[i] += (float)mean;
        c.b[i] += (float)other;
    }
    c.dy = op_floats(c.n, 1.0);
    c.ad = gradient_doubles(c.a, c.n);
    c.bd = gradient_doubles(c.b, c.n);
    return c;
}

static void fuse_case_free(fuse_case *c)
{
    void *const all[] = {c->a, c->b, c->dy, c->ad, c->bd};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c->name);
}

/* beta of image n for map `which` and channel ch: its exponential's share in the sum of those that
 * it is weighed with. */
static void shares(const fuse_case *c, int64_t n, long double *beta)
{
    const int64_t channels = c->d.c;
    long double all = 0.0L;
    for (int64_t i = 0; i < 2 * channels; i++) {
        const double *x = (i < channels ? c->ad : c->bd) + n * c->d.p * channels + i % channels;
        beta[i] = 0.0L;
        for (int64_t p = 0; p < c->d.p; p++)
            beta[i] += x[p * channels] / (long double)c->d.p;
        beta[i] = expl(beta[i]);
        all += beta[i];
    }
    for (int64_t i = 0; i < channels; i++) {
        const long double both = c->joint ? all : beta[i] + beta[channels + i];
        beta[i] /= both;
        beta[channels + i] /= both;
    }
}

static double loss(const void *of)
{
    const fuse_case *c = of;
    const int64_t channels = c->d.c, image = c->d.p * channels;
    long double sum = 0.0L, *beta = guarded_alloc((size_t)(2 * channels) * sizeof *beta);
    for (int64_t i = 0; i < c->n; i++) {
        if (i % image == 0)
            shares(c, i / image, beta);
        sum +=
            c->dy[i] * (beta[i % channels] * c->ad[i] + beta[channels + i % channels] * c->bd[i]);
    }
    guarded_free(beta, c->name);
    return (double)sum;
}

/* y, or da and then db; NaN where one is not wanted. */
static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const fuse_case *c = of;
    const adi_kernels *k = be->kernels;
    void *scratch = guarded_alloc(k->softfuse_scratch(&c->d)); /* begins as NaN */
    const adi_exec ex = {threads, scratch, NULL};
    float *all = guarded_floats((1 + c->backward) * c->n);
    if (c->backward) {
        float *da = c->without & 1 ? NULL : guarded_floats(c->n),
              *db = c->without & 2 ? NULL : guarded_floats(c->n);
        assert_int_equal(k->softfuse_bwd(&ex, da, db, c->dy, c->a, c->b, c->joint, &c->d), AD_OK);
        if (da)
            gradient_pack(all, da, c->n, c->name);
        if (db)
            gradient_pack(all + c->n, db, c->n, c->name);
    } else {
        assert_int_equal(k->softfuse_fwd(&ex, all, c->a, c->b, c->joint, &c->d), AD_OK);
    }
    guarded_free(scratch, c->name);
    return all;
}

/* What mean j does to the betas of those that it is weighed with, each times its gradient: beta
 * (1 - beta) to its own, -beta beta' to others'. others: -1, or for the size of the terms 1. */
static long double slope(const fuse_case *c, const long double *beta, const long double *e,
                         int64_t j, int others)
{
    const int64_t channels = c->d.c, first = c->joint ? 0 : j % channels;
    const int64_t step = c->joint ? 1 : channels;
    long double sum = 0.0L;
    for (int64_t i = first; i < 2 * channels; i += step)
        sum += e[i] * (i == j ? beta[i] * (1.0L - beta[i]) : others * beta[i] * beta[j]);
    return sum / (long double)c->d.p;
}

/* What run() gives, and its units. */
static void formula(const fuse_case *c, float *want, float *unit)
{
    const int64_t channels = c->d.c, image = c->d.p * channels, both = 2 * channels;
    long double *beta = guarded_alloc((size_t)(5 * both) * sizeof *beta);
    long double *e = beta + both, *size = e + both, *by = size + both, *by_size = by + both;
    for (int64_t n = 0; n < c->d.n; n++) {
        shares(c, n, beta);
        for (int64_t j = 0; j < both; j++) {
            const float *x = (j < channels ? c->a : c->b) + n * image + j % channels;
            e[j] = size[j] = 0.0L;
            for (int64_t p = 0; p < c->d.p; p++) {
                const long double term =
                    (long double)c->dy[n * image + p * channels + j % channels] * x[p * channels];
                e[j] += term;
                size[j] += fabsl(term);
            }
        }
        for (int64_t j = 0; j < both; j++) {
            by[j] = slope(c, beta, e, j, -1);
            by_size[j] = slope(c, beta, size, j, 1);
        }
        for (int64_t i = 0; i < (1 + c->backward) * image; i++) {
            const int64_t ch = i % channels, j = i / image * channels + ch;
            const int64_t v = n * image + i % image;
            const long double a = beta[ch] * c->a[v], b = beta[channels + ch] * c->b[v],
                              own = beta[j] * c->dy[v];
            want[i / image * c->n + v] = (float)(c->backward ? own + by[j] : a + b);
            unit[i / image * c->n + v] =
                (float)(c->backward ? fabsl(own) + by_size[j] : fabsl(a) + fabsl(b));
        }
    }
    guarded_free(beta, c->name);
}

static void check(adi_npc d, int joint, double mean, double other)
{
    fuse_case c = fuse_case_new(d, joint, mean, other);
    for (c.backward = 0; c.backward < 2; c.backward++) {
        const int64_t all = (1 + c.backward) * c.n;
        float *want = guarded_floats(all), *unit = guarded_floats(all);
        formula(&c, want, unit);
        float *ref = gradient_backends(c.name, run, &c, unit, all, cpu_limit);
        gradient_close(c.name, ref, want, unit, all, ref_limit);
        /* a double sees what each of the maps does */
        if (c.backward && fabs(mean) + fabs(other) < 10.0) {
            const double h = fmin(2e-3 * (double)d.p, 0.1);    /* moves a mean by so much less */
            gradient_check(c.name, loss, &c, c.ad, ref, unit, c.n, h, ref_limit);
            gradient_check(c.name, loss, &c, c.bd, ref + c.n, unit + c.n, c.n, h, ref_limit);
        }
        float *const buffers[] = {want, unit, ref};
        for (int i = 0; i < 3; i++)
            guarded_free(buffers[i], c.name);
    }
    fuse_case_free(&c);
}

/* exp() of a mean of 100 is no float, of 1000 no double, and of -1000 is 0 in either. */
static void formulas(void **state)
{
    (void)state;
    static const adi_npc sizes[] = {{1, 1, 1},  {2, 1, 5},   {1, 7, 1},  {3, 2, 3},  {2, 49, 17},
                                    {2, 3, 63}, {1, 10, 64}, {3, 5, 65}, {1, 2, 130}, {1, 200, 2}};
    static const double means[][2] = {{0, 0},       {3, -2},       {-20, 20},   {100, 99},
                                      {1000, 1000}, {-1000, -999}, {2000, 1900}};
    for (int joint = 0; joint < 2; joint++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t m = 0; m < sizeof means / sizeof *means; m++)
                check(sizes[i], joint, means[m][0], means[m][1]);
        for (int64_t channels = 1; channels <= 40; channels++)
            check((adi_npc){op_int(1, 3), op_int(1, 9), channels}, joint, op_signed(), op_signed());
        gradient_report(joint ? "softfuse, joint" : "softfuse, two-way", ref_limit, cpu_limit);
    }
}

/* Either gradient alone is the same. */
static void one_gradient(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * 2 * 40; i++) {
        fuse_case c = fuse_case_new((adi_npc){2, 5, 1 + i / 4}, i % 2, 0.0, 1.0);
        const size_t bytes = (size_t)c.n * sizeof *c.a;
        float *got[4];
        c.backward = 1;
        for (c.without = 0; c.without < 4; c.without++)
            got[c.without] = run(&c, i / 2 % 2 ? &adi_backend_cpu : &adi_backend_ref, 2);
        op_same_bits(c.name, got[2], got[0], bytes);
        op_same_bits(c.name, got[1] + c.n, got[0] + c.n, bytes);
        for (int j = 0; j < 4; j++)
            guarded_free(got[j], c.name);
        fuse_case_free(&c);
    }
}

/* Of one position and one channel, and of two: beta is 1 / (1 + 1/3) = 3/4; jointly, of exp(0), 3,
 * 1 and 4, 3/9 and so on. And with a = b nothing is weighed, two-way. */
static void known_weights(void **state)
{
    (void)state;
    const double rounded = 1.2e-7; /* ln() of 3 and 4 are not floats */
    for (int b = 0; b < 2; b++) {
        const adi_kernels *k = (b ? &adi_backend_cpu : &adi_backend_ref)->kernels;
        const adi_npc d = {1, 1, 2};
        const adi_exec ex = {1, guarded_alloc(k->softfuse_scratch(&d)), NULL};
        const float one[] = {0.0f, logf(3.0f)}, two[] = {0.0f, logf(4.0f)};
        float y[2];
        assert_int_equal(k->softfuse_fwd(&ex, y, one, two, 0, &d), AD_OK);
        assert_true(y[0] == 0.0f);
        assert_true(fabs(y[1] - (3.0 * log(3.0) + 4.0 * log(4.0)) / 7.0) <= rounded * y[1]);
        assert_int_equal(k->softfuse_fwd(&ex, y, one, two, 1, &d), AD_OK);
        assert_true(fabs(y[1] - (3.0 * log(3.0) + 4.0 * log(4.0)) / 9.0) <= rounded * y[1]);
        assert_int_equal(k->softfuse_fwd(&ex, y, one, one, 0, &d), AD_OK);
        assert_true(y[1] == one[1]);
        guarded_free(ex.scratch, "scratch");
    }
}

/* In a or b: of that image its channel, or all of them where they are joint; so in dy, of the
 * gradients. An infinity has no share either. */
static void what_is_not_finite(void **state)
{
    (void)state;
    static const float values[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3 * 3 * 2 * 2 * 4; i++) {
        fuse_case c = fuse_case_new((adi_npc){3, 4, 70}, i / 9 % 2, 0.0, 0.0);
        const adi_backend *be = i / 18 % 2 ? &adi_backend_cpu : &adi_backend_ref;
        float *const in[] = {c.a, c.b, c.dy}, value = values[i / 3 % 3];
        const int64_t spot = op_int(0, c.n - 1), image = c.d.p * c.d.c;
        in[i % 3][spot] = value;
        for (c.backward = i % 3 == 2; c.backward < 2; c.backward++) {
            float *all = run(&c, be, 3);
            for (int64_t j = 0; j < (1 + c.backward) * c.n; j++) {
                const int64_t v = j % c.n;
                int lost = v / image == spot / image && (c.joint || v % c.d.c == spot % c.d.c);
                if (!c.backward && value == -INFINITY) /* a share of 0, next to others */
                    lost = v == spot;
                if (isfinite(all[j]) ? lost : !lost)
                    fail_msg("%s, %s: %g at %lld, for %g at %lld of %d", c.name, be->name, all[j],
                             (long long)j, value, (long long)spot, i % 3);
            }
            guarded_free(all, c.name);
        }
        fuse_case_free(&c);
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),
        cmocka_unit_test(one_gradient),
        cmocka_unit_test(known_weights),
        cmocka_unit_test(what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
