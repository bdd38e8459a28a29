/* stats/pixel_metrics.c: the card's vector, and an oracle that evaluates the definition at every
 * threshold. Arguments of the public calls are in test_metrics.c, golden values in
 * golden/test_metric_values.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault_alloc.h"
#include "harness/seeded.h"
#include "stats/pixel_metrics.h"

enum { MOST_IMAGES = 4, MOST_SIDE = 16, MOST_PIXELS = MOST_IMAGES * MOST_SIDE * MOST_SIDE };

static const adi_allocator *const heap = &adi_default_allocator;

static void expect_close(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g, expected %.17g", value, expected);
}

/* Images with rows that are longer than they need to be, filled with what must not be read. */
typedef struct image_set {
    int count;
    float scores[MOST_IMAGES][MOST_SIDE * MOST_SIDE];
    uint8_t marks[MOST_IMAGES][MOST_SIDE * MOST_SIDE];
    ad_map maps[MOST_IMAGES];
    ad_image masks[MOST_IMAGES];
} image_set;

static void set_image(image_set *set, int i, int h, int w)
{
    for (int k = 0; k < MOST_SIDE * MOST_SIDE; k++) {
        set->scores[i][k] = NAN;
        set->marks[i][k] = 1;
    }
    set->maps[i] = (ad_map)AD_MAP_INIT(set->scores[i], w, h, MOST_SIDE * 4);
    set->masks[i] = (ad_image)AD_IMAGE_INIT(AD_PIXEL_MONO8, set->marks[i], w, h, MOST_SIDE);
}

/* ---- Oracle --------------------------------------------------------------------------------- */

/* Every pixel of the set: its score and the number of its region, -1 for a good one. */
typedef struct flat_set {
    int n;
    int regions;
    float score[MOST_PIXELS];
    int region[MOST_PIXELS];
    double size[MOST_PIXELS];
} flat_set;

/* Regions by letting labels spread until nothing changes: slow, and unlike what is tested. */
static void flatten(const image_set *set, int connectivity, flat_set *f)
{
    f->n = f->regions = 0;
    for (int i = 0; i < set->count; i++) {
        const int h = (int)set->maps[i].height;
        const int w = (int)set->maps[i].width;
        int label[MOST_SIDE][MOST_SIDE];
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                label[y][x] = set->marks[i][y * MOST_SIDE + x] ? 1 + y * w + x : 0;
        for (int changed = 1; changed;) {
            changed = 0;
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++)
                    for (int k = 0; k < 9 && label[y][x]; k++) {
                        const int v = y + k / 3 - 1;
                        const int u = x + k % 3 - 1;
                        if (v < 0 || v >= h || u < 0 || u >= w ||
                            (connectivity == 4 && v != y && u != x))
                            continue;
                        if (label[v][u] > label[y][x]) {
                            label[y][x] = label[v][u];
                            changed = 1;
                        }
                    }
        }
        int number[MOST_SIDE * MOST_SIDE + 1] = {0};
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                const int l = label[y][x];
                if (l && !number[l]) {
                    number[l] = ++f->regions;
                    f->size[f->regions - 1] = 0.0;
                }
                f->region[f->n] = l ? number[l] - 1 : -1;
                f->score[f->n++] = set->scores[i][y * MOST_SIDE + x];
                if (l)
                    f->size[number[l] - 1] += 1.0;
            }
    }
}

static double oracle_auroc(const flat_set *f)
{
    double wins = 0.0;
    double pairs = 0.0;
    for (int i = 0; i < f->n; i++)
        for (int k = 0; k < f->n; k++)
            if (f->region[i] >= 0 && f->region[k] < 0) {
                wins += f->score[i] > f->score[k] ? 1.0 : f->score[i] == f->score[k] ? 0.5 : 0.0;
                pairs += 1.0;
            }
    return wins / pairs;
}

