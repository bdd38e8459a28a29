/* stats/roc.c, stats/radix.c and the public calls over them: known vectors, an oracle that tries
 * every threshold, and what must not change the figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/safetensors.h"
#include "harness/fault_alloc.h"
#include "harness/seeded.h"
#include "stats/radix.h"
#include "stats/roc.h"

#ifndef ADFEAT_GOLDEN_DIR
#define ADFEAT_GOLDEN_DIR "tests/golden"
#endif

enum { MOST = 400 };

static const adi_allocator *const heap = &adi_default_allocator;

static void expect_close(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g, expected %.17g", value, expected);
}

/* ---- Sorting -------------------------------------------------------------------------------- */

static void keys_keep_the_order(void **state)
{
    (void)state;
    static const float rising[] = {-INFINITY,    -FLT_MAX, -1.0f, -FLT_MIN, -FLT_TRUE_MIN, 0.0f,
                                   FLT_TRUE_MIN, FLT_MIN,  1.0f,  FLT_MAX,  INFINITY};
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++) {
        const uint32_t key = adi_key_of_float(rising[i]);
        const float back = adi_float_of_key(key);
        assert_memory_equal(&back, &rising[i], sizeof back);
        if (i > 0)
            assert_true(adi_key_of_float(rising[i - 1]) < key);
    }
    assert_int_equal(adi_key_of_float(-0.0f), adi_key_of_float(0.0f));
}

static int compare_keys(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static void radix_sort_equals_qsort(void **state)
{
    (void)state;
    static uint32_t keys[MOST];
    static uint32_t expected[MOST];
    static uint32_t tmp[MOST];
    static uint64_t pairs[MOST];
    static uint64_t pairs_tmp[MOST];
    static const uint32_t masks[] = {UINT32_MAX, 0xFF, 0xFF00FF00, 0xF0000000, 3, 0};
    for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
        for (size_t n = 0; n < MOST; n += 1 + n / 3) {
            for (size_t i = 0; i < n; i++) {
                expected[i] = keys[i] = (uint32_t)seeded_u64("radix", i) & masks[m];
                pairs[i] = (uint64_t)keys[i] << 32 | i;
            }
            qsort(expected, n, sizeof *expected, compare_keys);
            adi_sort_keys(keys, tmp, n);
            assert_memory_equal(keys, expected, n * sizeof *keys);
            adi_sort_pairs(pairs, pairs_tmp, n);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(pairs[i] >> 32, expected[i]);
            for (size_t i = 1; i < n; i++)
                assert_true(pairs[i - 1] < pairs[i]); /* stable: the low half rises in a tie */
        }
    }
}

/* ---- Vectors -------------------------------------------------------------------------------- */

static void known_vectors(void **state)
{
    (void)state;
    double value = 0.0;
    float threshold = 0.0f;
    const float ties[] = {.1f, .4f, .4f, .8f};
    const uint8_t tie_labels[] = {0, 0, 1, 255};
    assert_int_equal(ad_auroc(ties, tie_labels, 4, &value), AD_OK);
    expect_close(value, 0.875, 1e-15);
    const float map[] = {.9f, .2f, .1f, .3f, .1f, .4f, .7f, .2f, .1f, .6f,
                         .3f, .2f, .1f, .5f, .2f, .1f, .2f, .4f, .8f, .3f};
    const uint8_t mask[20] = {[0] = 1, [6] = 1, [18] = 1, [19] = 1};
    assert_int_equal(ad_auroc(map, mask, 20, &value), AD_OK);
    expect_close(value, 0.921875, 1e-15);
    assert_int_equal(ad_average_precision(map, mask, 20, &value), AD_OK);
    expect_close(value, 0.85, 1e-15);
    assert_int_equal(ad_f1_max(map, mask, 20, &value, &threshold), AD_OK);
    expect_close(value, 6.0 / 7.0, 1e-15);
    assert_true(threshold == .7f);
    assert_int_equal(ad_f1_max(map, mask, 20, &value, NULL), AD_OK);
    const float two_best[] = {.9f, .8f, .7f, .6f, .5f}; /* F1 is 2/3 at .9 and at .6 */
    const uint8_t two_labels[] = {1, 0, 0, 1, 0};
    assert_int_equal(ad_f1_max(two_best, two_labels, 5, &value, &threshold), AD_OK);
    expect_close(value, 2.0 / 3.0, 1e-15);
    assert_true(threshold == .6f);
}

