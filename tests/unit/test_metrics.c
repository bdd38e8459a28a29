/* api/metrics.c: what the public calls over maps refuse, and options of other versions. Their
 * values are checked in test_roc.c and test_pixel_metrics.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "adfeat.h"

/* The card's vector: AU-PRO(0.3) is 0.7583333. */
static float card_scores[20] = {.9f, .2f, .1f, .3f, .1f, .4f, .7f, .2f, .1f, .6f,
                                .3f, .2f, .1f, .5f, .2f, .1f, .2f, .4f, .8f, .3f};
static const uint8_t card_marks[20] = {[0] = 1, [6] = 1, [18] = 1, [19] = 1};

static void expect_close(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9))
        fail_msg("%.17g, expected %.17g", value, expected);
}

static void public_arguments(void **state)
{
    (void)state;
    const ad_status refused = AD_ERR_INVALID_ARGUMENT;
    const ad_map map = AD_MAP_INIT(card_scores, 5, 4, 20);
    const ad_image mask = AD_IMAGE_INIT(AD_PIXEL_MONO8, card_marks, 5, 4, 5);
    double value = 7.0;
    assert_int_equal(ad_aupro(NULL, &mask, 1, NULL, &value), refused);
    assert_int_equal(ad_aupro(&map, NULL, 1, NULL, &value), refused);
    assert_int_equal(ad_aupro(&map, &mask, 0, NULL, &value), refused);
    assert_int_equal(ad_aupro(&map, &mask, 1, NULL, NULL), refused);
    assert_int_equal(ad_pixel_auroc(NULL, &mask, 1, &value), refused);
    assert_int_equal(ad_pixel_auroc(&map, &mask, 0, &value), refused);
    ad_map unset_map = map;
    ad_image unset_mask = mask;
    unset_map.struct_size = 0;
    unset_mask.struct_size = 8;
    assert_int_equal(ad_aupro(&unset_map, &mask, 1, NULL, &value), refused);
    assert_int_equal(ad_pixel_auroc(&map, &unset_mask, 1, &value), refused);
    ad_map pair[2] = {map, map};
    ad_image masks[2] = {mask, mask};
    masks[1].width = 4;
    assert_int_equal(ad_aupro(pair, masks, 2, NULL, &value), AD_ERR_SHAPE);
    assert_string_equal(ad_last_error_message(),
                        "image 1 of 2: the mask has 4x4 pixels, its map 5x4");
    assert_true(value == 7.0);
}

static void options_of_other_sizes(void **state)
{
    (void)state;
    const ad_map map = AD_MAP_INIT(card_scores, 5, 4, 20);
    const ad_image mask = AD_IMAGE_INIT(AD_PIXEL_MONO8, card_marks, 5, 4, 5);
    struct {
        ad_aupro_options known;
        double appended;
    } later;
    memset(&later, 0x55, sizeof later);
    ad_aupro_options_init(&later.known, sizeof later); /* a caller of a later version */
    assert_int_equal(later.known.struct_size, sizeof later);
    assert_int_equal(later.known.connectivity, 8);
    assert_true(later.known.fpr_limit == 0.3 && later.appended == 0.0);
    ad_aupro_options_init(NULL, 16);
    ad_aupro_options early = {.struct_size = 8, .connectivity = 8, .fpr_limit = -1.0};
    double value = 0.0;
    assert_int_equal(ad_aupro(&map, &mask, 1, &later.known, &value), AD_OK);
    expect_close(value, 0.75833333333333333);
    assert_int_equal(ad_aupro(&map, &mask, 1, &early, &value), AD_OK); /* its limit is not read */
    expect_close(value, 0.75833333333333333);
    ad_aupro_options_init(&early, 8);
    assert_true(early.fpr_limit == -1.0 && early.struct_size == 8);
    early.struct_size = 7;
    assert_int_equal(ad_aupro(&map, &mask, 1, &early, &value), AD_ERR_INVALID_ARGUMENT);
    early.struct_size = sizeof early;
    assert_int_equal(ad_aupro(&map, &mask, 1, &early, &value), AD_ERR_INVALID_ARGUMENT);
    early.fpr_limit = 1.0;
    early.connectivity = 5;
    assert_int_equal(ad_aupro(&map, &mask, 1, &early, &value), AD_ERR_INVALID_ARGUMENT);
    early.connectivity = 4;
    assert_int_equal(ad_aupro(&map, &mask, 1, &early, &value), AD_OK);
}

/* A caller of a later version, whose view structs are longer. */
static void longer_views_are_stepped_over(void **state)
{
    (void)state;
    struct {
        ad_map known;
        int64_t appended;
    } maps[2];
    struct {
        ad_image known;
        int64_t appended;
    } masks[2];
    memset(maps, 0, sizeof maps);
    memset(masks, 0, sizeof masks);
    for (int i = 0; i < 2; i++) {
        maps[i].known = (ad_map)AD_MAP_INIT(card_scores, 5, 4, 20);
        maps[i].known.struct_size = sizeof maps[i];
        masks[i].known = (ad_image)AD_IMAGE_INIT(AD_PIXEL_MONO8, card_marks, 5, 4, 5);
        masks[i].known.struct_size = sizeof masks[i];
    }
    double value = 0.0;
    assert_int_equal(ad_aupro(&maps[0].known, &masks[0].known, 2, NULL, &value), AD_OK);
    expect_close(value, 0.75833333333333333); /* the same image twice changes nothing */
    masks[1].appended = 1;
    assert_int_equal(ad_aupro(&maps[0].known, &masks[0].known, 2, NULL, &value), AD_ERR_INVALID_ARGUMENT);
    masks[1].appended = 0;
    maps[1].known.struct_size = sizeof maps[1].known;
    assert_int_equal(ad_aupro(&maps[0].known, &masks[0].known, 2, NULL, &value),
                     AD_ERR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_arguments),
        cmocka_unit_test(options_of_other_sizes),
        cmocka_unit_test(longer_views_are_stepped_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