/* FPR and PRO when every score >= t is called anomalous, straight from the definition. */
static void point_at(const flat_set *f, float t, double *fpr, double *pro)
{
    double good = 0.0;
    double found_good = 0.0;
    *pro = 0.0;
    for (int i = 0; i < f->n; i++) {
        good += f->region[i] < 0;
        if (f->score[i] >= t && f->region[i] < 0)
            found_good += 1.0;
        else if (f->score[i] >= t)
            *pro += 1.0 / f->size[f->region[i]];
    }
    *fpr = found_good / good;
    *pro /= f->regions;
}

static int falling(const void *left, const void *right)
{
    const float a = *(const float *)left;
    const float b = *(const float *)right;
    return (a < b) - (a > b);
}

static double oracle_aupro(const flat_set *f, double limit)
{
    static float thresholds[MOST_PIXELS];
    memcpy(thresholds, f->score, (size_t)f->n * sizeof *thresholds);
    qsort(thresholds, (size_t)f->n, sizeof *thresholds, falling);
    double area = 0.0;
    double x0 = 0.0;
    double y0 = 0.0;
    for (int i = 0; i < f->n; i++) {
        double x1;
        double y1;
        point_at(f, thresholds[i], &x1, &y1); /* equal thresholds give equal points: no width */
        if (x1 >= limit) {
            const double y = x1 > x0 ? y0 + (y1 - y0) * (limit - x0) / (x1 - x0) : y1;
            return (area + (limit - x0) * (y0 + y) / 2.0) / limit;
        }
        area += (x1 - x0) * (y0 + y1) / 2.0;
        x0 = x1;
        y0 = y1;
    }
    return NAN; /* the last point has FPR 1 */
}

/* ---- Cases ---------------------------------------------------------------------------------- */

static void make_case(int number, image_set *set)
{
    char name[32];
    snprintf(name, sizeof name, "pixels.%d", number);
    uint64_t next = 0;
    set->count = 1 + (int)(seeded_unit(name, next++) * MOST_IMAGES);
    const double levels = 1.0 + floor(seeded_unit(name, next++) * (number % 2 ? 8 : 4000));
    const double density = 0.5 * seeded_unit(name, next++);
    for (int i = 0; i < set->count; i++) {
        const int h = 1 + (int)(seeded_unit(name, next++) * MOST_SIDE);
        const int w = 2 + (int)(seeded_unit(name, next++) * (MOST_SIDE - 1));
        set_image(set, i, h, w);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                const int at = y * MOST_SIDE + x;
                const uint8_t mark = seeded_unit(name, next++) < density * (i != 1);
                set->marks[i][at] = mark ? seeded_byte(name, next) | 1 : 0;
                set->scores[i][at] =
                    (float)(floor(levels * (seeded_unit(name, next++) + 0.3 * mark)) - levels / 2);
            }
    }
    set->marks[0][0] = 1; /* both kinds are there */
    set->marks[0][1] = 0;
}

static adi_pixel_metrics *fill(const adi_allocator *a, const image_set *set, int32_t connectivity)
{
    adi_pixel_metrics *m = NULL;
    assert_int_equal(adi_pixel_metrics_create(a, connectivity, &m), AD_OK);
    for (int i = 0; i < set->count; i++)
        assert_int_equal(adi_pixel_metrics_add(m, &set->maps[i], &set->masks[i]), AD_OK);
    return m;
}

static void random_cases_equal_the_oracle(void **state)
{
    (void)state;
    static image_set set;
    static flat_set flat;
    static const double limits[] = {0.3, 1.0, 0.05, 0.001, 1e-4};
    for (int number = 0; number < 120; number++) {
        make_case(number, &set);
        for (int32_t connectivity = 4; connectivity <= 8; connectivity += 4) {
            double value = 0.0;
            flatten(&set, connectivity, &flat);
            adi_pixel_metrics *m = fill(heap, &set, connectivity);
            for (int k = 0; k < 5; k++) {
                assert_int_equal(adi_pixel_metrics_aupro(m, limits[k], &value), AD_OK);
                expect_close(value, oracle_aupro(&flat, limits[k]), 1e-13);
            }
            assert_int_equal(adi_pixel_metrics_auroc(m, &value), AD_OK);
            expect_close(value, oracle_auroc(&flat), 1e-12);
            adi_pixel_metrics_destroy(m);
        }
        double public_value = 0.0;
        flatten(&set, 8, &flat);
        assert_int_equal(ad_aupro(set.maps, set.masks, (size_t)set.count, NULL, &public_value),
                         AD_OK);
        expect_close(public_value, oracle_aupro(&flat, 0.3), 1e-13);
        assert_int_equal(ad_pixel_auroc(set.maps, set.masks, (size_t)set.count, &public_value),
                         AD_OK);
        expect_close(public_value, oracle_auroc(&flat), 1e-12);
    }
}

