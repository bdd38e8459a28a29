/* core/alloc.c: blocks of every size are aligned, their own and writable; sizes that do not exist are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/alloc.h"

static const adi_allocator *const heap = &adi_default_allocator;

/* Around the end of a page, and of a huge one. */
static void sizes(void **state)
{
    (void)state;
    static const size_t bytes[] = {0, 1, 63, 64, 65, 4095, 4097, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, (6 << 20) + 12345};
    enum { SIZES = sizeof bytes / sizeof *bytes };
    unsigned char *block[SIZES];
    for (int i = 0; i < SIZES; i++) {
        block[i] = adi_alloc(heap, bytes[i]);
        assert_non_null(block[i]);
        assert_int_equal((uintptr_t)block[i] % ADI_ALIGNMENT, 0);
        memset(block[i], i + 1, bytes[i]);
    }
    for (int i = 0; i < SIZES; i++) {
        for (size_t b = 0; b < bytes[i]; b += 61)
            assert_int_equal(block[i][b], i + 1);
        if (bytes[i])
            assert_int_equal(block[i][bytes[i] - 1], i + 1);
        adi_free(heap, block[i]);
    }
    adi_free(heap, NULL);
}

static void zeros(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) { /* also where something was before */
        unsigned char *p = adi_calloc(heap, 3 << 10, 1 << 10);
        assert_non_null(p);
        for (size_t b = 0; b < (size_t)3 << 20; b += 509)
            assert_int_equal(p[b], 0);
        memset(p, 255, (size_t)3 << 20);
        adi_free(heap, p);
    }
}

static void too_much(void **state)
{
    (void)state;
    assert_null(adi_alloc(heap, SIZE_MAX));
    assert_null(adi_alloc(heap, SIZE_MAX - 63));
#ifndef __SANITIZE_ADDRESS__ /* whose allocator ends the program */
    assert_null(adi_alloc(heap, SIZE_MAX / 2));
#endif
    assert_null(adi_calloc(heap, SIZE_MAX / 2, 3));
    size_t capacity = 0;
    assert_null(adi_grow(heap, NULL, &capacity, SIZE_MAX / 4, 8));
    assert_int_equal(capacity, 0);
}

static void growth(void **state)
{
    (void)state;
    int32_t *array = NULL;
    size_t capacity = 0;
    for (int32_t i = 0; i < 1000000; i++) {
        int32_t *larger = adi_grow(heap, array, &capacity, (size_t)i + 1, sizeof *array);
        assert_non_null(larger);
        array = larger;
        array[i] = i;
    }
    for (int32_t i = 0; i < 1000000; i++)
        assert_int_equal(array[i], i);
    adi_free(heap, array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes), cmocka_unit_test(zeros), cmocka_unit_test(too_much),
                                       cmocka_unit_test(growth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
