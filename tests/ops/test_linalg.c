/* The statistics' linear algebra in double, on ref and on cpu: residuals against the definitions,
 * what is left alone, and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>

#include "harness/op_case.h"

static const int64_t sizes[] = {1, 2, 3, 64, 257};
enum { SIZES = sizeof sizes / sizeof *sizes };
static const adi_backend *const backends[] = {&adi_backend_ref, &adi_backend_cpu};

/* Residuals relative to the largest entry, per column of the matrix: c n eps with a small c
 * (measured: 1 for the factors, 7 for Jacobi's eigenvectors at n = 3). */
static const double limit_per_n = 16 * DBL_EPSILON;

/* B B^T + I / 1000 with B of at most 16 columns: symmetric, condition number up to 1e5. What lies
 * above the diagonal is NaN, since nobody may read it. */
static double *spd(int64_t n, double scale)
{
    enum { COLUMNS = 16 };
    double *a = guarded_doubles(n * n), *b = guarded_doubles(n * COLUMNS);
    for (int64_t i = 0; i < n * COLUMNS; i++)
        b[i] = op_signed();
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double s = i == j ? 1e-3 : 0.0;
            for (int64_t k = 0; k < COLUMNS && j <= i; k++)
                s += b[i * COLUMNS + k] * b[j * COLUMNS + k];
            a[i * n + j] = j > i ? NAN : scale * s;
        }
    guarded_free(b, "factor");
    return a;
}

static double *copy_of(const double *a, int64_t count)
{
    double *c = guarded_doubles(count);
    memcpy(c, a, (size_t)count * sizeof *a);
    return c;
}

static double largest_lower(const double *a, int64_t n)
{
    double m = 0.0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++)
            m = fmax(m, fabs(a[i * n + j]));
    return m;
}

static void cholesky_and_inverse(void **state)
{
    (void)state;
    static const double scales[] = {1.0, 1e-200, 1e200};
    double worst = 0.0, worst_inverse = 0.0;
    for (int b = 0; b < 2; b++)
        for (int s = 0; s < SIZES; s++)
            for (int v = 0; v < 3; v++) {
                const int64_t n = sizes[s];
                double *a = spd(n, scales[v]), *l = copy_of(a, n * n);
                const double norm = largest_lower(a, n);
                assert_int_equal(backends[b]->host->cholesky_f64(l, n), AD_OK);
                for (int64_t i = 0; i < n; i++)
                    for (int64_t j = 0; j < n; j++) {
                        if (j > i)
                            assert_true(l[i * n + j] == 0.0);
                        if (j > i)
                            continue;
                        double sum = 0.0;
                        for (int64_t k = 0; k <= j; k++)
                            sum += l[i * n + k] * l[j * n + k];
                        worst = fmax(worst, fabs(sum - a[i * n + j]) / norm / (double)n);
                    }
                assert_true(worst <= limit_per_n);
                double *inverse = copy_of(l, n * n);
                assert_int_equal(backends[b]->host->trinv_f64(inverse, n), AD_OK);
                for (int64_t i = 0; i < n; i++)
                    for (int64_t j = 0; j < n; j++) {
                        if (j > i)
                            assert_true(inverse[i * n + j] == 0.0);
                        double sum = i == j ? -1.0 : 0.0, size = 1.0; /* the usual bound's unit */
                        for (int64_t k = j; k <= i; k++) {
                            sum += l[i * n + k] * inverse[k * n + j];
                            size += fabs(l[i * n + k] * inverse[k * n + j]);
                        }
                        worst_inverse = fmax(worst_inverse, fabs(sum) / size / (double)n);
                    }
                assert_true(worst_inverse <= limit_per_n);
                guarded_free(a, "matrix");
                guarded_free(l, "factor");
                guarded_free(inverse, "inverse");
            }
    printf("cholesky: worst residual %.3g n, inverse %.3g n, limit %.3g n\n", worst, worst_inverse,
           limit_per_n);
}

/* Not positive definite in one way each; the place moves through the matrix. */
static void cholesky_refuses(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++)
        for (int s = 0; s < SIZES; s++)
            for (int way = 0; way < 6; way++)
                for (int place = 0; place < 3; place++) {
                    const int64_t n = sizes[s], i = place == 0 ? 0 : place == 1 ? n / 2 : n - 1;
                    double *a = spd(n, 1.0);
                    if (way == 0)
                        a[i * n + i] = -1.0;
                    else if (way == 1)
                        a[i * n + i] = NAN;
                    else if (way == 2)
                        a[i * n + i] = -INFINITY;
                    else if (way == 3)
                        a[i * n] = NAN;
                    else if (way == 4)
                        a[i * n] = INFINITY; /* also on the diagonal, where i is 0 */
                    else
                        for (int64_t k = 0; k < n;
                             k++) /* a row and column of zeros: singular exactly */
                            a[k > i ? k * n + i : i * n + k] = 0.0;
                    const ad_status status = backends[b]->host->cholesky_f64(a, n);
                    if (status != AD_ERR_NUMERIC)
                        fail_msg("%s: n %lld, way %d, place %lld: status %d", backends[b]->name,
                                 (long long)n, way, (long long)i, status);
                    guarded_free(a, "matrix");
                }
}