static void extremes(void **state)
{
    (void)state;
    double value = 0.0;
    float threshold = 1.0f;
    const uint8_t labels[] = {0, 0, 1, 1};
    const float right[] = {-INFINITY, -1.0f, 0.0f, INFINITY};
    const float wrong[] = {2.0f, 1.0f, -1.0f, -2.0f};
    const float equal[] = {-0.0f, 0.0f, -0.0f, 0.0f};
    assert_int_equal(ad_auroc(right, labels, 4, &value), AD_OK);
    expect_close(value, 1.0, 0.0);
    assert_int_equal(ad_auroc(wrong, labels, 4, &value), AD_OK);
    expect_close(value, 0.0, 0.0);
    assert_int_equal(ad_auroc(equal, labels, 4, &value), AD_OK);
    expect_close(value, 0.5, 0.0);
    assert_int_equal(ad_average_precision(equal, labels, 4, &value), AD_OK);
    expect_close(value, 0.5, 0.0);
    assert_int_equal(ad_f1_max(equal, labels, 4, &value, &threshold), AD_OK);
    expect_close(value, 2.0 / 3.0, 1e-16);
    assert_true(threshold == 0.0f && !signbit(threshold));
    assert_int_equal(ad_average_precision(right, labels + 2, 2, &value), AD_OK); /* all anomalous */
    expect_close(value, 1.0, 0.0);
}

/* ---- Oracle --------------------------------------------------------------------------------- */

static double oracle_auroc(const float *s, const uint8_t *y, size_t n)
{
    double wins = 0.0;
    double pairs = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (y[i] && !y[k]) {
                wins += s[i] > s[k] ? 1.0 : s[i] == s[k] ? 0.5 : 0.0;
                pairs += 1.0;
            }
    return wins / pairs;
}

static void count_at(const float *s, const uint8_t *y, size_t n, float t, double *tp, double *fp)
{
    *tp = *fp = 0.0;
    for (size_t i = 0; i < n; i++)
        if (s[i] >= t)
            *(y[i] ? tp : fp) += 1.0;
}

/* Every sample gives the threshold of its own score: where k anomalous samples share a score, each
 * of them carries 1/P of the recall, so precision is averaged over the anomalous samples. */
static double oracle_ap(const float *s, const uint8_t *y, size_t n)
{
    double sum = 0.0;
    double anomalous = 0.0;
    for (size_t i = 0; i < n; i++) {
        double tp;
        double fp;
        if (!y[i])
            continue;
        count_at(s, y, n, s[i], &tp, &fp);
        sum += tp / (tp + fp);
        anomalous += 1.0;
    }
    return sum / anomalous;
}

static double oracle_f1(const float *s, const uint8_t *y, size_t n, float *out_threshold)
{
    double best = -1.0;
    double all_tp;
    double all_fp;
    count_at(s, y, n, -INFINITY, &all_tp, &all_fp);
    for (size_t i = 0; i < n; i++) {
        double tp;
        double fp;
        count_at(s, y, n, s[i], &tp, &fp);
        const double f1 = 2.0 * tp / (2.0 * tp + fp + (all_tp - tp));
        if (f1 > best || (f1 == best && s[i] < *out_threshold)) {
            best = f1;
            *out_threshold = s[i];
        }
    }
    return best;
}

