/* stats/moments.c: sums about any point, in pieces, in any order, against long double sums over all
 * the vectors at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/op_case.h"
#include "stats/moments.h"

static const adi_allocator *const heap = &adi_default_allocator;
static const adi_backend *const backends[] = {&adi_backend_ref, &adi_backend_cpu};

/* Merged against sequential, relative: what ad_fitter_merge() promises. Measured: 4e-14. */
static const double limit = 1e-10;

typedef struct sums {
    int64_t c;
    long double q1, q2, *sum, *qsum, *outer;
} sums;

static sums sums_about(const double *x, int64_t n, int64_t c, const double *shift)
{
    sums s = {.c = c, .sum = calloc((size_t)(c * (2 + c)), sizeof(long double))};
    assert_non_null(s.sum);
    s.qsum = s.sum + c;
    s.outer = s.qsum + c;
    for (int64_t i = 0; i < n; i++) {
        long double q = 0.0L;
        for (int64_t j = 0; j < c; j++) {
            const long double d = (long double)x[i * c + j] - shift[j];
            q += d * d;
        }
        for (int64_t j = 0; j < c; j++) {
            const long double d = (long double)x[i * c + j] - shift[j];
            s.sum[j] += d;
            s.qsum[j] += q * d;
            for (int64_t k = 0; k <= j; k++)
                s.outer[j * c + k] += d * ((long double)x[i * c + k] - shift[k]);
        }
        s.q1 += q;
        s.q2 += q * q;
    }
    return s;
}

/* Each against the size that its terms can have (Cauchy-Schwarz); returns the worst. */
static double distance(const adi_moments *m, const sums *s)
{
    const int64_t c = s->c;
    const long double n = (long double)m->n, q1 = s->q1 > 0 ? s->q1 : 1.0L,
                      q2 = s->q2 > 0 ? s->q2 : 1.0L;
    long double worst = fmaxl(fabsl(m->q1 - s->q1) / q1, fabsl(m->q2 - s->q2) / q2);
    for (int64_t j = 0; j < c; j++) {
        const long double sj = sqrtl(s->outer[j * c + j]), unit = sj > 0 ? sj : 1.0L;
        worst = fmaxl(worst, fabsl(m->sum[j] - s->sum[j]) / (sqrtl(n) * unit));
        worst = fmaxl(worst, fabsl(m->qsum[j] - s->qsum[j]) / (sqrtl(q2) * unit));
        for (int64_t k = 0; k < c; k++) {
            const long double sk = sqrtl(s->outer[k * c + k]);
            if (k <= j)
                worst = fmaxl(worst, fabsl(m->outer[j * c + k] - s->outer[j * c + k]) /
                                         (sj * sk > 0 ? sj * sk : 1.0L));
            else
                assert_true(m->outer[j * c + k] == 0.0); /* nobody writes above the diagonal */
        }
    }
    return (double)worst;
}

static double check_sums(const adi_moments *m, const double *x, int64_t n, double allowed)
{
    sums s = sums_about(x, n, m->c, m->shift);
    assert_int_equal(m->n, n);
    const double worst = distance(m, &s);
    if (!(worst <= allowed))
        fail_msg("%lld vectors of %lld: %.3g off, limit %.3g", (long long)n, (long long)m->c, worst,
                 allowed);
    free(s.sum);
    return worst;
}

/* Correlated vectors, channels of different sizes, on top of an offset. */
static double *vectors(int64_t n, int64_t c, double offset)
{
    double *x = guarded_doubles(n * c);
    for (int64_t i = 0; i < n; i++) {
        const double common = op_signed();
        for (int64_t j = 0; j < c; j++)
            x[i * c + j] = offset + (op_signed() + 0.5 * common) * exp2((double)(j % 7) - 3.0);
    }
    return x;
}

static adi_moments made(int64_t c)
{
    adi_moments m;
    assert_int_equal(adi_moments_init(&m, heap, c), AD_OK);
    return m;
}