static void inverse_refuses(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++)
        for (int s = 0; s < SIZES; s++)
            for (int place = 0; place < 3; place++) {
                const int64_t n = sizes[s], i = place == 0 ? 0 : place == 1 ? n / 2 : n - 1;
                double *l = guarded_doubles(n * n);
                for (int64_t k = 0; k < n * n; k++)
                    l[k] = k % n > k / n ? 0.0 : k % n == k / n ? 1.0 : 0.25;
                l[i * n + i] = 0.0;
                assert_int_equal(backends[b]->host->trinv_f64(l, n), AD_ERR_NUMERIC);
                guarded_free(l, "matrix");
            }
}

/* S = Q diag(values) Q^T from a product of Householder reflections; NaN above the diagonal. */
static double *with_spectrum(int64_t n, const double *values)
{
    double *a = guarded_doubles(n * n), *v = guarded_doubles(n), *av = guarded_doubles(n);
    for (int64_t i = 0; i < n * n; i++)
        a[i] = i % n == i / n ? values[i / n] : 0.0;
    for (int turn = 0; turn < 3; turn++) {
        double vv = 0.0, vav = 0.0;
        for (int64_t i = 0; i < n; i++) {
            v[i] = op_signed();
            vv += v[i] * v[i];
        }
        for (int64_t i = 0; i < n; i++) {
            av[i] = 0.0;
            for (int64_t j = 0; j < n; j++)
                av[i] += a[i * n + j] * v[j];
            vav += v[i] * av[i];
        }
        for (int64_t i = 0; i < n; i++) /* H A H with H = 1 - 2 v v^T / vv */
            for (int64_t j = 0; j < n; j++)
                a[i * n + j] +=
                    -2 / vv * (v[i] * av[j] + av[i] * v[j]) + 4 * vav / vv / vv * v[i] * v[j];
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++)
            a[i * n + j] = NAN;
    guarded_free(v, "reflection");
    guarded_free(av, "reflection");
    return a;
}

/* Ascending order, A v = lambda v, orthonormal rows, and the spectrum that was put in. */
static double check_eigen(const adi_backend *be, const double *a, int64_t n, const double *want)
{
    double *v = copy_of(a, n * n), *values = guarded_doubles(n);
    double *work = guarded_doubles((int64_t)be->host->eigen_work(n));
    assert_int_equal(be->host->eigen_f64(v, values, n, work), AD_OK);
    const double norm = fmax(largest_lower(a, n), DBL_MIN);
    double worst = 0.0;
    for (int64_t i = 0; i < n; i++) {
        if (i)
            assert_true(values[i] >= values[i - 1]);
        worst = fmax(worst, fabs(values[i] - want[i]) / norm);
        for (int64_t j = 0; j < n; j++) {
            double av = 0.0, dot = i == j ? -1.0 : 0.0;
            for (int64_t k = 0; k < n; k++) {
                av += a[j > k ? j * n + k : k * n + j] * v[i * n + k];
                dot += v[i * n + k] * v[j * n + k];
            }
            worst = fmax(worst, fabs(av - values[i] * v[i * n + j]) / norm);
            worst = fmax(worst, fabs(dot));
        }
    }
    guarded_free(v, "vectors");
    guarded_free(values, "values");
    guarded_free(work, "work");
    assert_true(worst == worst);
    return worst / (double)n;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void eigen(void **state)
{
    (void)state;
    double worst[2] = {0.0, 0.0};
    for (int s = 0; s < SIZES; s++)
        for (int kind = 0; kind < 7; kind++) {
            const int64_t n = sizes[s];
            double *want = guarded_doubles(n);
            for (int64_t i = 0; i < n; i++)
                want[i] = kind == 0   ? op_signed()
                          : kind == 1 ? exp2(-0.25 * (double)i) /* graded */
                          : kind == 2 ? (double)(i >= n / 2)    /* two values, many times */
                          : kind == 3 ? 0.0
                          : kind == 4 ? 1e150 * op_signed()
                          : kind == 5 ? 1e-150 * op_signed()
                                      : 1.0;
            qsort(want, (size_t)n, sizeof *want, ascending);
            double *a = with_spectrum(n, want);
            for (int b = 0; b < 2; b++)
                if (b || n < 257 || kind == 1) /* ref's Jacobi takes its time */
                    worst[b] = fmax(worst[b], check_eigen(backends[b], a, n, want));
            guarded_free(a, "matrix");
            guarded_free(want, "spectrum");
        }
    printf("eigen: worst residual ref %.3g n, cpu %.3g n, limit %.3g n\n", worst[0], worst[1],
           limit_per_n);
    assert_true(worst[0] <= limit_per_n && worst[1] <= limit_per_n);
}

/* LAPACK may not come back from NaN: it must be seen before. */
static void eigen_refuses(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++)
        for (int s = 0; s < SIZES; s++)
            for (int way = 0; way < 6; way++) {
                const int64_t n = sizes[s];
                double *a = spd(n, 1.0), *values = guarded_doubles(n);
                double *work = guarded_doubles((int64_t)backends[b]->host->eigen_work(n));
                a[way % 3 == 0   ? 0
                  : way % 3 == 1 ? (n - 1) * n
                                 : n * n - 1] = way < 3 ? NAN : -INFINITY;
                assert_int_equal(backends[b]->host->eigen_f64(a, values, n, work),
                                 AD_ERR_NUMERIC);
                guarded_free(a, "matrix");
                guarded_free(values, "values");
                guarded_free(work, "work");
            }
}

