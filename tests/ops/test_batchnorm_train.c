/* Batch norm while it is trained: statistics against sums in long double, gradients against central
 * differences of a forward in double that takes the statistics from its input; cpu against ref. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* In units of the sum of the terms' sizes. ref rounds once; cpu may work in float between its sums,
 * with a few roundings of each term. */
static const double ref_limit = 2e-7, cpu_limit = 1e-6;

typedef struct bn_case {
    adi_pc d;
    adi_act act;
    int in_place;
    double eps;
    int64_t n;
    float *x, *weight, *bias, *dy;   /* guarded */
    double *xd, *wd, *bd;            /* what the differences move */
    double *mean, *var;              /* of xd */
    char name[120];
} bn_case;

static double moments(const double *x, adi_pc d, int64_t c, double *var)
{
    double mean = 0.0;
    *var = 0.0;
    for (int64_t p = 0; p < d.p; p++)
        mean += x[p * d.c + c] / (double)d.p;
    for (int64_t p = 0; p < d.p; p++)
        *var += (x[p * d.c + c] - mean) * (x[p * d.c + c] - mean) / (double)d.p;
    return mean;
}

/* Before the activation. */
static double normalised(const bn_case *b, int64_t i, double mean, double var)
{
    const int64_t c = i % b->d.c;
    return b->wd[c] * (b->xd[i] - mean) / sqrt(var + b->eps) + b->bd[c];
}

static double loss(const void *of)
{
    const bn_case *b = of;
    double sum = 0.0;
    for (int64_t c = 0; c < b->d.c; c++) {
        double var;
        const double mean = moments(b->xd, b->d, c, &var);
        for (int64_t i = c; i < b->n; i += b->d.c)
            sum += b->dy[i] * op_act_formula(normalised(b, i, mean, var), b->act);
    }
    return sum;
}

static bn_case bn_case_new(adi_pc d, adi_act act, double eps, double offset)
{
    bn_case b = {.d = d, .act = act, .eps = eps, .n = d.p * d.c};
    snprintf(b.name, sizeof b.name, "%lldx%lld, %s, eps %g, offset %g", (long long)d.p,
             (long long)d.c, op_act_name(act), eps, offset);
    b.x = op_floats(b.n, 1.5);
    for (int64_t i = 0; i < b.n; i++)
        b.x[i] += (float)offset;
    b.weight = op_floats(d.c, 2.0);
    b.bias = op_floats(d.c, 0.5);
    b.dy = op_floats(b.n, 1.0);
    b.xd = gradient_doubles(b.x, b.n);
    b.wd = gradient_doubles(b.weight, d.c);
    b.bd = gradient_doubles(b.bias, d.c);
    b.mean = guarded_doubles(d.c);
    b.var = guarded_doubles(d.c);
    for (int64_t c = 0; c < d.c; c++)
        b.mean[c] = moments(b.xd, d, c, &b.var[c]);
    for (int64_t i = 0; i < b.n; i++) /* near its kink ReLU has no weight in the loss */
        if (fabs(normalised(&b, i, b.mean[i % d.c], b.var[i % d.c])) < 0.01)
            b.dy[i] = 0.0f;
    return b;
}

static void bn_case_free(bn_case *b)
{
    void *const all[] = {b->x, b->weight, b->bias, b->dy, b->xd, b->wd, b->bd, b->mean, b->var};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], b->name);
}

/* dx, dweight, dbias. */
static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const bn_case *b = of;
    float *dy = op_copy(b->dy, b->n), *dx = b->in_place ? dy : guarded_floats(b->n);
    float *dweight = guarded_floats(b->d.c), *dbias = guarded_floats(b->d.c);
    void *scratch = guarded_alloc(be->kernels->batchnorm_train_scratch(b->d, threads));
    const adi_exec ex = {threads, scratch, NULL};
    const adi_batchnorm_batch batch = {b->weight, b->bias, b->mean, b->var, b->eps};
    assert_int_equal(
        be->kernels->batchnorm_bwd(&ex, dx, dweight, dbias, dy, b->x, &batch, b->act, b->d), AD_OK);
    guarded_free(scratch, b->name);
    if (!b->in_place) {
        op_same_bits("dy", dy, b->dy, (size_t)b->n * sizeof *dy); /* only read */
        guarded_free(dy, b->name);
    }
    float *all = guarded_floats(b->n + 2 * b->d.c);
    float *next = gradient_pack(all, dx, b->n, b->name);
    next = gradient_pack(next, dweight, b->d.c, b->name);
    gradient_pack(next, dbias, b->d.c, b->name);
    return all;
}

