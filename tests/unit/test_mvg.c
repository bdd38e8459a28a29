/* stats/mvg.c, mahalanobis.c: the golden fits of NumPy, what follows from the definition, and data
 * that has no covariance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/safetensors.h"
#include "harness/fault_alloc.h"
#include "harness/op_case.h"
#include "stats/mvg.h"

static const adi_allocator *const heap = &adi_default_allocator;
static const adi_backend *const backends[] = {&adi_backend_ref, &adi_backend_cpu};

/* tolerances.csv: float64 with condition numbers below 100. Measured: 2e-14, 4e-16, 4e-15. */
static const double distance_limit = 1e-10, shrinkage_limit = 1e-12, variance_limit = 1e-12;

/* Centred moments and a sample of all rows: what a fit is made from. */
typedef struct rows {
    int64_t n, c;
    float *x; /* guarded */
    adi_moments moments;
    adi_sample sample;
} rows;

static rows rows_from(float *x, int64_t n, int64_t c, const adi_host_kernels *k)
{
    rows r = {.n = n, .c = c, .x = x};
    assert_int_equal(adi_moments_init(&r.moments, heap, c), AD_OK);
    adi_moments_add_f32(&r.moments, k, x, n);
    adi_moments_centre(&r.moments);
    adi_sample_init(&r.sample, heap, c, 100000);
    assert_int_equal(adi_sample_reserve(&r.sample, n), AD_OK);
    adi_sample_add(&r.sample, 1, x, n);
    return r;
}

static void rows_free(rows *r)
{
    guarded_free(r->x, "rows");
    adi_moments_free(&r->moments);
    adi_sample_free(&r->sample);
}

static ad_status fit(const rows *r, const adi_host_kernels *k, adi_reduce reduce, double threshold,
                     int32_t ddof, adi_mvg *out)
{
    const adi_mvg_options o = {reduce, threshold, ddof};
    return adi_mvg_fit(heap, k, &r->moments, reduce == ADI_REDUCE_NONE ? NULL : &r->sample, &o,
                       "layer 'x'", out);
}

