/* position_gaussian: sums, factors and distances of one Gaussian per position; ref against the
 * definition, cpu against ref, and the same bits for any number of threads and any split into
 * batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/op_case.h"

/* Sums are in double everywhere: a few roundings per image. Factors are rounded to float once.
 * Distances: ref sums in double and rounds once, cpu whitens in float, as mahalanobis does. */
static const double sum_limit = 1e-14, ref_limit = 1.2e-7, cpu_limit = 1e-6;

typedef struct pg_case {
    adi_position_dims d;
    int64_t images;
    float *x, *shift; /* guarded */
    char name[80];
} pg_case;

static pg_case pg_case_new(int64_t p, int64_t d, int64_t images, int32_t fourth, double offset)
{
    pg_case c = {.d = {p, d, fourth}, .images = images};
    c.x = op_floats(images * p * d, 1.0);
    c.shift = op_floats(p * d, 1.0);
    for (int64_t i = 0; i < images * p * d; i++)
        c.x[i] += (float)offset;
    for (int64_t i = 0; i < p * d; i++)
        c.shift[i] += (float)offset;
    snprintf(c.name, sizeof c.name, "p %lld d %lld images %lld fourth %d offset %g", (long long)p,
             (long long)d, (long long)images, fourth, offset);
    return c;
}

static void pg_case_free(pg_case *c)
{
    guarded_free(c->x, c->name);
    guarded_free(c->shift, c->name);
}

/* ---- Sums ----------------------------------------------------------------------------------- */

/* Added in batches of `batch`. */
static double *sums_of(const pg_case *c, const adi_backend *be, int32_t threads, int64_t batch)
{
    const int64_t count = c->d.p * adi_position_sums(&c->d);
    double *sums = guarded_doubles(count);
    memset(sums, 0, (size_t)count * sizeof *sums);
    for (int64_t b = 0; b < c->images; b += batch) {
        const int64_t images = c->images - b < batch ? c->images - b : batch;
        void *scratch =
            guarded_alloc(be->host->position_gaussian_add_scratch(&c->d, images, threads));
        const adi_exec ex = {threads, scratch, NULL};
        be->host->position_gaussian_add(&ex, sums, c->x + b * c->d.p * c->d.d, c->shift, images,
                                           &c->d);
        guarded_free(scratch, c->name);
    }
    return sums;
}

/* One position's sums and the sums of their terms' magnitudes, from the definition. */
static void define_sums(const pg_case *c, int64_t p, long double *sums, long double *size)
{
    const int64_t d = c->d.d, t = adi_triangle(d);
    for (int64_t i = 0; i < adi_position_sums(&c->d); i++)
        sums[i] = size[i] = 0.0L;
    for (int64_t b = 0; b < c->images; b++) {
        long double z[128], q = 0.0L;
        for (int64_t i = 0; i < d; i++) {
            z[i] = (long double)c->x[(b * c->d.p + p) * d + i] - c->shift[p * d + i];
            q += z[i] * z[i];
        }
        for (int64_t i = 0, at = 0; i < d; i++) {
            for (int64_t j = 0; j <= i; j++, at++) {
                sums[at] += z[i] * z[j];
                size[at] += fabsl(z[i] * z[j]);
            }
            sums[t + i] += z[i];
            size[t + i] += fabsl(z[i]);
            if (c->d.fourth) {
                sums[t + d + i] += q * z[i];
                size[t + d + i] += fabsl(q * z[i]);
            }
        }
        if (c->d.fourth)
            size[t + 2 * d] = sums[t + 2 * d] += q * q;
    }
}