/* What the terms of dx, dweight and dbias sum to in size. */
static float *units(const bn_case *b)
{
    float *unit = guarded_floats(b->n + 2 * b->d.c);
    for (int64_t c = 0; c < b->d.c; c++) {
        const double r = 1.0 / sqrt(b->var[c] + b->eps), p = (double)b->d.p;
        double sum = 0.0, sum_h = 0.0;
        for (int64_t i = c; i < b->n; i += b->d.c) {
            sum += fabsf(b->dy[i]);
            sum_h += fabs(b->dy[i] * (b->xd[i] - b->mean[c]) * r);
        }
        for (int64_t i = c; i < b->n; i += b->d.c)
            unit[i] =
                (float)(fabs(b->wd[c]) * r *
                        (fabsf(b->dy[i]) + (sum + fabs(b->xd[i] - b->mean[c]) * r * sum_h) / p));
        /* x - mean is rounded as x */
        unit[b->n + c] = (float)(sum_h + fabs(b->mean[c]) * r * 0.1 * sum);
        unit[b->n + b->d.c + c] = (float)sum;
    }
    return unit;
}

static void check(adi_pc d, adi_act act, double eps, double offset)
{
    bn_case b = bn_case_new(d, act, eps, offset);
    const int64_t all = b.n + 2 * d.c;
    float *unit = units(&b), *ref = gradient_backends(b.name, run, &b, unit, all, cpu_limit);
    const double h = 1e-5;
    gradient_check(b.name, loss, &b, b.xd, ref, unit, b.n, h, ref_limit);
    gradient_check(b.name, loss, &b, b.wd, ref + b.n, unit + b.n, d.c, h, ref_limit);
    gradient_check(b.name, loss, &b, b.bd, ref + b.n + d.c, unit + b.n + d.c, d.c, h, ref_limit);
    float *cpu = run(&b, &adi_backend_cpu, 2);
    b.in_place = 1;
    float *ref_in_place = run(&b, &adi_backend_ref, 1),
          *cpu_in_place = run(&b, &adi_backend_cpu, 2);
    op_same_bits("ref in place", ref_in_place, ref, (size_t)all * sizeof *ref);
    op_same_bits("cpu in place", cpu_in_place, cpu, (size_t)all * sizeof *cpu);
    float *const buffers[] = {unit, ref, cpu, ref_in_place, cpu_in_place};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        guarded_free(buffers[i], b.name);
    bn_case_free(&b);
}

static const adi_pc sizes[] = {{1, 1},   {1, 67},  {2, 1},   {2, 5},   {3, 3},   {5, 2},  {7, 64},
                               {49, 17}, {63, 31}, {64, 16}, {65, 67}, {200, 3}, {1000, 1}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void gradients(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++)
        for (int act = ADI_ACT_NONE; act <= ADI_ACT_RELU; act++) {
            check(sizes[i], (adi_act)act, 1e-5, 0.0);
            check(sizes[i], (adi_act)act, 1e-3, 3.0);
        }
    for (int64_t c = 1; c <= 67; c += 3)
        check((adi_pc){op_int(1, 40), c}, (adi_act)(c % 2), 1e-5, op_signed());
    gradient_report("batchnorm_bwd", ref_limit, cpu_limit);
}

/* A shift of x or a larger x changes nothing in y: dx is orthogonal to both, but for eps. */
static void orthogonal(void **state)
{
    (void)state;
    bn_case b = bn_case_new((adi_pc){97, 11}, ADI_ACT_RELU, 0.0, 1.0);
    for (int be = 0; be < 2; be++) {
        float *dx = run(&b, be ? &adi_backend_cpu : &adi_backend_ref, 3);
        for (int64_t c = 0; c < b.d.c; c++) {
            double sum = 0.0, along = 0.0, size = 0.0;
            for (int64_t i = c; i < b.n; i += b.d.c) {
                sum += dx[i];
                along += dx[i] * (b.xd[i] - b.mean[c]);
                size += fabsf(dx[i]);
            }
            assert_true(fabs(sum) <= 1e-6 * size && fabs(along) <= 2e-6 * size);
        }
        guarded_free(dx, b.name);
    }
    bn_case_free(&b);
}