static adi_mvg fitted(const rows *r, const adi_host_kernels *k, adi_reduce reduce, double threshold,
                      int32_t ddof)
{
    adi_mvg g;
    if (fit(r, k, reduce, threshold, ddof, &g) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return g;
}

static double distance_of(const adi_mvg *g, const float *x)
{
    double wide[64];
    for (int64_t j = 0; j < g->c; j++)
        wide[j] = x[j];
    return sqrt(adi_mvg_distance2(g, wide));
}

/* ---- Golden --------------------------------------------------------------------------------- */

static const adi_st_tensor *golden_tensor(const adi_safetensors *file, const char *name,
                                          const char *part)
{
    char full[80];
    snprintf(full, sizeof full, "%s.%s", name, part);
    const adi_st_tensor *t = adi_st_find(file, full);
    if (!t)
        fail_msg("no golden tensor %s", full);
    return t;
}

static float *golden_rows(const adi_safetensors *file, const char *name, const char *part,
                          int64_t *n, int64_t *c)
{
    const adi_st_tensor *t = golden_tensor(file, name, part);
    float *x = guarded_floats(t->count);
    assert_int_equal(adi_st_read_f32(file, t, x), AD_OK);
    *n = t->shape[0];
    *c = t->shape[1];
    return x;
}

static double worst_distance, worst_shrinkage;

static void compare_mode(const adi_safetensors *file, const char *name, const char *mode,
                         const rows *r, const adi_host_kernels *k, adi_reduce reduce, double threshold)
{
    char stem[60];
    snprintf(stem, sizeof stem, "%s.%s", name, mode);
    adi_mvg g = fitted(r, k, reduce, threshold, 0);
    double shrinkage, want[10];
    int64_t first, kept, tests, c, got_first = 0, got_kept = r->c;
    memcpy(&first, golden_tensor(file, stem, "first")->data, sizeof first);
    memcpy(&kept, golden_tensor(file, stem, "kept")->data, sizeof kept);
    assert_int_equal(g.r, kept);
    if (reduce != ADI_REDUCE_NONE) {
        double values[64] = {0};
        assert_int_equal(adi_st_read_f64(file, golden_tensor(file, name, "variances"), values),
                         AD_OK);
        assert_int_equal(
            adi_pca_select(values, r->c, r->n, reduce, threshold, &got_first, &got_kept), AD_OK);
    }
    assert_int_equal(got_first, first);
    assert_int_equal(got_kept, kept);
    assert_int_equal(adi_st_read_f64(file, golden_tensor(file, stem, "shrinkage"), &shrinkage),
                     AD_OK);
    worst_shrinkage = fmax(worst_shrinkage, fabs(g.stats[ADI_MVG_SHRINKAGE] - shrinkage));
    assert_int_equal(adi_st_read_f64(file, golden_tensor(file, stem, "distance"), want), AD_OK);
    float *x = golden_rows(file, name, "test", &tests, &c);
    for (int64_t i = 0; i < tests; i++)
        worst_distance = fmax(worst_distance, fabs(distance_of(&g, x + i * c) - want[i]) / want[i]);
    if (!(worst_distance <= distance_limit) || !(worst_shrinkage <= shrinkage_limit))
        fail_msg("%s: distance %.3g off, shrinkage %.3g off", stem, worst_distance,
                 worst_shrinkage);
    guarded_free(x, "test");
    adi_mvg_free(&g);
}

static void golden(void **state)
{
    (void)state;
    static const char *const names[] = {"40x8", "12x30", "200x16", "card"};
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_open(heap, ADFEAT_GOLDEN_DIR "/gaussian.safetensors", &file), AD_OK);
    double worst_variance = 0.0;
    for (int b = 0; b < 2; b++)
        for (int i = 0; i < 4; i++) {
            int64_t n, c;
            const adi_host_kernels *k = backends[b]->host;
            float *x = golden_rows(file, names[i], "train", &n, &c);
            rows r = rows_from(x, n, c, k);
            compare_mode(file, names[i], "none", &r, k, ADI_REDUCE_NONE, 0.0);
            if (i < 3) {
                compare_mode(file, names[i], "pca_0.95", &r, k, ADI_REDUCE_PCA, 0.95);
                compare_mode(file, names[i], "npca_0.95", &r, k, ADI_REDUCE_NPCA, 0.95);
                compare_mode(file, names[i], "npca_0.99", &r, k, ADI_REDUCE_NPCA, 0.99);
                double want[64], *s = guarded_doubles(c * c), *values = guarded_doubles(c);
                double *work = guarded_doubles((int64_t)k->eigen_work(c));
                const adi_st_tensor *t = golden_tensor(file, names[i], "variances");
                assert_int_equal(adi_st_read_f64(file, t, want), AD_OK);
                for (int64_t j = 0; j < c * c; j++)
                    s[j] = r.moments.outer[j] / (double)n;
                assert_int_equal(k->eigen_f64(s, values, c, work), AD_OK);
                for (int64_t j = 0; j < t->count; j++)
                    worst_variance =
                        fmax(worst_variance, fabs(values[c - 1 - j] - want[j]) / want[0]);
                guarded_free(s, "covariance");
                guarded_free(values, "values");
                guarded_free(work, "work");
            }
            rows_free(&r);
        }
    adi_st_close(file);
    assert_true(worst_variance <= variance_limit);
    printf("distance %.2g of %.0e, shrinkage %.2g of %.0e, variances %.2g of %.0e\n",
           worst_distance, distance_limit, worst_shrinkage, shrinkage_limit, worst_variance,
           variance_limit);
}

/* ---- What follows from the definition -------------------------------------------------------- */

static float *random_rows(int64_t n, int64_t c, double offset)
{
    float *x = guarded_floats(n * c);
    for (int64_t i = 0; i < n; i++) {
        const double common = op_signed();
        for (int64_t j = 0; j < c; j++)
            x[i * c + j] = (float)(offset + op_signed() + common * (double)(j % 3));
    }
    return x;
}

/* Dividing by n - 1 scales the covariance, and so every squared distance, by (n - 1) / n. */
static void divisor(void **state)
{
    (void)state;
    for (int reduce = 0; reduce < 3; reduce++) {
        const int64_t n = 37;
        float *x = random_rows(n, 6, 2.0);
        rows r = rows_from(x, n, 6, adi_backend_cpu.host);
        adi_mvg a = fitted(&r, adi_backend_cpu.host, (adi_reduce)reduce, 0.8, 0);
        adi_mvg b = fitted(&r, adi_backend_cpu.host, (adi_reduce)reduce, 0.8, 1);
        for (int64_t i = 0; i < n; i++) {
            const double d = distance_of(&a, x + 6 * i), e = distance_of(&b, x + 6 * i);
            assert_true(fabs(e * e - d * d * (double)(n - 1) / (double)n) <= 1e-12 * d * d);
        }
        assert_true(a.stats[ADI_MVG_SHRINKAGE] == b.stats[ADI_MVG_SHRINKAGE]);
        adi_mvg_free(&a);
        adi_mvg_free(&b);
        rows_free(&r);
    }
}

