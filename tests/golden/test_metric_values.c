/* Metrics against metrics.safetensors, which make_metrics.py computed another way: pixel figures,
 * number of regions, average precision and F1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/safetensors.h"
#include "stats/components.h"
#include "stats/pixel_metrics.h"
#include "stats/roc.h"

#ifndef ADFEAT_GOLDEN_DIR
#define ADFEAT_GOLDEN_DIR "tests/golden"
#endif

enum { MOST_IMAGES = 4, MOST_SIDE = 16, MOST_PIXELS = MOST_IMAGES * MOST_SIDE * MOST_SIDE };

static const adi_allocator *const heap = &adi_default_allocator;

static void expect_close(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g, expected %.17g", value, expected);
}

static const adi_st_tensor *golden(const adi_safetensors *file, const char *name, const char *key)
{
    char full[64];
    snprintf(full, sizeof full, "%s.%s", name, key);
    const adi_st_tensor *t = adi_st_find(file, full);
    if (!t)
        fail_msg("no tensor '%s'", full);
    return t;
}

static void expect_golden(const adi_safetensors *file, const char *name, const char *key,
                          double value)
{
    double expected = NAN;
    assert_int_equal(adi_st_read_f64(file, golden(file, name, key), &expected), AD_OK);
    expect_close(value, expected, 1e-9);
}

static void check_golden_case(const adi_safetensors *file, const char *name)
{
    static float scores[MOST_PIXELS];
    static uint8_t labels[MOST_PIXELS];
    static float rows[MOST_SIDE * MOST_SIDE * 2];
    size_t n = 0;
    int64_t count = 0;
    memcpy(&count, golden(file, name, "count")->data, sizeof count);
    assert_in_range(count, 1, MOST_IMAGES);
    for (int32_t connectivity = 4; connectivity <= 8; connectivity += 4) {
        adi_pixel_metrics *m = NULL;
        int64_t regions = 0;
        n = 0;
        assert_int_equal(adi_pixel_metrics_create(heap, connectivity, &m), AD_OK);
        for (int i = 0; i < (int)count; i++) {
            char key[32];
            snprintf(key, sizeof key, "map.%d", i);
            const adi_st_tensor *map_tensor = golden(file, name, key);
            snprintf(key, sizeof key, "mask.%d", i);
            const adi_st_tensor *mask_tensor = golden(file, name, key);
            assert_true(map_tensor->count <= (int64_t)(sizeof rows / sizeof *rows) &&
                        mask_tensor->count == map_tensor->count);
            assert_int_equal(adi_st_read_f32(file, map_tensor, rows), AD_OK);
            const int64_t h = map_tensor->shape[0];
            const int64_t w = map_tensor->shape[1];
            const ad_map map = AD_MAP_INIT(rows, w, h, w * 4);
            const ad_image mask = AD_IMAGE_INIT(AD_PIXEL_MONO8, mask_tensor->data, w, h, w);
            assert_int_equal(adi_pixel_metrics_add(m, &map, &mask), AD_OK);
            memcpy(scores + n, rows, (size_t)(h * w) * sizeof *rows);
            memcpy(labels + n, mask_tensor->data, (size_t)(h * w));
            n += (size_t)(h * w);
            int32_t image_regions = 0;
            static int32_t region_labels[sizeof rows / sizeof *rows];
            assert_int_equal(adi_connected_components(heap, mask.pixels, w, h, w, connectivity,
                                                      region_labels, &image_regions),
                             AD_OK);
            regions += image_regions;
        }
        const char *const regions_key = connectivity == 8 ? "components_8" : "components_4";
        assert_memory_equal(golden(file, name, regions_key)->data, &regions, sizeof regions);
        double value = 0.0;
        assert_int_equal(adi_pixel_metrics_aupro(m, 0.3, &value), AD_OK);
        expect_golden(file, name, connectivity == 8 ? "aupro_8_0.3" : "aupro_4_0.3", value);
        assert_int_equal(adi_pixel_metrics_aupro(m, 0.05, &value), AD_OK);
        expect_golden(file, name, connectivity == 8 ? "aupro_8_0.05" : "aupro_4_0.05", value);
        assert_int_equal(adi_pixel_metrics_auroc(m, &value), AD_OK);
        expect_golden(file, name, "pixel_auroc", value);
        adi_pixel_metrics_destroy(m);
    }
    double value = 0.0;
    float threshold = 0.0f;
    assert_int_equal(adi_average_precision(heap, scores, labels, n, &value), AD_OK);
    expect_golden(file, name, "ap", value);
    assert_int_equal(adi_f1_max(heap, scores, labels, n, &value, &threshold), AD_OK);
    expect_golden(file, name, "f1_max", value);
    double expected = 0.0; /* kept in double there: rounding to float is what differs */
    assert_int_equal(adi_st_read_f64(file, golden(file, name, "f1_threshold"), &expected), AD_OK);
    expect_close((double)threshold, expected, 1e-7);
}

static void golden_cases(void **state)
{
    (void)state;
    adi_safetensors *file = NULL;
    if (adi_st_open(heap, ADFEAT_GOLDEN_DIR "/metrics.safetensors", &file) != AD_OK)
        skip();
    check_golden_case(file, "card");
    check_golden_case(file, "ties");
    check_golden_case(file, "smooth");
    check_golden_case(file, "constant");
    adi_st_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_cases)};
    return cmocka_run_group_tests_name("metric_values", tests, NULL, NULL);
}
