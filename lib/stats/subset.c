/* random.sample() of CPython 3: of few items it draws from a pool of the remaining ones, of many it
 * keeps a set of the drawn ones. The two give different samples, so that the rule that chooses
 * between them is reproduced too. */
#include "stats/subset.h"

#include "core/mt19937.h"

/* Python's guess at the size of a set of `count`: 21, or with more than five items 21 + the power
 * of four that is at least 3 * count. */
static int64_t set_size(int32_t count)
{
    if (count <= 5)
        return 21;
    int64_t power = 1;
    while (power < 3 * (int64_t)count)
        power *= 4;
    return 21 + power;
}

static void draw_from_pool(adi_mt19937 *mt, int32_t *pool, int32_t total, int32_t count,
                           int32_t *out)
{
    for (int32_t i = 0; i < total; i++)
        pool[i] = i;
    for (int32_t i = 0; i < count; i++) {
        const uint32_t j = adi_mt19937_below(mt, (uint32_t)(total - i));
        out[i] = pool[j];
        pool[j] = pool[total - i - 1]; /* the last one moves into the gap */
    }
}

static void draw_into_set(adi_mt19937 *mt, int32_t *drawn, int32_t total, int32_t count,
                          int32_t *out)
{
    for (int32_t i = 0; i < count; i++) {
        uint32_t j = adi_mt19937_below(mt, (uint32_t)total);
        while (drawn[j])
            j = adi_mt19937_below(mt, (uint32_t)total);
        drawn[j] = 1;
        out[i] = (int32_t)j;
    }
}

ad_status adi_subset_draw(const adi_allocator *a, uint64_t seed, int32_t total, int32_t count,
                          int32_t *out_subset)
{
    if (count == total) {
        for (int32_t i = 0; i < total; i++)
            out_subset[i] = i;
        return AD_OK;
    }
    adi_mt19937 mt;
    adi_mt19937_seed(&mt, seed);
    int32_t *items = adi_calloc(a, (size_t)total, sizeof *items);
    if (!items)
        return adi_fail_memory();
    if (total <= set_size(count))
        draw_from_pool(&mt, items, total, count, out_subset);
    else
        draw_into_set(&mt, items, total, count, out_subset);
    adi_free(a, items);
    return AD_OK;
}