/* The rms is that of the rows' distances; a mean at a distance adds to it. */
static void root_mean_square(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        const int64_t n = op_int(20, 60), c = op_int(2, 12);
        const adi_host_kernels *k = backends[i & 1]->host;
        float *x = random_rows(n, c, 10.0);
        rows r = rows_from(x, n, c, k);
        adi_mvg g = fitted(&r, k, (adi_reduce)(i % 3), 0.7, 0);
        float *y = random_rows(n, c, 11.0);
        rows other = rows_from(y, n, c, k);
        double scratch[16], own = 0.0, far = 0.0;
        for (int64_t j = 0; j < n; j++) {
            own += distance_of(&g, x + j * c) * distance_of(&g, x + j * c) / (double)n;
            far += distance_of(&g, y + j * c) * distance_of(&g, y + j * c) / (double)n;
        }
        assert_true(fabs(g.stats[ADI_MVG_RMS] - sqrt(own)) <= 1e-10 * sqrt(own));
        assert_true(fabs(adi_mvg_rms(&g, &other.moments, scratch) - sqrt(far)) <=
                    1e-10 * sqrt(far));
        adi_mvg_free(&g);
        rows_free(&r);
        rows_free(&other);
    }
}

/* The largest entry of every component is positive, and both backends give the same rows. */
static void sign_rule(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        const int64_t n = op_int(15, 80), c = op_int(1, 12);
        float *x = random_rows(n, c, 1.0);
        rows r = rows_from(x, n, c, adi_backend_ref.host);
        const adi_reduce mode = i % 2 ? ADI_REDUCE_PCA : ADI_REDUCE_NPCA;
        adi_mvg ref = fitted(&r, adi_backend_ref.host, mode, 0.6, 0);
        adi_mvg cpu = fitted(&r, adi_backend_cpu.host, mode, 0.6, 0);
        assert_int_equal(ref.r, cpu.r);
        assert_memory_equal(ref.mean, cpu.mean, (size_t)c * sizeof(double));
        for (int64_t k = 0; k < ref.r; k++) {
            const double *a = ref.whitening + k * c, *b = cpu.whitening + k * c;
            double largest = 0.0, off = 0.0;
            for (int64_t j = 0; j < c; j++) {
                largest = fabs(a[j]) > fabs(largest) ? a[j] : largest;
                off = fmax(off, fabs(a[j] - b[j]));
            }
            assert_true(largest > 0.0);
            assert_true(off <= 1e-9 * largest);
        }
        adi_mvg_free(&ref);
        adi_mvg_free(&cpu);
        rows_free(&r);
    }
}

/* Without reduction the whitening undoes the shrunk covariance: W S' W^T = 1, W lower triangular.
 */
static void whitening_whitens(void **state)
{
    (void)state;
    const int64_t n = 50, c = 11;
    for (int b = 0; b < 2; b++) {
        rows r = rows_from(random_rows(n, c, 3.0), n, c, backends[b]->host);
        adi_mvg g = fitted(&r, backends[b]->host, ADI_REDUCE_NONE, 0.0, 0);
        double s[11][11], trace = 0.0;
        const double shrinkage = g.stats[ADI_MVG_SHRINKAGE];
        assert_true(shrinkage > 0.0 && shrinkage < 1.0);
        for (int64_t i = 0; i < c; i++)
            trace += r.moments.outer[i * c + i] / (double)n;
        for (int64_t i = 0; i < c; i++)
            for (int64_t j = 0; j <= i; j++)
                s[i][j] = s[j][i] = (1 - shrinkage) * r.moments.outer[i * c + j] / (double)n +
                                    (i == j ? shrinkage * trace / (double)c : 0.0);
        for (int64_t i = 0; i < c; i++)
            for (int64_t j = 0; j < c; j++) {
                double sum = i == j ? -1.0 : 0.0;
                for (int64_t p = 0; p < c; p++)
                    for (int64_t q = 0; q < c; q++)
                        sum += g.whitening[i * c + p] * s[p][q] * g.whitening[j * c + q];
                assert_true(fabs(sum) <= 1e-12);
                if (j > i)
                    assert_true(g.whitening[i * c + j] == 0.0);
            }
        adi_mvg_free(&g);
        rows_free(&r);
    }
}

/* An affine change of the channels' scale and origin, where nothing is shrunk: the same distances.
 * The shrinkage is zero for one channel. */
static void one_channel(void **state)
{
    (void)state;
    const int64_t n = 9;
    for (int reduce = 0; reduce < 3; reduce++) {
        float *x = random_rows(n, 1, 5.0);
        double mean = 0.0, variance = 0.0;
        for (int64_t i = 0; i < n; i++)
            mean += x[i] / (double)n;
        for (int64_t i = 0; i < n; i++)
            variance += (x[i] - mean) * (x[i] - mean) / (double)n;
        rows r = rows_from(x, n, 1, adi_backend_cpu.host);
        adi_mvg g = fitted(&r, adi_backend_cpu.host, (adi_reduce)reduce, 0.95, 0);
        assert_true(g.stats[ADI_MVG_SHRINKAGE] == 0.0);
        const float probe = 7.0f;
        const double want = fabs(7.0 - mean) / sqrt(variance);
        assert_true(fabs(distance_of(&g, &probe) - want) <= 1e-12 * want);
        adi_mvg_free(&g);
        rows_free(&r);
    }
}

