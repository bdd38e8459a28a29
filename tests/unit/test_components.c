/* stats/components.c: against a flood fill, for both connectivities and awkward shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fault_alloc.h"
#include "harness/seeded.h"
#include "stats/components.h"

static const adi_allocator *const heap = &adi_default_allocator;

enum { MOST = 64 * 64 };

/* Fill the region of pixel `start` with `label`; numbers rise in the order of first pixels. */
static void flood(const uint8_t *mask, int64_t row_bytes, int h, int w, int connectivity, int start,
                  int32_t label, int32_t *labels)
{
    static int stack[MOST];
    int top = 0;
    stack[top++] = start;
    labels[start] = label;
    while (top > 0) {
        const int at = stack[--top];
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++) {
                const int y = at / w + dy;
                const int x = at % w + dx;
                if (connectivity == 4 && dy != 0 && dx != 0)
                    continue;
                if (y < 0 || y >= h || x < 0 || x >= w || labels[y * w + x] ||
                    mask[y * row_bytes + x] == 0)
                    continue;
                labels[y * w + x] = label;
                stack[top++] = y * w + x;
            }
    }
}

static int32_t oracle(const uint8_t *mask, int64_t row_bytes, int h, int w, int connectivity,
                      int32_t *labels)
{
    int32_t count = 0;
    memset(labels, 0, (size_t)(h * w) * sizeof *labels);
    for (int i = 0; i < h * w; i++)
        if (mask[i / w * row_bytes + i % w] && labels[i] == 0)
            flood(mask, row_bytes, h, w, connectivity, i, ++count, labels);
    return count;
}

/* Both number the regions in the order of their first pixels, so the labels are equal too. */
static int32_t check(const uint8_t *mask, int64_t row_bytes, int h, int w, int connectivity)
{
    static int32_t labels[MOST];
    static int32_t expected[MOST];
    int32_t count = -1;
    memset(labels, 0x55, sizeof labels);
    assert_int_equal(
        adi_connected_components(heap, mask, row_bytes, h, w, connectivity, labels, &count), AD_OK);
    assert_int_equal(count, oracle(mask, row_bytes, h, w, connectivity, expected));
    assert_memory_equal(labels, expected, (size_t)(h * w) * sizeof *labels);
    return count;
}

static void drawn_masks(void **state)
{
    (void)state;
    static const struct {
        const char *rows;
        int h, w;
        int32_t eight, four;
    } cases[] = {
        {".", 1, 1, 0, 0},
        {"#", 1, 1, 1, 1},
        {"#.##.#", 1, 6, 3, 3},
        {"#.##.#", 6, 1, 3, 3},
        {"#....#.........###....#....", 3, 9, 3, 4},
        {"#.....#........##...", 4, 5, 2, 3}, /* the card's mask: a diagonal pair and a row */
        {"#.#.#"
         "#.#.#"
         "#####",
         3, 5, 1, 1}, /* a comb: labels meet late */
        {"#####"
         "....#"
         "###.#"
         "#...#"
         "#####",
         5, 5, 1, 1}, /* a spiral */
        {"#.#.#.#"
         ".#.#.#."
         "#.#.#.#",
         3, 7, 1, 11}, /* a chess board */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t mask[64];
        for (size_t k = 0; k < strlen(cases[i].rows); k++)
            mask[k] = cases[i].rows[k] == '#' ? (uint8_t)(1 + k) : 0;
        assert_int_equal(check(mask, cases[i].w, cases[i].h, cases[i].w, 8), cases[i].eight);
        assert_int_equal(check(mask, cases[i].w, cases[i].h, cases[i].w, 4), cases[i].four);
    }
}

static void random_masks(void **state)
{
    (void)state;
    static uint8_t mask[64 * 80];
    for (int number = 0; number < 300; number++) {
        char name[32];
        snprintf(name, sizeof name, "components.%d", number);
        const int h = 1 + (int)(seeded_unit(name, 0) * (number % 3 == 0 ? 3 : 63));
        const int w = 1 + (int)(seeded_unit(name, 1) * (number % 3 == 1 ? 3 : 63));
        const int row_bytes = w + number % 5;
        const double density = seeded_unit(name, 2);
        for (int i = 0; i < h * row_bytes; i++) /* what is between rows must not be seen */
            mask[i] = i % row_bytes >= w || seeded_unit(name, 3 + (uint64_t)i) < density;
        check(mask, row_bytes, h, w, 8);
        check(mask, row_bytes, h, w, 4);
        check(mask + (h - 1) * row_bytes, -row_bytes, h, w, 8); /* bottom-up */
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    const uint8_t mask[4] = {1, 1, 1, 1};
    int32_t labels[4];
    int32_t count = 7;
    assert_int_equal(adi_connected_components(heap, mask, 2, 2, 2, 6, labels, &count),
                     AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(adi_connected_components(heap, mask, 1, 2, 2, 8, labels, &count),
                     AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(adi_connected_components(heap, mask, 2, 0, 2, 8, labels, &count),
                     AD_ERR_INVALID_ARGUMENT);
    fault_alloc fault = {.fail_at = 1};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
    assert_int_equal(adi_connected_components(&a, mask, 2, 2, 2, 8, labels, &count),
                     AD_ERR_OUT_OF_MEMORY);
    assert_int_equal(fault.live, 0);
    assert_int_equal(count, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_masks),
        cmocka_unit_test(random_masks),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
