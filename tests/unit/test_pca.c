/* stats/pca.c: which components are kept, against the card's rule written another way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>

#include "harness/op_case.h"
#include "stats/mvg.h"

static void kept(const double *values, int64_t c, int64_t n, adi_reduce mode, double threshold,
                 int64_t first, int64_t count)
{
    int64_t got_first = -7, got_count = -7;
    assert_int_equal(adi_pca_select(values, c, n, mode, threshold, &got_first, &got_count), AD_OK);
    if (got_first != first || got_count != count)
        fail_msg("mode %d, threshold %g, n %lld: %lld + %lld kept, not %lld + %lld", (int)mode,
                 threshold, (long long)n, (long long)got_first, (long long)got_count,
                 (long long)first, (long long)count);
}

static void nothing_kept(const double *values, int64_t c, int64_t n, adi_reduce mode)
{
    int64_t first = -7, count = -7;
    assert_int_equal(adi_pca_select(values, c, n, mode, 0.95, &first, &count), AD_ERR_NUMERIC);
    assert_int_equal(first, -7); /* outputs are untouched */
    assert_int_equal(count, -7);
}

/* Shares .5 .3 .1 .05 .03 .02, cumulated .5 .8 .9 .95 .98 1. */
static void worked_example(void **state)
{
    (void)state;
    const double v[6] = {50, 30, 10, 5, 3, 2};
    static const struct {
        double threshold;
        int64_t crossing;
    } cases[] = {{0.4, 0}, {0.6, 1}, {0.85, 2}, {0.94, 3}, {0.96, 4}, {0.99, 5}, {0.9999, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t k = cases[i].crossing, from = k ? k - 1 : 0; /* never before the first */
        kept(v, 6, 100, ADI_REDUCE_PCA, cases[i].threshold, 0, k + 1);
        kept(v, 6, 100, ADI_REDUCE_NPCA, cases[i].threshold, from, 6 - from);
    }
    kept(v, 6, 100, ADI_REDUCE_PCA, 1.0, 0, 6); /* nothing exceeds it: the last */
    kept(v, 6, 100, ADI_REDUCE_NPCA, 1.0, 4, 2);
}

/* n vectors about their mean have rank n - 1. */
static void fewer_vectors_than_channels(void **state)
{
    (void)state;
    const double v[6] = {50, 30, 10, 5, 3, 2}; /* what is left beyond the rank is noise here */
    for (int64_t n = 2; n <= 6; n++) {
        int64_t first, count;
        assert_int_equal(adi_pca_select(v, 6, n, ADI_REDUCE_PCA, 0.999999, &first, &count), AD_OK);
        assert_int_equal(first, 0);
        assert_int_equal(count, n - 1);
    }
    kept(v, 6, 7, ADI_REDUCE_PCA, 0.999999, 0, 6);
    nothing_kept(v, 6, 1, ADI_REDUCE_PCA);
    nothing_kept(v, 6, 1, ADI_REDUCE_NPCA);
    kept(v, 6, 2, ADI_REDUCE_NPCA, 0.95, 0, 1);
    kept((const double[]){4.0}, 1, 2, ADI_REDUCE_NPCA, 0.95, 0, 1); /* one channel, two vectors */
}

static void noise_is_not_kept(void **state)
{
    (void)state;
    const double flat[4] = {0, 0, 0, 0}, negative[4] = {-1e-20, -1e-20, -1e-19, -1e-18};
    nothing_kept(flat, 4, 10, ADI_REDUCE_PCA);
    nothing_kept(negative, 4, 10, ADI_REDUCE_NPCA);
    const double nan[3] = {NAN, NAN, NAN};
    nothing_kept(nan, 3, 10, ADI_REDUCE_PCA);
    /* Where a solver leaves a little, either sign: max(n, c) eps of the largest is noise. */
    const double floor = 100 * DBL_EPSILON;
    const double v[5] = {1.0, 0.5, 2 * floor, 0.9 * floor, -0.5 * floor};
    kept(v, 5, 100, ADI_REDUCE_PCA, 0.9999999, 0, 2);
    kept(v, 5, 100, ADI_REDUCE_NPCA, 0.95, 0, 3);
    kept(v, 5, 50, ADI_REDUCE_NPCA, 0.95, 0, 4); /* fewer vectors, lower floor */
    /* Only one direction at all: what NPCA begins at may be beyond it, and is clamped. */
    const double line[3] = {1.0, 0.0, 0.0};
    kept(line, 3, 10, ADI_REDUCE_NPCA, 0.95, 0, 1);
    kept(line, 3, 10, ADI_REDUCE_PCA, 0.95, 0, 1);
}

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Against the rule: k* is the least k with c_k > threshold. */
static void random_spectra(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        double v[20], total = 0.0;
        const int64_t c = op_int(1, 20), n = op_int(2, 40), r = n < c ? n : c;
        const double threshold = 0.01 + 0.98 * fabs(op_signed());
        for (int64_t k = 0; k < c; k++)
            v[k] = exp2(10 * op_signed());
        qsort(v, (size_t)c, sizeof *v, descending);
        for (int64_t k = 0; k < r; k++)
            total += v[k];
        int64_t crossing = 0;
        double c_k = v[0] / total;
        while (crossing < r - 1 && !(c_k > threshold))
            c_k += v[++crossing] / total;
        const int64_t end = n <= c ? n - 1 : r; /* the noise floor is far below */
        const int64_t pca = crossing + 1 < end ? crossing + 1 : end;
        const int64_t npca = crossing > 0 ? crossing - 1 : 0;
        kept(v, c, n, ADI_REDUCE_PCA, threshold, 0, pca);
        if (npca < end)
            kept(v, c, n, ADI_REDUCE_NPCA, threshold, npca, end - npca);
        else
            nothing_kept(v, c, n, ADI_REDUCE_NPCA);
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worked_example),
        cmocka_unit_test(fewer_vectors_than_channels),
        cmocka_unit_test(noise_is_not_kept),
        cmocka_unit_test(random_spectra),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
