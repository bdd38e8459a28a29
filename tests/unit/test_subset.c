/* stats/subset.c: the very choices of Python's random.sample(), with its pool and with its set, and
 * no others when memory is short. Vectors: tests/golden/make_padim.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/safetensors.h"
#include "harness/fault_alloc.h"
#include "stats/subset.h"

static const adi_allocator *const heap = &adi_default_allocator;

static void subsets_of_python(void **state)
{
    (void)state;
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_open(heap, ADFEAT_GOLDEN_DIR "/padim.safetensors", &file), AD_OK);
    int found = 0;
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        unsigned long long seed;
        int32_t total;
        if (sscanf(t->name, "subset.%llu.%d", &seed, &total) != 2)
            continue;
        assert_int_equal(t->dtype, ADI_I32);
        int32_t *got = malloc((size_t)t->count * sizeof *got);
        assert_int_equal(adi_subset_draw(heap, seed, total, (int32_t)t->count, got), AD_OK);
        if (memcmp(got, t->data, (size_t)t->count * sizeof *got) != 0)
            fail_msg("%s of %lld is another subset", t->name, (long long)t->count);
        free(got);
        found++;
    }
    assert_int_equal(found, 14);
    adi_st_close(file);
}

static void all_of_them_in_order(void **state)
{
    (void)state;
    int32_t got[7];
    for (uint64_t seed = 0; seed < 3; seed++) {
        assert_int_equal(adi_subset_draw(heap, seed, 7, 7, got), AD_OK);
        for (int32_t i = 0; i < 7; i++)
            assert_int_equal(got[i], i);
    }
}

static void out_of_memory(void **state)
{
    (void)state;
    fault_alloc faults = {.fail_at = 1};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &faults};
    int32_t got[5];
    assert_int_equal(adi_subset_draw(&a, 1, 50, 5, got), AD_ERR_OUT_OF_MEMORY);
    faults.fail_at = 0;
    assert_int_equal(adi_subset_draw(&a, 1, 50, 5, got), AD_OK);
    assert_int_equal(atomic_load(&faults.live), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(subsets_of_python),
                                       cmocka_unit_test(all_of_them_in_order),
                                       cmocka_unit_test(out_of_memory)};
    return cmocka_run_group_tests_name("subset", tests, NULL, NULL);
}