static void check_sums(const pg_case *c)
{
    const int64_t each = adi_position_sums(&c->d);
    const size_t bytes = (size_t)(c->d.p * each) * sizeof(double);
    double *ref = sums_of(c, &adi_backend_ref, 1, c->images), *first = NULL;
    long double *want = malloc(2 * (size_t)each * sizeof *want), *size = want + each;
    for (int64_t p = 0; p < c->d.p; p++) {
        define_sums(c, p, want, size);
        for (int64_t i = 0; i < each; i++)
            if (!(fabsl(ref[p * each + i] - want[i]) <= sum_limit * (size[i] + 1e-300L)))
                fail_msg("%s: sum %lld of position %lld is %.17g, not %.17Lg", c->name,
                         (long long)i, (long long)p, ref[p * each + i], want[i]);
    }
    for (int t = 0; t < OP_THREADS; t++)
        for (int64_t batch = 1; batch <= c->images; batch += batch < 9 ? 1 : c->images) {
            double *sums = sums_of(c, &adi_backend_cpu, op_threads[t], batch);
            if (!first) {
                first = sums;
                continue;
            }
            op_same_bits(c->name, sums, first, bytes);
            guarded_free(sums, c->name);
        }
    for (int64_t i = 0; i < c->d.p * each; i++)
        if (!(fabs(first[i] - ref[i]) <= sum_limit * (fabs(ref[i]) + (double)c->images)))
            fail_msg("%s: sum %lld is %.17g, not %.17g", c->name, (long long)i, first[i], ref[i]);
    free(want);
    guarded_free(first, c->name);
    guarded_free(ref, c->name);
}

/* ---- Factors and distances --------------------------------------------------------------------
 */

typedef struct fitted {
    float *factor;
    double *trace;
} fitted;

static fitted factor_of(const pg_case *c, const adi_backend *be, int32_t threads,
                        const double *sums, const adi_position_scale *scale, ad_status want)
{
    fitted f = {guarded_floats(c->d.p * adi_triangle(c->d.d)), guarded_doubles(c->d.p)};
    void *scratch = guarded_alloc(be->host->position_gaussian_factor_scratch(&c->d, threads));
    const adi_exec ex = {threads, scratch, NULL};
    assert_int_equal(be->host->position_gaussian_factor(&ex, f.factor, f.trace, sums, c->images,
                                                           scale, &c->d),
                     want);
    guarded_free(scratch, c->name);
    return f;
}

static void fitted_free(fitted *f, const char *name)
{
    guarded_free(f->factor, name);
    guarded_free(f->trace, name);
}

/* W V W^T is the unit matrix, V from the definition: no other factor with a positive diagonal does
 * that. */
static void check_whitens(const pg_case *c, int64_t p, const double *sums, const fitted *f,
                          const adi_position_scale *scale)
{
    const int64_t d = c->d.d;
    const double *outer = sums + p * adi_position_sums(&c->d), *sum = outer + adi_triangle(d);
    double *w = calloc((size_t)(2 * d * d), sizeof *w), *v = w + d * d, squares = 0.0;
    const float *column = f->factor + p * adi_triangle(d);
    for (int64_t j = 0; j < d; j++)
        for (int64_t i = j; i < d; i++, column++) {
            w[i * d + j] = *column;
            squares += (double)*column * *column;
            v[i * d + j] =
                scale->scatter * (outer[adi_triangle(i) + j] - sum[i] * sum[j] / (double)c->images);
            v[i * d + j] += i == j ? scale->diagonal : 0.0;
            v[j * d + i] = v[i * d + j];
        }
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j <= i; j++) {
            double dot = 0.0, size = 0.0;
            for (int64_t k = 0; k < d; k++)
                for (int64_t l = 0; l < d; l++) {
                    dot += w[i * d + k] * v[k * d + l] * w[j * d + l];
                    size += fabs(w[i * d + k] * v[k * d + l] * w[j * d + l]);
                }
            if (!(fabs(dot - (i == j)) <= ref_limit * (size + 1.0)))
                fail_msg("%s: W V W^T is %g at %lld, %lld", c->name, dot, (long long)i,
                         (long long)j);
        }
    if (!(fabs(f->trace[p] - squares) <= ref_limit * squares))
        fail_msg("%s: |W|^2 is %.17g, not %.17g", c->name, f->trace[p], squares);
    free(w);
}

static float *distance_of(const pg_case *c, const adi_backend *be, int32_t threads, const float *x,
                          const fitted *f)
{
    float *dist = guarded_floats(c->d.p);
    void *scratch = guarded_alloc(be->kernels->position_gaussian_fwd_scratch(&c->d, threads));
    const adi_exec ex = {threads, scratch, NULL};
    assert_int_equal(be->kernels->position_gaussian_fwd(&ex, dist, x, c->shift, f->factor, &c->d),
                     AD_OK);
    guarded_free(scratch, c->name);
    return dist;
}