/* Statistics of one backend; the same bits for all thread counts. */
static void stats_of(const adi_backend *be, const float *x, adi_pc d, double *out)
{
    for (size_t t = 0; t < sizeof gradient_threads / sizeof *gradient_threads; t++) {
        double *mean = guarded_doubles(d.c), *var = guarded_doubles(d.c);
        void *scratch = guarded_alloc(be->kernels->batchnorm_train_scratch(d, gradient_threads[t]));
        const adi_exec ex = {gradient_threads[t], scratch, NULL};
        assert_int_equal(be->kernels->batchnorm_stats(&ex, mean, var, x, d), AD_OK);
        if (t > 0) {
            op_same_bits("mean", mean, out, (size_t)d.c * sizeof *out);
            op_same_bits("var", var, out + d.c, (size_t)d.c * sizeof *out);
        }
        memcpy(out, mean, (size_t)d.c * sizeof *out);
        memcpy(out + d.c, var, (size_t)d.c * sizeof *out);
        guarded_free(scratch, "scratch");
        guarded_free(mean, "mean");
        guarded_free(var, "var");
    }
}

/* Sums in double: near their last digits; a variance does not lose those that a mean of a thousand
 * times the deviation takes from the squares. */
static void statistics(void **state)
{
    (void)state;
    const double offsets[] = {0.0, 1.0, 1000.0};
    for (int i = 0; i < 3 * SIZES; i++) {
        const adi_pc d = sizes[i / 3];
        float *x = op_floats(d.p * d.c, 1.0);
        for (int64_t j = 0; j < d.p * d.c; j++)
            x[j] += (float)offsets[i % 3];
        for (int be = 0; be < 2; be++) {
            double *got = guarded_doubles(2 * d.c);
            stats_of(be ? &adi_backend_cpu : &adi_backend_ref, x, d, got);
            for (int64_t c = 0; c < d.c; c++) {
                long double mean = 0.0L, size = 0.0L, var = 0.0L;
                for (int64_t p = 0; p < d.p; p++) {
                    mean += x[p * d.c + c] / (long double)d.p;
                    size += fabsl(x[p * d.c + c]) / (long double)d.p;
                }
                for (int64_t p = 0; p < d.p; p++)
                    var += (x[p * d.c + c] - mean) * (x[p * d.c + c] - mean) / (long double)d.p;
                assert_true(fabsl(got[c] - mean) <= 1e-14L * size);
                assert_true(fabsl(got[d.c + c] - var) <= 1e-9L * var + 1e-18L * size * size);
                assert_true(got[d.c + c] >= 0.0);
            }
            guarded_free(got, "statistics");
        }
        guarded_free(x, "statistics");
    }
}

/* Scale and shift against their formula, in the same bits everywhere. */
static void affine(void **state)
{
    (void)state;
    for (int64_t c = 1; c <= 131; c += 13) {
        float *weight = op_floats(c, 2.0), *bias = op_floats(c, 2.0), *want = guarded_floats(2 * c);
        double *mean = guarded_doubles(c), *var = guarded_doubles(c);
        for (int64_t i = 0; i < c; i++) {
            mean[i] = 10.0 * op_signed();
            var[i] = i % 5 ? 1.0 + op_signed() : 0.0;
            const double s = weight[i] / sqrt(var[i] + 1e-5);
            want[i] = (float)s;
            want[c + i] = (float)(bias[i] - mean[i] * s);
        }
        for (int be = 0; be < 2; be++) {
            const adi_batchnorm_batch b = {weight, bias, mean, var, 1e-5};
            const adi_exec ex = {1 + 2 * be, NULL, NULL};
            const adi_kernels *k = (be ? &adi_backend_cpu : &adi_backend_ref)->kernels;
            float *got = guarded_floats(2 * c);
            assert_int_equal(k->batchnorm_affine(&ex, got, got + c, &b, c), AD_OK);
            op_same_bits("batchnorm_affine", got, want, (size_t)(2 * c) * sizeof *got);
            guarded_free(got, "affine");
        }
        void *const all[] = {weight, bias, want, mean, var};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            guarded_free(all[i], "affine");
    }
}

