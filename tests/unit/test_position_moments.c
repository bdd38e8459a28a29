/* stats/position_moments.c, position_gaussian.c: the golden fits of NumPy, sums that come in pieces
 * and in any order, and data that cannot be fitted. */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/safetensors.h"
#include "harness/fault_alloc.h"
#include "harness/op_case.h"
#include "stats/position_gaussian.h"

static const adi_allocator *const heap = &adi_default_allocator;
static const adi_backend *const backends[] = {&adi_backend_ref, &adi_backend_cpu};

/* Factors and means are rounded to float once; the rms is a double of well-conditioned sums.
 * Distances go through them in float. At an offset of 1000 the rounded mean is up to 3e-5 off, and
 * the factor's entries reach 10. */
static const double factor_limit = 1e-7, rms_limit = 1e-10, distance_limit = 1e-6,
                    offset_limit = 2e-4;
/* Merged against sequential, what ad_fitter_merge() promises. */
static const double merge_limit = 1e-10;

static adi_position_moments *empty(const adi_host_kernels *k, int64_t p, int64_t d, int32_t fourth)
{
    const adi_position_dims dims = {p, d, fourth};
    adi_position_moments *m = NULL;
    assert_int_equal(adi_position_moments_create(heap, k, 3, &dims, &m), AD_OK);
    return m;
}

static void add(adi_position_moments *m, const adi_host_kernels *k, int32_t threads, const float *x,
                int64_t images)
{
    const int64_t each = m->d.p * m->d.d;
    for (int64_t i = 0; i < images; i++) {
        memcpy(adi_position_moments_slot(m), x + i * each, (size_t)each * sizeof *x);
        adi_position_moments_push(m, k, threads);
    }
}

typedef struct model {
    float *mean, *factor;
    double rms;
    int64_t position;
} model;

static ad_status fit(adi_position_moments *m, const adi_host_kernels *k, int32_t shrink, double ridge,
                     model *out)
{
    const adi_position_fit how = {.shrink = shrink, .ridge = ridge};
    *out = (model){guarded_floats(m->d.p * m->d.d), guarded_floats(m->d.p * adi_triangle(m->d.d)),
                   -1.0, -1};
    adi_position_moments_flush(m, k, 3);
    return adi_position_gaussian_fit(heap, k, 3, m, &how, out->mean, out->factor, &out->rms,
                                     &out->position);
}

static void model_free(model *g)
{
    guarded_free(g->mean, "mean");
    guarded_free(g->factor, "factor");
}

/* ---- Golden --------------------------------------------------------------------------------- */

static const adi_st_tensor *golden(const adi_safetensors *file, const char *name, const char *part)
{
    char full[80];
    snprintf(full, sizeof full, "%s.%s", name, part);
    return adi_st_find(file, full);
}

static double *golden_doubles(const adi_safetensors *file, const char *name, const char *part)
{
    const adi_st_tensor *t = golden(file, name, part);
    if (!t)
        fail_msg("no golden tensor %s.%s", name, part);
    double *x = guarded_doubles(t->count);
    assert_int_equal(adi_st_read_f64(file, t, x), AD_OK);
    return x;
}

static float *golden_floats(const adi_safetensors *file, const char *name, const char *part)
{
    const adi_st_tensor *t = golden(file, name, part);
    assert_non_null(t);
    float *x = guarded_floats(t->count);
    assert_int_equal(adi_st_read_f32(file, t, x), AD_OK);
    return x;
}

static double worst_factor, worst_rms, worst_distance;

/* Factors relative to the largest entry of the position's. */
static void compare_factors(const model *g, const double *want, const adi_position_dims *d)
{
    const int64_t t = adi_triangle(d->d);
    for (int64_t p = 0; p < d->p; p++) {
        double largest = 0.0;
        for (int64_t i = 0; i < t; i++)
            largest = fmax(largest, fabs(want[p * t + i]));
        for (int64_t i = 0; i < t; i++)
            worst_factor =
                fmax(worst_factor, fabs(g->factor[p * t + i] - want[p * t + i]) / largest);
    }
}