/* Adds to what is there, in the lower triangle only. */
static void syrk(void **state)
{
    (void)state;
    static const adi_pc dims[] = {{1, 1}, {1, 3}, {128, 2}, {127, 64}, {5, 257}, {129, 33}};
    for (int b = 0; b < 2; b++)
        for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
            const int64_t p = dims[i].p, c = dims[i].c;
            double *d = guarded_doubles(p * c), *s = guarded_doubles(c * c);
            for (int64_t k = 0; k < p * c; k++)
                d[k] = op_signed();
            for (int64_t k = 0; k < c * c; k++)
                s[k] = (double)k;
            backends[b]->host->syrk_add_f64(s, d, dims[i]);
            for (int64_t r = 0; r < c; r++)
                for (int64_t q = 0; q < c; q++) {
                    long double want = (long double)(r * c + q);
                    for (int64_t k = 0; k < p && q <= r; k++)
                        want += (long double)d[k * c + r] * d[k * c + q];
                    const double size = (double)((r * c + q) * (b ? 1 : p) + p);
                    if (q > r)
                        assert_true((long double)s[r * c + q] == want);
                    else /* cpu adds the finished product once, ref row by row */
                        assert_true(fabsl(s[r * c + q] - want) <= 2 * DBL_EPSILON * size);
                }
            guarded_free(d, "rows");
            guarded_free(s, "sums");
        }
}

/* The same input twice gives the same bits, and the caller's OpenMP setting is put back. */
static void repeats(void **state)
{
    (void)state;
    const int64_t n = 257;
    const int32_t before = adi_backend_cpu.max_threads();
    double *a = spd(n, 1.0), *values[2], *vectors[2];
    for (int i = 0; i < 2; i++) {
        const adi_host_kernels *k = adi_backend_cpu.host;
        values[i] = guarded_doubles(n);
        vectors[i] = copy_of(a, n * n);
        double *work = guarded_doubles((int64_t)k->eigen_work(n)), *l = copy_of(a, n * n);
        assert_int_equal(k->eigen_f64(vectors[i], values[i], n, work), AD_OK);
        assert_int_equal(k->cholesky_f64(l, n), AD_OK);
        assert_int_equal(k->trinv_f64(l, n), AD_OK);
        assert_int_equal(adi_backend_cpu.max_threads(), before);
        guarded_free(work, "work");
        guarded_free(l, "factor");
    }
    op_same_bits("values", values[0], values[1], (size_t)n * sizeof(double));
    op_same_bits("vectors", vectors[0], vectors[1], (size_t)(n * n) * sizeof(double));
    for (int i = 0; i < 2; i++) {
        guarded_free(values[i], "values");
        guarded_free(vectors[i], "vectors");
    }
    guarded_free(a, "matrix");
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cholesky_and_inverse),
        cmocka_unit_test(cholesky_refuses),
        cmocka_unit_test(inverse_refuses),
        cmocka_unit_test(eigen),
        cmocka_unit_test(eigen_refuses),
        cmocka_unit_test(syrk),
        cmocka_unit_test(repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