static void check_distances(const pg_case *c, const fitted *f)
{
    const int64_t d = c->d.d;
    float *want = guarded_floats(c->d.p), *unit = guarded_floats(c->d.p), *first = NULL;
    for (int64_t p = 0; p < c->d.p; p++) {
        double sum = 0.0, size = 0.0, z[128] = {0}, s[128] = {0};
        const float *w = f->factor + p * adi_triangle(d);
        for (int64_t j = 0; j < d; j++)
            for (int64_t i = j; i < d; i++, w++) {
                const double term = *w * ((double)c->x[p * d + j] - c->shift[p * d + j]);
                z[i] += term;
                s[i] += fabs(term);
            }
        for (int64_t i = 0; i < d; i++) {
            sum += z[i] * z[i];
            size += s[i] * s[i];
        }
        want[p] = (float)sum;
        unit[p] = (float)size;
    }
    float *ref = distance_of(c, &adi_backend_ref, 1, c->x, f);
    op_close_ref(c->name, ref, want, unit, c->d.p, ref_limit);
    for (int t = 0; t < OP_THREADS; t++) {
        float *y = distance_of(c, &adi_backend_cpu, op_threads[t], c->x, f);
        op_close(c->name, y, ref, unit, c->d.p, cpu_limit);
        for (int64_t p = 0; p < c->d.p; p++)
            assert_true(y[p] >= 0.0f);
        if (first) {
            op_same_bits(c->name, y, first, (size_t)c->d.p * sizeof *y);
            guarded_free(y, c->name);
        } else {
            first = y;
        }
    }
    guarded_free(first, c->name);
    guarded_free(ref, c->name);
    guarded_free(want, c->name);
    guarded_free(unit, c->name);
}

static void check_factors(const pg_case *c)
{
    const int64_t d = c->d.d, triangle = c->d.p * adi_triangle(d);
    double *sums = sums_of(c, &adi_backend_ref, 1, c->images);
    adi_position_scale *scale = guarded_alloc((size_t)c->d.p * sizeof *scale);
    float *unit = guarded_floats(triangle);
    for (int64_t p = 0; p < c->d.p; p++) /* a different covariance of the same scatter everywhere */
        scale[p] =
            (adi_position_scale){1.0 / (double)(c->images + p), 0.01 + 0.1 * (double)(p % 3), 0.0};
    fitted ref = factor_of(c, &adi_backend_ref, 1, sums, scale, AD_OK), first = {0};
    for (int64_t p = 0; p < c->d.p; p++) {
        check_whitens(c, p, sums, &ref, &scale[p]);
        for (int64_t i = 0; i < adi_triangle(d); i++)
            unit[p * adi_triangle(d) + i] = (float)sqrt(ref.trace[p]);
    }
    const double worst = op_worst;
    for (int t = 0; t < OP_THREADS; t++) {
        fitted cpu = factor_of(c, &adi_backend_cpu, op_threads[t], sums, scale, AD_OK);
        op_close(c->name, cpu.factor, ref.factor, unit, triangle, ref_limit);
        for (int64_t p = 0; p < c->d.p; p++)
            assert_true(fabs(cpu.trace[p] - ref.trace[p]) <= 1e-11 * ref.trace[p]);
        if (t == 0) {
            first = cpu;
            continue;
        }
        op_same_bits(c->name, cpu.factor, first.factor, (size_t)triangle * sizeof(float));
        op_same_bits(c->name, cpu.trace, first.trace, (size_t)c->d.p * sizeof(double));
        fitted_free(&cpu, c->name);
    }
    op_worst = worst;
    check_distances(c, &ref);
    fitted_free(&first, c->name);
    fitted_free(&ref, c->name);
    guarded_free(scale, c->name);
    guarded_free(unit, c->name);
    guarded_free(sums, c->name);
}