static void figures_may_be_asked_between_images(void **state)
{
    (void)state;
    static image_set set;
    static flat_set flat;
    for (int number = 0; number < 20; number++) {
        make_case(number, &set);
        const int count = set.count;
        adi_pixel_metrics *m = NULL;
        assert_int_equal(adi_pixel_metrics_create(heap, 8, &m), AD_OK);
        for (set.count = 1; set.count <= count; set.count++) {
            double value = 0.0;
            double again = 1.0;
            assert_int_equal(
                adi_pixel_metrics_add(m, &set.maps[set.count - 1], &set.masks[set.count - 1]),
                AD_OK);
            flatten(&set, 8, &flat);
            assert_int_equal(adi_pixel_metrics_auroc(m, &value), AD_OK);
            expect_close(value, oracle_auroc(&flat), 1e-12);
            assert_int_equal(adi_pixel_metrics_aupro(m, 0.3, &value), AD_OK);
            expect_close(value, oracle_aupro(&flat, 0.3), 1e-9);
            assert_int_equal(adi_pixel_metrics_aupro(m, 0.3, &again), AD_OK);
            assert_memory_equal(&value, &again, sizeof value);
        }
        adi_pixel_metrics_destroy(m);
    }
}

static void order_scale_and_direction_do_not_matter(void **state)
{
    (void)state;
    static image_set set;
    for (int number = 0; number < 20; number++) {
        make_case(number, &set);
        double before[2];
        double after[2];
        adi_pixel_metrics *m = fill(heap, &set, 8);
        assert_int_equal(adi_pixel_metrics_auroc(m, &before[0]), AD_OK);
        assert_int_equal(adi_pixel_metrics_aupro(m, 0.3, &before[1]), AD_OK);
        adi_pixel_metrics_destroy(m);
        for (int i = 0; i < set.count; i++)
            for (int k = 0; k < MOST_SIDE * MOST_SIDE; k++)
                set.scores[i][k] = cbrtf(set.scores[i][k]); /* rising, and NaN stays outside */
        assert_int_equal(adi_pixel_metrics_create(heap, 8, &m), AD_OK);
        for (int i = set.count - 1; i >= 0; i--) { /* last image first, each bottom-up */
            ad_map map = set.maps[i];
            ad_image mask = set.masks[i];
            map.data += (map.height - 1) * MOST_SIDE;
            map.row_bytes = -map.row_bytes;
            mask.pixels = set.marks[i] + (mask.height - 1) * MOST_SIDE;
            mask.row_bytes = -mask.row_bytes;
            assert_int_equal(adi_pixel_metrics_add(m, &map, &mask), AD_OK);
        }
        assert_int_equal(adi_pixel_metrics_auroc(m, &after[0]), AD_OK);
        assert_int_equal(adi_pixel_metrics_aupro(m, 0.3, &after[1]), AD_OK);
        expect_close(after[0], before[0], 0.0);
        expect_close(after[1], before[1], 1e-14);
        adi_pixel_metrics_destroy(m);
    }
}

static float card_scores[20] = {.9f, .2f, .1f, .3f, .1f, .4f, .7f, .2f, .1f, .6f,
                                .3f, .2f, .1f, .5f, .2f, .1f, .2f, .4f, .8f, .3f};
static const uint8_t card_marks[20] = {[0] = 1, [6] = 1, [18] = 1, [19] = 1};

