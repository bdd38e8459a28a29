/* The Gaussian blur: scipy's values, a plain loop, and borders wider than the map. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend.h"
#include "core/safetensors.h"
#include "harness/op_case.h"
#include "harness/seeded.h"
#include "vision/blur.h"

#ifndef ADFEAT_GOLDEN_DIR
#define ADFEAT_GOLDEN_DIR "tests/golden"
#endif

enum { ROOM = 64 * 512 };
static float map[ROOM], before[ROOM];

/* In place by ref; by cpu on several threads the same to float rounding, and to the bit whatever the threads. */
static void blur(int64_t h, int64_t w, double sigma)
{
    static const int32_t threads[] = {1, 2, 3, 8};
    const size_t bytes = (size_t)(h * w) * sizeof *map;
    float *first = NULL, largest = 0.0f;
    for (int i = 0; i < 4; i++) {
        float *own = guarded_floats(h * w);
        memcpy(own, map, bytes);
        void *scratch = guarded_alloc(adi_blur_scratch(adi_backend_cpu.kernels, h, w, sigma, threads[i]));
        const adi_exec ex = {threads[i], scratch, NULL};
        assert_int_equal(adi_blur(adi_backend_cpu.kernels, &ex, own, h, w, sigma), AD_OK);
        guarded_free(scratch, "scratch");
        if (first) {
            assert_memory_equal(own, first, bytes);
            guarded_free(own, "map");
        } else {
            first = own;
        }
    }
    void *scratch = guarded_alloc(adi_blur_scratch(adi_backend_ref.kernels, h, w, sigma, 1));
    const adi_exec ex = {1, scratch, NULL};
    assert_int_equal(adi_blur(adi_backend_ref.kernels, &ex, map, h, w, sigma), AD_OK);
    guarded_free(scratch, "scratch");
    for (int64_t i = 0; i < h * w; i++)
        largest = fmaxf(largest, fabsf(map[i]));
    for (int64_t i = 0; i < h * w; i++)
        assert_true(fabsf(first[i] - map[i]) <= 1.2e-7f * largest);
    guarded_free(first, "map");
}

static void expect_near(float got, double expected, double limit)
{
    assert_true(fabs((double)got - expected) <= limit);
}

static void equals_the_card(void **state)
{
    (void)state;
    memset(map, 0, sizeof map);
    map[20 * 40 + 20] = 1.0f;
    blur(40, 40, 4.0);
    expect_near(map[20 * 40 + 20], 0.0099479, 5e-8);
    memset(map, 0, sizeof map);
    map[0] = 1.0f;
    blur(40, 40, 4.0);
    expect_near(map[0], 0.0385767, 5e-8);
    expect_near(map[1], 0.0362749, 5e-8);
    expect_near(map[40], 0.0362749, 5e-8);
}

static void equals_the_golden_file(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{40, 40}, {12, 50}};
    adi_safetensors *golden = NULL;
    assert_int_equal(
        adi_st_open(&adi_default_allocator, ADFEAT_GOLDEN_DIR "/vision.safetensors", &golden),
        AD_OK);
    for (int i = 0; i < 2; i++) {
        const int64_t h = sizes[i][0], w = sizes[i][1];
        char name[64];
        snprintf(name, sizeof name, "blur.%dx%d", (int)h, (int)w);
        for (int64_t k = 0; k < h * w; k++)
            map[k] = (float)seeded_unit(name, (uint64_t)k);
        snprintf(name, sizeof name, "blur.sigma4.%dx%d.value", (int)h, (int)w);
        const adi_st_tensor *t = adi_st_find(golden, name);
        assert_non_null(t);
        assert_int_equal(t->count, h * w);
        assert_int_equal(adi_st_read_f32(golden, t, before), AD_OK);
        blur(h, w, 4.0);
        for (int64_t k = 0; k < h * w; k++)
            expect_near(map[k], (double)before[k], 2e-7); /* the float32 between the passes */
    }
    adi_st_close(golden);
}

static int64_t walk(int64_t i, int64_t n)
{
    while (i < 0 || i >= n)
        i = i < 0 ? -1 - i : 2 * n - 1 - i;
    return i;
}

/* One double sum over the whole window. */
static double plain(int64_t h, int64_t w, int64_t y, int64_t x, double sigma)
{
    const int64_t r = (int64_t)(4 * sigma + 0.5);
    double sum = 0.0, weights = 0.0;
    for (int64_t j = -r; j <= r; j++)
        for (int64_t i = -r; i <= r; i++) {
            const double k = exp(-(double)(i * i + j * j) / (2 * sigma * sigma));
            sum += k * (double)before[walk(y + j, h) * w + walk(x + i, w)];
            weights += k;
        }
    return sum / weights;
}

static void equals_a_plain_loop(void **state)
{
    (void)state;
    static const struct {
        int64_t h, w;
        double sigma;
    } cases[] = {{1, 1, 4.0},   {1, 9, 2.0},  {9, 1, 2.0},   {7, 5, 4.0},   {3, 130, 1.0},
                 {63, 65, 1.3}, {2, 2, 10.0}, {64, 64, 0.5}, {3, 200, 2.5}, {5, 4, 64.0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const int64_t h = cases[k].h, w = cases[k].w;
        for (int64_t i = 0; i < h * w; i++)
            map[i] = before[i] = (float)seeded_signed("smooth", (uint64_t)i);
        blur(h, w, cases[k].sigma);
        const int64_t step = h * w > 1000 ? 7 : 1;
        for (int64_t i = 0; i < h * w; i += step)
            expect_near(map[i], plain(h, w, i / w, i % w, cases[k].sigma), 4e-7);
    }
}

static void leaves_the_map_where_sigma_is_nothing(void **state)
{
    (void)state;
    static const double sigmas[] = {0.0, 0.1, -1.0, NAN};
    for (int64_t i = 0; i < 99; i++)
        map[i] = before[i] = (float)seeded_signed("smooth", (uint64_t)i);
    for (int k = 0; k < 4; k++) {
        assert_int_equal(adi_blur_radius(sigmas[k]), 0);
        blur(9, 11, sigmas[k]);
        assert_memory_equal(map, before, 99 * sizeof *map);
    }
    assert_int_equal(adi_blur_radius(4.0), 16);
    assert_int_equal(adi_blur_radius(0.125), 1);
    assert_int_equal(adi_blur_radius(64.0), 256);
}

/* What leaves through a border comes back: a constant stays, and so does the sum. */
static void keeps_mass(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 30 * 40; i++)
        map[i] = 3.25f;
    blur(30, 40, 8.0);
    for (int64_t i = 0; i < 30 * 40; i++)
        expect_near(map[i], 3.25, 1e-6);
    double sum = 0.0, after = 0.0;
    for (int64_t i = 0; i < 30 * 40; i++)
        sum += (double)(map[i] = (float)seeded_unit("mass", (uint64_t)i));
    blur(30, 40, 8.0);
    for (int64_t i = 0; i < 30 * 40; i++)
        after += (double)map[i];
    assert_true(fabs(after - sum) < 1e-3);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_card),
        cmocka_unit_test(equals_the_golden_file),
        cmocka_unit_test(equals_a_plain_loop),
        cmocka_unit_test(leaves_the_map_where_sigma_is_nothing),
        cmocka_unit_test(keeps_mass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