/* A tenth of the way, with PyTorch's unbiased variance; the same bits everywhere. */
static void running(void **state)
{
    (void)state;
    for (int64_t c = 1; c <= 131; c += 13) {
        float *old = op_floats(2 * c, 5.0), *want = guarded_floats(2 * c);
        double *batch = guarded_doubles(2 * c);
        const adi_pc d = {2 + c % 7, c};
        const double unbiased = (double)d.p / ((double)d.p - 1.0);
        for (int64_t i = 0; i < 2 * c; i++) {
            batch[i] = 1.0 + op_signed();
            want[i] = (float)((1.0 - 0.1) * old[i] + 0.1 * (batch[i] * (i < c ? 1.0 : unbiased)));
        }
        for (int be = 0; be < 2; be++) {
            const adi_exec ex = {1 + 2 * be, NULL, NULL};
            const adi_kernels *k = (be ? &adi_backend_cpu : &adi_backend_ref)->kernels;
            float *got = op_copy(old, 2 * c);
            assert_int_equal(k->batchnorm_running(&ex, got, got + c, batch, batch + c, 0.1, d),
                             AD_OK);
            op_same_bits("batchnorm_running", got, want, (size_t)(2 * c) * sizeof *got);
            guarded_free(got, "running");
        }
        void *const all[] = {old, want, batch};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            guarded_free(all[i], "running");
    }
}

/* Of a channel that does not vary. */
static void constant_channel(void **state)
{
    (void)state;
    const adi_pc d = {97, 5};
    float *x = guarded_floats(d.p * d.c);
    for (int64_t i = 0; i < d.p * d.c; i++)
        x[i] = 0.1f * (float)(i % d.c);
    for (int be = 0; be < 2; be++) {
        double got[10];
        stats_of(be ? &adi_backend_cpu : &adi_backend_ref, x, d, got);
        for (int64_t c = 0; c < d.c; c++) {
            assert_true(fabs(got[c] - x[c]) <= 1e-14);
            assert_true(got[d.c + c] >= 0.0 && got[d.c + c] <= 1e-15);
        }
    }
    guarded_free(x, "constant");
}

/* In x or dy: all of its channel, and nothing of the others. The gradient of the bias does not read
 * x. */
static void nan_survives(void **state)
{
    (void)state;
    for (int in_dy = 0; in_dy < 2; in_dy++) {
        bn_case b = bn_case_new((adi_pc){37, 11}, in_dy ? ADI_ACT_NONE : ADI_ACT_RELU, 1e-5, 0.0);
        (in_dy ? b.dy : b.x)[20 * b.d.c + 4] = NAN;
        for (int be = 0; be < 2; be++) {
            const adi_backend *backend = be ? &adi_backend_cpu : &adi_backend_ref;
            double stats[22];
            stats_of(backend, b.x, b.d, stats);
            for (int64_t c = 0; c < b.d.c && !in_dy; c++) {
                assert_int_equal(!!isnan(stats[c]), c == 4);
                assert_int_equal(!!isnan(stats[b.d.c + c]), c == 4);
            }
            memcpy(b.mean, stats, (size_t)b.d.c * sizeof *stats);
            memcpy(b.var, stats + b.d.c, (size_t)b.d.c * sizeof *stats);
            float *all = run(&b, backend, 3);
            for (int64_t i = 0; i < b.n + 2 * b.d.c; i++)
                if (in_dy || i != b.n + b.d.c + 4)
                    assert_int_equal(!!isnan(all[i]), i % b.d.c == 4);
            guarded_free(all, b.name);
        }
        bn_case_free(&b);
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),  cmocka_unit_test(orthogonal),
        cmocka_unit_test(statistics), cmocka_unit_test(affine), cmocka_unit_test(running), cmocka_unit_test(constant_channel),
        cmocka_unit_test(nan_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