static void the_card(void **state)
{
    (void)state;
    const ad_map map = AD_MAP_INIT(card_scores, 5, 4, 20);
    const ad_image mask = AD_IMAGE_INIT(AD_PIXEL_MONO8, card_marks, 5, 4, 5);
    double value = 0.0;
    assert_int_equal(ad_aupro(&map, &mask, 1, NULL, &value), AD_OK);
    expect_close(value, 0.75833333333333333, 1e-9);
    assert_int_equal(ad_pixel_auroc(&map, &mask, 1, &value), AD_OK);
    expect_close(value, 0.921875, 1e-15);
}

static void signed_zeros_and_infinities(void **state)
{
    (void)state;
    float scores[4] = {-0.0f, 0.0f, INFINITY, -INFINITY};
    const uint8_t marks[4] = {1, 0, 1, 0};
    const ad_map map = AD_MAP_INIT(scores, 4, 1, 16);
    const ad_image mask = AD_IMAGE_INIT(AD_PIXEL_MONO8, marks, 4, 1, 4);
    double value = 0.0;
    assert_int_equal(ad_pixel_auroc(&map, &mask, 1, &value), AD_OK);
    expect_close(value, 0.875, 0.0);
}

/* ---- Failures ------------------------------------------------------------------------------- */

static void a_refused_image_leaves_nothing(void **state)
{
    (void)state;
    static image_set set;
    make_case(2, &set);
    adi_pixel_metrics *m = fill(heap, &set, 8);
    double before[2];
    double after[2];
    assert_int_equal(adi_pixel_metrics_auroc(m, &before[0]), AD_OK);
    assert_int_equal(adi_pixel_metrics_aupro(m, 0.3, &before[1]), AD_OK);
    float with_nan[4] = {1.0f, 2.0f, 3.0f, NAN};
    const uint8_t marks[8] = {1, 0, 0, 1, 0, 0, 0, 0};
    const ad_map bad_map = AD_MAP_INIT(with_nan, 2, 2, 8);
    const ad_map map = AD_MAP_INIT(card_scores, 2, 2, 8);
    const ad_image mask = AD_IMAGE_INIT(AD_PIXEL_MONO8, marks, 2, 2, 2);
    const ad_image wide = AD_IMAGE_INIT(AD_PIXEL_MONO8, marks, 3, 2, 3);
    const ad_image colour = AD_IMAGE_INIT(AD_PIXEL_RGB8, marks, 2, 2, 6);
    const ad_image narrow = AD_IMAGE_INIT(AD_PIXEL_MONO8, marks, 2, 2, 1);
    const ad_image no_pixels = AD_IMAGE_INIT(AD_PIXEL_MONO8, NULL, 2, 2, 2);
    const ad_map narrow_map = AD_MAP_INIT(card_scores, 2, 2, 4);
    const ad_map odd_map = AD_MAP_INIT(card_scores, 2, 2, 9);
    const ad_map empty_map = AD_MAP_INIT(card_scores, 0, 2, 8);
    const ad_map huge_map = AD_MAP_INIT(card_scores, 2, 1048577, 8);
    const ad_map no_data = AD_MAP_INIT(NULL, 2, 2, 8);
    assert_int_equal(adi_pixel_metrics_add(m, &bad_map, &mask), AD_ERR_NUMERIC);
    assert_string_equal(ad_last_error_message(), "the map is NaN at column 1, row 1");
    assert_int_equal(adi_pixel_metrics_add(m, &bad_map, NULL), AD_ERR_NUMERIC);
    assert_int_equal(adi_pixel_metrics_add(m, &map, &wide), AD_ERR_SHAPE);
    assert_string_equal(ad_last_error_message(), "the mask has 3x2 pixels, its map 2x2");
    assert_int_equal(adi_pixel_metrics_add(m, &map, &colour), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(adi_pixel_metrics_add(m, &map, &narrow), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(adi_pixel_metrics_add(m, &map, &no_pixels), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(adi_pixel_metrics_add(m, &narrow_map, &mask), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(adi_pixel_metrics_add(m, &odd_map, &mask), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(adi_pixel_metrics_add(m, &empty_map, &mask), AD_ERR_SHAPE);
    assert_int_equal(adi_pixel_metrics_add(m, &huge_map, NULL), AD_ERR_SHAPE);
    assert_int_equal(adi_pixel_metrics_add(m, &no_data, NULL), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(adi_pixel_metrics_auroc(m, &after[0]), AD_OK);
    assert_int_equal(adi_pixel_metrics_aupro(m, 0.3, &after[1]), AD_OK);
    assert_memory_equal(before, after, sizeof before);
    adi_pixel_metrics_destroy(m);
    assert_int_equal(adi_pixel_metrics_create(heap, 6, &m), AD_ERR_INVALID_ARGUMENT);
    assert_null(m);
    adi_pixel_metrics_destroy(NULL);
}

static void undefined_figures(void **state)
{
    (void)state;
    double value = 7.0;
    const uint8_t marks[20] = {0};
    uint8_t all_marked[20];
    memset(all_marked, 9, sizeof all_marked);
    const ad_map map = AD_MAP_INIT(card_scores, 5, 4, 20);
    const ad_image good = AD_IMAGE_INIT(AD_PIXEL_MONO8, marks, 5, 4, 5);
    const ad_image bad = AD_IMAGE_INIT(AD_PIXEL_MONO8, all_marked, 5, 4, 5);
    const ad_status refused = AD_ERR_INVALID_ARGUMENT;
    assert_int_equal(ad_aupro(&map, &good, 1, NULL, &value), refused);
    assert_int_equal(ad_pixel_auroc(&map, &good, 1, &value), refused);
    assert_int_equal(ad_aupro(&map, &bad, 1, NULL, &value), refused);
    assert_int_equal(ad_pixel_auroc(&map, &bad, 1, &value), refused);
    adi_pixel_metrics *m = NULL;
    assert_int_equal(adi_pixel_metrics_create(heap, 8, &m), AD_OK);
    assert_int_equal(adi_pixel_metrics_auroc(m, &value), refused); /* no image at all */
    assert_int_equal(adi_pixel_metrics_add(m, &map, NULL), AD_OK); /* no mask: all good */
    assert_int_equal(adi_pixel_metrics_aupro(m, 0.3, &value), refused);
    assert_int_equal(adi_pixel_metrics_add(m, &map, &bad), AD_OK);
    assert_int_equal(adi_pixel_metrics_aupro(m, 0.0, &value), refused);
    assert_int_equal(adi_pixel_metrics_aupro(m, 1.1, &value), refused);
    assert_int_equal(adi_pixel_metrics_aupro(m, (double)NAN, &value), refused);
    assert_true(value == 7.0);
    assert_int_equal(adi_pixel_metrics_auroc(m, &value), AD_OK);
    expect_close(value, 0.5, 0.0);
    adi_pixel_metrics_destroy(m);
}

static void every_failed_allocation_is_clean(void **state)
{
    (void)state;
    static image_set set;
    make_case(4, &set);
    for (long n = 1;; n++) {
        fault_alloc fault = {.fail_at = n};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
        adi_pixel_metrics *m = NULL;
        double value = 7.0;
        ad_status status = adi_pixel_metrics_create(&a, 8, &m);
        for (int i = 0; i < set.count && status == AD_OK; i++) {
            status = adi_pixel_metrics_add(m, &set.maps[i], &set.masks[i]);
            if (status == AD_ERR_OUT_OF_MEMORY) /* and as if it had not been asked: again */
                assert_int_equal(adi_pixel_metrics_add(m, &set.maps[i], &set.masks[i]), AD_OK);
        }
        if (status == AD_OK)
            status = adi_pixel_metrics_aupro(m, 0.3, &value);
        adi_pixel_metrics_destroy(m);
        assert_int_equal(fault.live, 0);
        if (status == AD_OK) {
            assert_true(n > 5);
            break;
        }
        assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
        assert_true(value == 7.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_card),
        cmocka_unit_test(signed_zeros_and_infinities),
        cmocka_unit_test(random_cases_equal_the_oracle),
        cmocka_unit_test(figures_may_be_asked_between_images),
        cmocka_unit_test(order_scale_and_direction_do_not_matter),
        cmocka_unit_test(a_refused_image_leaves_nothing),
        cmocka_unit_test(undefined_figures),
        cmocka_unit_test(every_failed_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