static void compare_distances(const adi_safetensors *file, const char *name, const char *kind,
                              const model *g, const adi_position_dims *d, const adi_kernels *k,
                              double limit)
{
    float *test = golden_floats(file, name, "test"), *dist = guarded_floats(d->p);
    char part[40];
    snprintf(part, sizeof part, "%s.distance", kind);
    double *want = golden_doubles(file, name, part);
    void *scratch = guarded_alloc(k->position_gaussian_fwd_scratch(d, 2));
    const adi_exec ex = {2, scratch, NULL};
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(
            k->position_gaussian_fwd(&ex, dist, test + i * d->p * d->d, g->mean, g->factor, d),
            AD_OK);
        for (int64_t p = 0; p < d->p; p++) {
            const double off = fabs(sqrt(dist[p]) - want[i * d->p + p]) / want[i * d->p + p];
            worst_distance = fmax(worst_distance, off / limit);
        }
    }
    guarded_free(scratch, "scratch");
    guarded_free(want, "want");
    guarded_free(test, "test");
    guarded_free(dist, "dist");
}

static void compare_case(const adi_safetensors *file, const char *name, int32_t shrink,
                         const adi_backend *be)
{
    const adi_host_kernels *k = be->host;
    const char *kind = shrink ? "ledoit_wolf" : "ridge";
    char part[40];
    const adi_st_tensor *t = golden(file, name, "train");
    const int64_t n = t->shape[0];
    adi_position_moments *m = empty(k, t->shape[1], t->shape[2], shrink);
    float *x = golden_floats(file, name, "train");
    model g;
    add(m, k, 2, x, n);
    if (shrink &&
        n == 2) { /* without shrinkage two vectors span no space: NumPy has no answer either */
        assert_int_equal(fit(m, k, shrink, 0.01, &g), AD_ERR_NUMERIC);
        assert_int_equal(g.position, 0);
    } else {
        assert_int_equal(fit(m, k, shrink, 0.01, &g), AD_OK);
        snprintf(part, sizeof part, "%s.factor", kind);
        double *factor = golden_doubles(file, name, part),
               *mean = golden_doubles(file, name, "mean");
        snprintf(part, sizeof part, "%s.rms", kind);
        double *rms = golden_doubles(file, name, part);
        compare_factors(&g, factor, &m->d);
        for (int64_t i = 0; i < m->d.p * m->d.d; i++)
            assert_true(fabs(g.mean[i] - mean[i]) <= 6e-8 * fabs(mean[i]) + 1e-15);
        worst_rms = fmax(worst_rms, fabs(g.rms - *rms) / *rms);
        compare_distances(file, name, kind, &g, &m->d, be->kernels,
                          strchr(name, '+') ? offset_limit : distance_limit);
        guarded_free(factor, "factor");
        guarded_free(mean, "mean");
        guarded_free(rms, "rms");
    }
    if (!(worst_factor <= factor_limit) || !(worst_rms <= rms_limit) || !(worst_distance <= 1.0))
        fail_msg("%s %s: factor %.3g off, rms %.3g, distance %.3g of its limit", name, kind,
                 worst_factor, worst_rms, worst_distance);
    model_free(&g);
    guarded_free(x, "train");
    adi_position_moments_destroy(m);
}

static void golden_fits(void **state)
{
    (void)state;
    static const char *const names[] = {"40x5x6", "9x4x14", "2x3x5", "25x3x7+1000", "12x2x1"};
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_open(heap, ADFEAT_GOLDEN_DIR "/padim.safetensors", &file), AD_OK);
    for (int b = 0; b < 2; b++)
        for (int i = 0; i < 5; i++)
            for (int32_t shrink = 0; shrink < 2; shrink++)
                compare_case(file, names[i], shrink, backends[b]);
    print_message("golden: factor %.3g off, rms %.3g, distance %.3g of its limit\n", worst_factor,
                  worst_rms, worst_distance);
    adi_st_close(file);
}

/* ---- Streaming ------------------------------------------------------------------------------ */

/* Vectors of unit variance around `offset`, mixed so that channels are correlated. */
static float *vectors(int64_t images, int64_t p, int64_t d, double offset)
{
    float *x = guarded_floats(images * p * d);
    for (int64_t i = 0; i < images * p; i++) {
        double common = op_signed();
        for (int64_t j = 0; j < d; j++)
            x[i * d + j] = (float)(offset + common + 1.4 * op_signed());
    }
    return x;
}