static void added_in_pieces(void **state)
{
    (void)state;
    static const int64_t counts[] = {1, 2, 127, 128, 129, 300, 1000},
                         channels[] = {1, 2, 3, 17, 64};
    double worst = 0.0;
    for (int b = 0; b < 2; b++)
        for (int i = 0; i < 7; i++)
            for (int j = 0; j < 5; j++)
                for (int large = 0; large < 2; large++) {
                    const int64_t n = counts[i], c = channels[j];
                    double *x = vectors(n, c, large ? 1e6 : 0.0);
                    adi_moments whole = made(c), pieces = made(c);
                    adi_moments_add_f64(&whole, backends[b]->host, x, n);
                    for (int64_t at = 0, some; at < n; at += some) {
                        some = op_int(1, n - at < 200 ? n - at : 200);
                        adi_moments_add_f64(&pieces, backends[b]->host, x + at * c, some);
                    }
                    worst = fmax(worst, check_sums(&whole, x, n, limit));
                    worst = fmax(worst, check_sums(&pieces, x, n, limit));
                    adi_moments_centre(&whole);
                    adi_moments_centre(&pieces);
                    worst = fmax(worst, check_sums(&whole, x, n, limit));
                    worst = fmax(worst, check_sums(&pieces, x, n, limit));
                    adi_moments_free(&whole);
                    adi_moments_free(&pieces);
                    guarded_free(x, "vectors");
                }
    printf("added and centred: %.2g, limit %.0e\n", worst, limit);
}

/* float32 input is the same as its values in double, to the bit. */
static void floats_are_widened(void **state)
{
    (void)state;
    const int64_t n = 333, c = 19;
    float *f = op_floats(n * c, 3.0);
    double *x = guarded_doubles(n * c);
    for (int64_t i = 0; i < n * c; i++)
        x[i] = f[i];
    for (int b = 0; b < 2; b++) {
        adi_moments a = made(c), d = made(c);
        adi_moments_add_f32(&a, backends[b]->host, f, n);
        adi_moments_add_f64(&d, backends[b]->host, x, n);
        assert_memory_equal(a.shift, d.shift, (size_t)(c * (3 + c)) * sizeof(double));
        assert_true(a.q1 == d.q1 && a.q2 == d.q2 && a.n == d.n);
        adi_moments_free(&a);
        adi_moments_free(&d);
    }
    guarded_free(f, "floats");
    guarded_free(x, "vectors");
}

/* About any point, near and far, and back. */
static void recentred(void **state)
{
    (void)state;
    double worst = 0.0;
    for (int i = 0; i < 60; i++) {
        const int64_t n = op_int(20, 200), c = op_int(1, 40);
        double *x = vectors(n, c, 0.0), *point = guarded_doubles(c);
        adi_moments m = made(c);
        adi_moments_add_f64(&m, adi_backend_cpu.host, x, n);
        for (int turn = 0; turn < 3; turn++) {
            for (int64_t j = 0; j < c; j++)
                point[j] = (turn == 1 ? 20.0 : 1.0) * op_signed() * exp2((double)(j % 7) - 3.0);
            adi_moments_recentre(&m, point);
            assert_memory_equal(m.shift, point, (size_t)c * sizeof *point);
            /* back from far away, the digits that were spent on it are missing: 20^4 times the
             * rounding */
            worst = fmax(worst, check_sums(&m, x, n, turn == 2 ? 1e-8 : limit));
        }
        adi_moments_free(&m);
        guarded_free(x, "vectors");
        guarded_free(point, "point");
    }
    printf("recentred: %.2g\n", worst);
}