/* `levels` distinct scores on both sides of zero, anomalous ones a little higher. */
static size_t make_case(int number, float *s, uint8_t *y)
{
    char name[32];
    snprintf(name, sizeof name, "roc.%d", number);
    const size_t n = 2 + (size_t)(seeded_unit(name, 1000000) * 120);
    const double levels = 1.0 + floor(seeded_unit(name, 1000001) * 40);
    const double rate = seeded_unit(name, 1000002);
    for (size_t i = 0; i < n; i++) {
        y[i] = seeded_unit(name, 2 * i) < rate;
        s[i] = (float)(floor(levels * (seeded_unit(name, 2 * i + 1) + 0.2 * y[i])) - levels / 2);
    }
    y[0] = 0;
    y[1] = 1;
    return n;
}

static void random_cases_equal_the_oracle(void **state)
{
    (void)state;
    float s[MOST];
    uint8_t y[MOST];
    for (int number = 0; number < 300; number++) {
        const size_t n = make_case(number, s, y);
        double value = 0.0;
        float threshold = 0.0f;
        float expected_threshold = 0.0f;
        assert_int_equal(adi_auroc(heap, s, y, n, &value), AD_OK);
        expect_close(value, oracle_auroc(s, y, n), 1e-12);
        assert_int_equal(adi_average_precision(heap, s, y, n, &value), AD_OK);
        expect_close(value, oracle_ap(s, y, n), 1e-12);
        assert_int_equal(adi_f1_max(heap, s, y, n, &value, &threshold), AD_OK);
        expect_close(value, oracle_f1(s, y, n, &expected_threshold), 1e-12);
        assert_true(threshold == expected_threshold);
    }
}

static void order_and_scale_do_not_matter(void **state)
{
    (void)state;
    float s[MOST];
    uint8_t y[MOST];
    for (int number = 0; number < 50; number++) {
        const size_t n = make_case(number, s, y);
        double before[3];
        double after[3];
        float t_before = 0.0f;
        float t_after = 0.0f;
        assert_int_equal(adi_auroc(heap, s, y, n, &before[0]), AD_OK);
        assert_int_equal(adi_average_precision(heap, s, y, n, &before[1]), AD_OK);
        assert_int_equal(adi_f1_max(heap, s, y, n, &before[2], &t_before), AD_OK);
        for (size_t i = n - 1; i > 0; i--) { /* Fisher-Yates, and a rising function of the scores */
            const size_t k = seeded_u64("shuffle", i) % (i + 1);
            const float score = s[i];
            const uint8_t label = y[i];
            s[i] = s[k];
            s[k] = score;
            y[i] = y[k];
            y[k] = label;
        }
        for (size_t i = 0; i < n; i++)
            s[i] = expf(0.25f * s[i]) - 3.0f;
        assert_int_equal(adi_auroc(heap, s, y, n, &after[0]), AD_OK);
        assert_int_equal(adi_average_precision(heap, s, y, n, &after[1]), AD_OK);
        assert_int_equal(adi_f1_max(heap, s, y, n, &after[2], &t_after), AD_OK);
        assert_memory_equal(before, after, sizeof before); /* the same bits */
        assert_true(t_after == expf(0.25f * t_before) - 3.0f);
        double turned = 0.0;
        for (size_t i = 0; i < n; i++)
            s[i] = -s[i];
        assert_int_equal(adi_auroc(heap, s, y, n, &turned), AD_OK);
        expect_close(turned, 1.0 - before[0], 1e-15);
    }
}

/* ---- Golden --------------------------------------------------------------------------------- */

static double golden_number(const adi_safetensors *file, const char *name)
{
    double value = 0.0;
    const adi_st_tensor *t = adi_st_find(file, name);
    assert_non_null(t);
    assert_int_equal(t->count, 1);
    assert_int_equal(adi_st_read_f64(file, t, &value), AD_OK);
    return value;
}