/* Neither where a batch ends nor the number of threads shows in any bit. */
static void any_batch_any_threads(void **state)
{
    (void)state;
    enum { IMAGES = 29, P = 37, D = 11 };
    float *x = vectors(IMAGES, P, D, 5.0);
    for (int b = 0; b < 2; b++)
        for (int32_t fourth = 0; fourth < 2; fourth++) {
            const adi_host_kernels *k = backends[b]->host;
            adi_position_moments *whole = empty(k, P, D, fourth);
            add(whole, k, 1, x, IMAGES);
            adi_position_moments_flush(whole, k, 1);
            for (int64_t step = 1; step < 7; step++) {
                adi_position_moments *m = empty(k, P, D, fourth);
                for (int64_t i = 0; i < IMAGES; i += step) {
                    add(m, k, (int32_t)(1 + step % 3), x + i * P * D,
                        IMAGES - i < step ? IMAGES - i : step);
                    adi_position_moments_flush(m, k, (int32_t)(1 + i % 3));
                }
                assert_int_equal(m->n, IMAGES);
                assert_memory_equal(m->sums, whole->sums,
                                    (size_t)(P * adi_position_sums(&m->d)) * sizeof *m->sums);
                adi_position_moments_destroy(m);
            }
            adi_position_moments_destroy(whole);
        }
    guarded_free(x, "vectors");
}

/* Scatter, mean and fourth moment of a position about its mean: from sums, and from the vectors in
 * long double. The worst difference, as a part of what Cauchy and Schwarz allow. */
static double off_the_truth(const adi_position_moments *m, const float *x, int64_t p)
{
    const int64_t d = m->d.d, n = m->n;
    adi_moments got;
    assert_int_equal(adi_moments_init(&got, heap, d), AD_OK);
    adi_position_moments_at(m, p, &got);
    adi_moments_centre(&got);
    long double *mean = calloc((size_t)(d + d * d), sizeof *mean), *outer = mean + d, q2 = 0.0L,
                worst = 0.0L;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++)
            mean[j] += (long double)x[(i * m->d.p + p) * d + j] / (long double)n;
    for (int64_t i = 0; i < n; i++) {
        const float *v = x + (i * m->d.p + p) * d;
        long double q = 0.0L;
        for (int64_t j = 0; j < d; j++) {
            q += (v[j] - mean[j]) * (v[j] - mean[j]);
            for (int64_t l = 0; l <= j; l++)
                outer[j * d + l] += (v[j] - mean[j]) * (v[l] - mean[l]);
        }
        q2 += q * q;
    }
    for (int64_t j = 0; j < d; j++) {
        const long double digit =
            fabsl(mean[j]) * DBL_EPSILON; /* a double can hold no more of the mean */
        worst = fmaxl(worst, (fabsl(got.shift[j] - mean[j]) - digit) / sqrtl(outer[j * d + j]));
        for (int64_t l = 0; l <= j; l++)
            worst = fmaxl(worst, fabsl(got.outer[j * d + l] - outer[j * d + l]) /
                                     sqrtl(outer[j * d + j] * outer[l * d + l]));
    }
    if (m->d.fourth)
        worst = fmaxl(worst, fabsl(got.q2 - q2) / q2);
    free(mean);
    adi_moments_free(&got);
    return (double)worst;
}

/* A mean of a thousand standard deviations takes no digit from what is centred, streamed or merged,
 * although every piece has another point of its own. */
static void offsets_and_merging(void **state)
{
    (void)state;
    enum { IMAGES = 40, P = 5, D = 9 };
    static const double offsets[] = {0.0, 1e3, -1e4};
    double worst = 0.0;
    for (int o = 0; o < 3; o++)
        for (int32_t fourth = 0; fourth < 2; fourth++) {
            const adi_host_kernels *k = backends[1]->host;
            float *x = vectors(IMAGES, P, D, offsets[o]);
            static const int64_t ends[] = {0, 1, 14, 33, IMAGES};
            adi_position_moments *whole = empty(k, P, D, fourth), *merged = empty(k, P, D, fourth);
            adi_moments scratch;
            assert_int_equal(adi_moments_init(&scratch, heap, D), AD_OK);
            add(whole, k, 2, x, IMAGES);
            adi_position_moments_flush(whole, k, 2);
            for (int piece = 3; piece >= 0; piece--) {
                adi_position_moments *part = empty(k, P, D, fourth);
                add(part, k, 2, x + ends[piece] * P * D, ends[piece + 1] - ends[piece]);
                adi_position_moments_flush(part, k, 2);
                adi_position_moments_merge(merged, part, &scratch);
                adi_position_moments_destroy(part);
            }
            adi_position_moments *nothing = empty(k, P, D, fourth);
            adi_position_moments_merge(merged, nothing, &scratch);
            assert_int_equal(merged->n, IMAGES);
            for (int64_t p = 0; p < P; p++) {
                worst = fmax(worst, off_the_truth(whole, x, p));
                worst = fmax(worst, off_the_truth(merged, x, p));
            }
            if (!(worst <= 1e-13))
                fail_msg("offset %g: %.3g off", offsets[o], worst);
            model a, b;
            assert_int_equal(fit(whole, k, fourth, 0.01, &a), AD_OK);
            assert_int_equal(fit(merged, k, fourth, 0.01, &b), AD_OK);
            assert_true(fabs(a.rms - b.rms) <= merge_limit * a.rms);
            op_close("merged", b.factor, a.factor, NULL, P * adi_triangle(D),
                     1e-6); /* floats up to 8 */
            model_free(&a);
            model_free(&b);
            adi_moments_free(&scratch);
            adi_position_moments_destroy(nothing);
            adi_position_moments_destroy(merged);
            adi_position_moments_destroy(whole);
            guarded_free(x, "vectors");
        }
    print_message("centred sums: %.3g off\n", worst);
}

