/* train/split.c against scikit-learn, and what cannot be split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "train/split.h"

enum { MOST = 1000 };

/* train, test = train_test_split(list(range(N)), test_size=SHARE, random_state=SEED)
 * print(N, SHARE, SEED, len(test), sum((i + 1) * v for i, v in enumerate(test + train)), test[:3],
 *       train[:3]) */
static void of_scikit_learn(void **state)
{
    (void)state;
    static const struct {
        int32_t count;
        double share;
        uint32_t seed;
        int32_t held_out;
        int64_t sum;
        int32_t test[3], train[3]; /* -1: there is none */
    } want[] = {
        {10, 0.2, 0u, 2, 230, {2, 8, -1}, {4, 9, 1}},
        {304, 0.2, 0u, 61, 7068158, {66, 156, 247}, {176, 26, 74}},
        {304, 0.2, 3u, 61, 7094621, {246, 162, 10}, {6, 275, 255}},
        {7, 0.3, 1u, 3, 86, {6, 2, 1}, {0, 4, 3}},
        {320, 0.1, 99u, 32, 8291603, {279, 134, 246}, {32, 44, 125}},
        {2, 0.2, 5u, 1, 2, {0, -1, -1}, {1, -1, -1}},
        {5, 0.6, 4294967295u, 3, 29, {4, 1, 0}, {2, 3, -1}},
        {1000, 0.999, 2u, 999, 249431983, {37, 726, 846}, {168, -1, -1}},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        int32_t order[MOST], held_out = -1;
        int64_t sum = 0;
        assert_int_equal(
            adi_train_test_split(want[i].count, want[i].share, want[i].seed, order, &held_out), AD_OK);
        assert_int_equal(held_out, want[i].held_out);
        for (int32_t k = 0; k < want[i].count; k++)
            sum += (k + 1) * (int64_t)order[k];
        assert_int_equal(sum, want[i].sum);
        for (int32_t k = 0; k < 3; k++) {
            if (want[i].test[k] >= 0)
                assert_int_equal(order[k], want[i].test[k]);
            if (want[i].train[k] >= 0)
                assert_int_equal(order[held_out + k], want[i].train[k]);
        }
    }
}

/* With none held out every image is learnt from, in the same order. */
static void nothing_held_out(void **state)
{
    (void)state;
    int32_t all[10], some[10], held_out = -1;
    assert_int_equal(adi_train_test_split(10, 0.2, 4, some, &held_out), AD_OK);
    assert_int_equal(held_out, 2);
    assert_int_equal(adi_train_test_split(10, 0.0, 4, all, &held_out), AD_OK);
    assert_int_equal(held_out, 0);
    assert_memory_equal(all, some, sizeof all);
    assert_int_equal(adi_train_test_split(1, 0.0, 4, all, &held_out), AD_OK);
    assert_true(held_out == 0 && all[0] == 0);
    assert_int_equal(adi_train_test_split(10, DBL_MIN, 4, all, &held_out), AD_OK);
    assert_int_equal(held_out, 1); /* any share holds out one */
}

static void refused(int32_t count, double share, ad_status expected, const char *sentence)
{
    int32_t order[10] = {-1}, held_out = -1;
    assert_int_equal(adi_train_test_split(count, share, 0, order, &held_out), expected);
    assert_string_equal(ad_last_error_message(), sentence);
    assert_true(order[0] == -1 && held_out == -1);
}

static void too_few(void **state)
{
    (void)state;
    refused(0, 0.2, AD_ERR_STATE, "there is no image to learn from");
    refused(0, 0.0, AD_ERR_STATE, "there is no image to learn from");
    refused(1, 0.2, AD_ERR_STATE,
            "1 of 1 images are held out (a share of 0.2), which leaves none to learn from");
    refused(5, 0.81, AD_ERR_STATE,
            "5 of 5 images are held out (a share of 0.81), which leaves none to learn from");
    static const double shares[] = {1.0, -0.1, NAN, INFINITY};
    static const char *const sentences[] = {
        "a share of 1 held out: at least 0 and less than 1 is possible",
        "a share of -0.1 held out: at least 0 and less than 1 is possible",
        "a share of nan held out: at least 0 and less than 1 is possible",
        "a share of inf held out: at least 0 and less than 1 is possible"};
    for (int i = 0; i < 4; i++)
        refused(10, shares[i], AD_ERR_INVALID_ARGUMENT, sentences[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_scikit_learn),
        cmocka_unit_test(nothing_held_out),
        cmocka_unit_test(too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