static void golden_vectors(void **state)
{
    (void)state;
    adi_safetensors *file = NULL;
    if (adi_st_open(heap, ADFEAT_GOLDEN_DIR "/metrics.safetensors", &file) != AD_OK)
        skip();
    float s[16];
    double value = 0.0;
    float threshold = 0.0f;
    const adi_st_tensor *scores = adi_st_find(file, "auroc_ties.score");
    const adi_st_tensor *labels = adi_st_find(file, "auroc_ties.label");
    assert_true(scores && labels && scores->count == labels->count && scores->count <= 16);
    assert_int_equal(adi_st_read_f32(file, scores, s), AD_OK);
    assert_int_equal(adi_auroc(heap, s, labels->data, (size_t)scores->count, &value), AD_OK);
    expect_close(value, golden_number(file, "auroc_ties.auroc"), 1e-12);
    scores = adi_st_find(file, "f1_tie.score");
    labels = adi_st_find(file, "f1_tie.label");
    assert_true(scores && labels && scores->count == labels->count && scores->count <= 16);
    assert_int_equal(adi_st_read_f32(file, scores, s), AD_OK);
    assert_int_equal(adi_f1_max(heap, s, labels->data, (size_t)scores->count, &value, &threshold),
                     AD_OK);
    expect_close(value, golden_number(file, "f1_tie.f1_max"), 1e-12);
    expect_close((double)threshold, golden_number(file, "f1_tie.f1_threshold"), 1e-7);
    adi_st_close(file);
}

/* ---- Failures ------------------------------------------------------------------------------- */

static void what_is_refused(void **state)
{
    (void)state;
    const float s[] = {1.0f, 2.0f, 3.0f};
    const float with_nan[] = {1.0f, 2.0f, NAN};
    const uint8_t mixed[] = {0, 1, 0};
    const uint8_t good[] = {0, 0, 0};
    const uint8_t bad[] = {1, 1, 1};
    double value = 7.0;
    float threshold = 7.0f;
    assert_int_equal(ad_auroc(with_nan, mixed, 3, &value), AD_ERR_NUMERIC);
    assert_string_equal(ad_last_error_message(), "score 2 of 3 is NaN");
    assert_int_equal(ad_average_precision(with_nan, mixed, 3, &value), AD_ERR_NUMERIC);
    assert_int_equal(ad_f1_max(with_nan, mixed, 3, &value, &threshold), AD_ERR_NUMERIC);
    assert_int_equal(ad_auroc(s, good, 3, &value), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_auroc(s, bad, 3, &value), AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(ad_last_error_message(),
                        "AUROC is undefined for 0 good and 3 anomalous scores");
    assert_int_equal(ad_average_precision(s, good, 3, &value), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_f1_max(s, good, 3, &value, &threshold), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_auroc(NULL, mixed, 3, &value), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_auroc(s, NULL, 3, &value), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_auroc(s, mixed, 0, &value), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_auroc(s, mixed, 3, NULL), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_average_precision(s, mixed, 3, NULL), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_f1_max(s, mixed, 3, NULL, &threshold), AD_ERR_INVALID_ARGUMENT);
    assert_true(value == 7.0 && threshold == 7.0f);
}

static void every_failed_allocation_is_clean(void **state)
{
    (void)state;
    const float s[] = {1.0f, 2.0f};
    const uint8_t y[] = {0, 1};
    for (long n = 1; n <= 6; n++) {
        fault_alloc fault = {.fail_at = 1 + (n - 1) % 2}; /* each call makes two */
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
        double value = 7.0;
        const ad_status status = n <= 2   ? adi_auroc(&a, s, y, 2, &value)
                                 : n <= 4 ? adi_average_precision(&a, s, y, 2, &value)
                                          : adi_f1_max(&a, s, y, 2, &value, NULL);
        assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
        assert_int_equal(fault.live, 0);
        assert_true(value == 7.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_keep_the_order),
        cmocka_unit_test(radix_sort_equals_qsort),
        cmocka_unit_test(known_vectors),
        cmocka_unit_test(extremes),
        cmocka_unit_test(random_cases_equal_the_oracle),
        cmocka_unit_test(order_and_scale_do_not_matter),
        cmocka_unit_test(golden_vectors),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(every_failed_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