/* ---- What cannot be fitted ------------------------------------------------------------------ */

static void nothing_varies(void **state)
{
    (void)state;
    enum { IMAGES = 6, P = 7, D = 4 };
    float *x = vectors(IMAGES, P, D, 1.0);
    for (int64_t i = 1; i < IMAGES; i++) /* position 4 is the same in all images */
        memcpy(x + (i * P + 4) * D, x + 4 * D, D * sizeof *x);
    for (int b = 0; b < 2; b++) {
        const adi_host_kernels *k = backends[b]->host;
        adi_position_moments *m = empty(k, P, D, 1);
        model g;
        add(m, k, 2, x, IMAGES);
        assert_int_equal(fit(m, k, 1, 0.01, &g), AD_ERR_NUMERIC);
        assert_int_equal(g.position, 4);
        model_free(&g);
        assert_int_equal(fit(m, k, 0, 0.01, &g), AD_OK); /* the ridge makes it invertible */
        for (int64_t j = 0; j < D; j++)
            assert_true(g.mean[4 * D + j] == x[4 * D + j]);
        assert_true(g.factor[4 * adi_triangle(D)] == 10.0f);
        model_free(&g);
        assert_int_equal(fit(m, k, 0, 1e-12, &g), AD_OK);
        model_free(&g);
        adi_position_moments_destroy(m);
    }
    guarded_free(x, "vectors");
}

/* Five vectors of nine dimensions and a ridge that is rounding noise beside them: singular, not
 * noise inverted. */
static void ridge_below_the_noise(void **state)
{
    (void)state;
    enum { IMAGES = 5, P = 3, D = 9 };
    float *x = vectors(IMAGES, P, D, 0.0);
    for (int64_t i = 0; i < IMAGES * P * D; i++)
        x[i] *= 1e3f;
    for (int b = 0; b < 2; b++) {
        const adi_host_kernels *k = backends[b]->host;
        adi_position_moments *m = empty(k, P, D, 0);
        model g;
        add(m, k, 1, x, IMAGES);
        assert_int_equal(fit(m, k, 0, 1e-10, &g), AD_ERR_NUMERIC);
        model_free(&g);
        assert_int_equal(fit(m, k, 0, 1e-3, &g), AD_OK);
        model_free(&g);
        adi_position_moments_destroy(m);
    }
    guarded_free(x, "vectors");
}

static void allocation_failures(void **state)
{
    (void)state;
    const adi_host_kernels *k = backends[1]->host;
    const adi_position_dims d = {4, 5, 1};
    fault_alloc faults = {0};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &faults};
    adi_position_moments *m = NULL;
    for (faults.fail_at = 1; faults.fail_at <= 5; faults.fail_at++) {
        atomic_store(&faults.calls, 0);
        assert_int_equal(adi_position_moments_create(&a, k, 2, &d, &m), AD_ERR_OUT_OF_MEMORY);
        assert_int_equal(atomic_load(&faults.live), 0);
    }
    atomic_store(&faults.calls, 0);
    assert_int_equal(adi_position_moments_create(&a, k, 2, &d, &m), AD_OK);
    assert_int_equal(atomic_load(&faults.bytes), adi_position_moments_bytes(k, 2, &d));
    adi_position_moments_destroy(m);
    assert_int_equal(atomic_load(&faults.live), 0);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_fits),           cmocka_unit_test(any_batch_any_threads),
        cmocka_unit_test(offsets_and_merging),   cmocka_unit_test(nothing_varies),
        cmocka_unit_test(ridge_below_the_noise), cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests_name("position_moments", tests, NULL, NULL);
}