/* Split at random, merged in random order, some parts empty: as if added one after another. */
static void merged_in_any_order(void **state)
{
    (void)state;
    double worst = 0.0;
    for (int i = 0; i < 150; i++) {
        enum { PARTS = 6 };
        const int64_t n = op_int(1, 700), c = op_int(1, 33);
        double *x = vectors(n, c, i % 3 == 0 ? 1e6 : i % 3 == 1 ? 50.0 : 0.0);
        adi_moments parts[PARTS], scratch = made(c);
        int64_t at = 0;
        for (int p = 0; p < PARTS; p++) {
            const int64_t some = p + 1 == PARTS ? n - at : op_int(0, 2) ? op_int(0, n - at) : 0;
            parts[p] = made(c);
            adi_moments_add_f64(&parts[p], backends[i & 1]->host, x + at * c, some);
            at += some;
        }
        for (int left = PARTS; left > 1; left--) {
            const int a = (int)op_int(0, left - 1);
            int b = (int)op_int(0, left - 2);
            b += b >= a;
            adi_moments before = made(c);
            adi_moments_copy(&before, &parts[b]);
            adi_moments_merge(&parts[a], &parts[b], &scratch);
            assert_memory_equal(before.shift, parts[b].shift,
                                (size_t)(c * (3 + c)) * sizeof(double));
            assert_true(before.n == parts[b].n && before.q1 == parts[b].q1 &&
                        before.q2 == parts[b].q2);
            adi_moments_free(&before);
            adi_moments_free(&parts[b]);
            parts[b] = parts[left - 1]; /* also where that is the sum itself */
        }
        worst = fmax(worst, check_sums(&parts[0], x, n, limit));
        adi_moments_centre(&parts[0]);
        worst = fmax(worst, check_sums(&parts[0], x, n, limit));
        adi_moments_free(&parts[0]);
        adi_moments_free(&scratch);
        guarded_free(x, "vectors");
    }
    printf("merged: %.2g, limit %.0e\n", worst, limit);
}

/* Two halves whose means are far apart: most of the variance is between them. */
static void merged_far_apart(void **state)
{
    (void)state;
    const int64_t n = 400, c = 9;
    double *x = vectors(n, c, 0.0);
    for (int64_t i = n / 2 * c; i < n * c; i++)
        x[i] += 1e4;
    adi_moments a = made(c), b = made(c), scratch = made(c);
    adi_moments_add_f64(&a, adi_backend_cpu.host, x, n / 2);
    adi_moments_add_f64(&b, adi_backend_cpu.host, x + n / 2 * c, n / 2);
    adi_moments_merge(&a, &b, &scratch);
    adi_moments_centre(&a);
    check_sums(&a, x, n, limit);
    adi_moments_free(&a);
    adi_moments_free(&b);
    adi_moments_free(&scratch);
    guarded_free(x, "vectors");
}

/* Nothing added: nothing to centre, nothing to merge. */
static void empty(void **state)
{
    (void)state;
    adi_moments a = made(3), b = made(3), scratch = made(3);
    adi_moments_add_f32(&a, adi_backend_cpu.host, NULL, 0);
    adi_moments_centre(&a);
    adi_moments_merge(&a, &b, &scratch);
    assert_true(a.n == 0 && a.q1 == 0.0 && a.q2 == 0.0 && a.outer[0] == 0.0);
    const double one[3] = {1.0, 2.0, 3.0};
    adi_moments_add_f64(&b, adi_backend_cpu.host, one, 1);
    adi_moments_merge(&a, &b, &scratch); /* empty with something */
    adi_moments_merge(&b, &scratch, &a); /* and something with empty: scratch was not used yet */
    assert_int_equal(b.n, 1);
    check_sums(&b, one, 1, 0.0);
    adi_moments_free(&a);
    adi_moments_free(&b);
    adi_moments_free(&scratch);
    adi_moments_free(&scratch); /* twice is harmless */
}

static void out_of_memory(void **state)
{
    (void)state;
    fault_alloc fault = {.fail_at = 1};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
    adi_moments m;
    assert_int_equal(adi_moments_init(&m, &a, 50), AD_ERR_OUT_OF_MEMORY);
    assert_string_equal(ad_last_error_message(), "out of memory");
    adi_moments_free(&m);
    assert_int_equal(adi_moments_init(&m, &a, 50), AD_OK);
    assert_true((size_t)atomic_load(&fault.peak) <= adi_moments_bytes(50));
    adi_moments_free(&m);
    assert_int_equal(atomic_load(&fault.live), 0);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(added_in_pieces),  cmocka_unit_test(floats_are_widened),
        cmocka_unit_test(recentred),        cmocka_unit_test(merged_in_any_order),
        cmocka_unit_test(merged_far_apart), cmocka_unit_test(empty),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