/* ---- Data without a covariance ----------------------------------------------------------------
 */

static void singular(const rows *r, const adi_host_kernels *k, adi_reduce reduce, int32_t ddof,
                     const char *what)
{
    adi_mvg g = {.c = -7};
    char sentence[200];
    snprintf(sentence, sizeof sentence,
             "layer 'x': the covariance of %lld vectors of %lld channels is singular: the images "
             "are too "
             "few or too alike",
             (long long)r->n, (long long)r->c);
    const ad_status status = fit(r, k, reduce, 0.95, ddof, &g);
    if (status != AD_ERR_NUMERIC)
        fail_msg("%s: status %d, shrinkage %g, rms %g, largest whitening entry %g", what, status,
                 g.stats[ADI_MVG_SHRINKAGE], g.stats[ADI_MVG_RMS], g.whitening[g.r * g.c - 1]);
    assert_string_equal(ad_last_error_message(), sentence);
    assert_int_equal(g.c, -7); /* untouched */
}

static void equal_vectors(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        const int64_t n = i % 4 ? op_int(2, 300) : 1, c = op_int(1, 20);
        const adi_host_kernels *k = backends[i & 1]->host;
        float *x = guarded_floats(n * c);
        for (int64_t j = 0; j < n * c; j++)
            x[j] = j < c ? (float)(100 * op_signed()) : x[j - c];
        rows r = rows_from(x, n, c, k);
        for (int reduce = 0; reduce < 3; reduce++)
            for (int32_t ddof = 0; ddof < 2; ddof++)
                singular(&r, k, (adi_reduce)reduce, ddof, "equal vectors");
        rows_free(&r);
    }
}

/* Two different vectors, once or many times: rank 1, and a shrinkage of exactly zero, since both
 * lie at the same distance from the mean. Whether a pivot of nothing but rounding is positive is
 * luck, and the covariance is as singular when it is. */
static void two_vectors(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        const int64_t n = i % 2 ? 2 : 2 * op_int(2, 40), c = op_int(2, 20);
        const adi_host_kernels *k = backends[i / 2 & 1]->host;
        float *x = random_rows(n, c, 1.0);
        for (int64_t j = 2 * c; j < n * c; j++)
            x[j] = x[j - 2 * c];
        rows r = rows_from(x, n, c, k);
        singular(&r, k, ADI_REDUCE_NONE, 0, "two vectors");
        rows_free(&r);
    }
}

/* With PCA the one direction that there is can be used: both vectors are at distance 1. */
static void two_vectors_reduced(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        const int64_t c = op_int(2, 20);
        float *x = random_rows(2, c, 1.0);
        rows r = rows_from(x, 2, c, backends[i & 1]->host);
        adi_mvg g = fitted(&r, backends[i & 1]->host,
                           i % 4 < 2 ? ADI_REDUCE_PCA : ADI_REDUCE_NPCA, 0.95, 0);
        assert_int_equal(g.r, 1);
        assert_true(fabs(distance_of(&g, x) - 1.0) <= 1e-9);
        adi_mvg_free(&g);
        rows_free(&r);
    }
}

static void out_of_memory(void **state)
{
    (void)state;
    rows r = rows_from(random_rows(30, 5, 1.0), 30, 5, adi_backend_cpu.host);
    for (int reduce = 0; reduce < 3; reduce++) {
        const adi_mvg_options o = {(adi_reduce)reduce, 0.9, 0};
        long nth = 0;
        for (ad_status status = AD_ERR_OUT_OF_MEMORY; status != AD_OK;) {
            fault_alloc fault = {.fail_at = ++nth};
            const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
            adi_mvg g = {0};
            status = adi_mvg_fit(&a, adi_backend_cpu.host, &r.moments, &r.sample, &o, "x", &g);
            assert_true(status == AD_OK || status == AD_ERR_OUT_OF_MEMORY);
            if (status != AD_OK)
                assert_string_equal(ad_last_error_message(), "out of memory");
            adi_mvg_free(&g);
            assert_int_equal(atomic_load(&fault.live), 0);
            assert_true(nth < 20);
        }
        assert_true(nth > 2);
    }
    rows_free(&r);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(divisor),
        cmocka_unit_test(root_mean_square),
        cmocka_unit_test(sign_rule),
        cmocka_unit_test(whitening_whitens),
        cmocka_unit_test(one_channel),
        cmocka_unit_test(equal_vectors),
        cmocka_unit_test(two_vectors),
        cmocka_unit_test(two_vectors_reduced),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