static void shapes(void **state)
{
    (void)state;
    static const int64_t sizes[][3] = {
        {1, 1, 2},   {1, 2, 3},  {2, 3, 2},    {15, 7, 5},  {16, 8, 8},   {17, 17, 4}, {1, 67, 9},
        {33, 1, 10}, {5, 33, 5}, {50, 19, 12}, {31, 5, 40}, {3, 128, 16}, {49, 16, 7},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int32_t kind = 0; kind < 4; kind++) {
            pg_case c =
                pg_case_new(sizes[i][0], sizes[i][1], sizes[i][2], kind & 1, kind & 2 ? 1e3 : 0.0);
            check_sums(&c);
            check_factors(&c);
            pg_case_free(&c);
        }
    for (int i = 0; i < 40; i++) {
        pg_case c =
            pg_case_new(op_int(1, 60), op_int(1, 40), op_int(2, 20), (int32_t)op_int(0, 1), 0.0);
        check_sums(&c);
        check_factors(&c);
        pg_case_free(&c);
    }
    op_report("position_gaussian", cpu_limit);
}

/* A position that cannot be factorised is marked; the others are whole. */
static void singular_positions(void **state)
{
    (void)state;
    pg_case c = pg_case_new(40, 6, 12, 0, 0.0);
    double *sums = sums_of(&c, &adi_backend_ref, 1, c.images);
    adi_position_scale scale[40];
    for (int64_t p = 0; p < 40; p++)
        scale[p] = (adi_position_scale){1.0 / 11.0, 0.01, 0.0};
    scale[3] = (adi_position_scale){0.0, 0.0, 0.0};        /* the matrix 0 */
    scale[17] = (adi_position_scale){0.0, 0.01, 0.010001}; /* pivots just not above `least` */
    scale[18] = (adi_position_scale){0.0, 0.01, 0.009999};
    scale[39] = (adi_position_scale){1.0, -1e3, 0.0}; /* not positive */
    static const adi_backend *const backends[] = {&adi_backend_ref, &adi_backend_cpu};
    for (int b = 0; b < 2; b++) {
        fitted f = factor_of(&c, backends[b], 1 + 2 * b, sums, scale, AD_ERR_NUMERIC);
        for (int64_t p = 0; p < 40; p++) {
            assert_int_equal(!!isnan(f.trace[p]), p == 3 || p == 17 || p == 39);
            if (!isnan(f.trace[p]))
                check_whitens(&c, p, sums, &f, &scale[p]);
        }
        fitted_free(&f, c.name);
    }
    sums[5] = NAN;
    scale[3] = scale[17] = scale[39] = scale[0];
    for (int b = 0; b < 2; b++) {
        fitted f = factor_of(&c, backends[b], 2, sums, scale, AD_ERR_NUMERIC);
        for (int64_t p = 0; p < 40; p++)
            assert_int_equal(!!isnan(f.trace[p]), p == 0);
        fitted_free(&f, c.name);
    }
    guarded_free(sums, c.name);
    pg_case_free(&c);
}

/* A NaN position is NaN, its neighbours in the tile are not; at the mean the distance is 0. */
static void nan_survives(void **state)
{
    (void)state;
    pg_case c = pg_case_new(50, 13, 14, 0, 0.0);
    double *sums = sums_of(&c, &adi_backend_ref, 1, c.images);
    adi_position_scale scale[50];
    for (int64_t p = 0; p < 50; p++)
        scale[p] = (adi_position_scale){1.0 / 13.0, 0.01, 0.0};
    fitted f = factor_of(&c, &adi_backend_cpu, 2, sums, scale, AD_OK);
    c.x[5 * 13 + 12] = NAN;
    c.x[20 * 13] = -NAN;
    c.x[49 * 13 + 12] = INFINITY;
    memcpy(c.x + 30 * 13, c.shift + 30 * 13, 13 * sizeof *c.x);
    float *y = distance_of(&c, &adi_backend_cpu, 3, c.x, &f),
          *ref = distance_of(&c, &adi_backend_ref, 1, c.x, &f);
    for (int64_t p = 0; p < 50; p++) {
        assert_int_equal(!!isnan(y[p]), p == 5 || p == 20);
        assert_int_equal(!!isnan(ref[p]), p == 5 || p == 20);
        assert_int_equal(!!isinf(y[p]), p == 49);
        assert_int_equal(y[p] == 0.0f, p == 30);
    }
    guarded_free(y, c.name);
    guarded_free(ref, c.name);
    fitted_free(&f, c.name);
    guarded_free(sums, c.name);
    pg_case_free(&c);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(singular_positions),
        cmocka_unit_test(nan_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
