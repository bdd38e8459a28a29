/* Holding out good images of a pool for the test split. Images with neighbouring names often show
 * one part, and every fifth may come from one camera. So whole folders are held out if there are
 * several, and otherwise one of every five images, at a pseudo-random place that is always the
 * same. */
#include <string.h>

#include "api/dataset.h"

static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

static int same_folder(const char *a, const char *b)
{
    const size_t n = folder_length(a);
    return n == folder_length(b) && memcmp(a, b, n) == 0;
}

/* SplitMix64's mixing function. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Hold out images of one folder, also of fewer than five; a single one is learned. */
static int image_held_out(int64_t index, int64_t count)
{
    const int64_t block = index / ADI_HELD_OUT;
    const int64_t of = count < ADI_HELD_OUT ? count : ADI_HELD_OUT;
    return count > 1 && (int64_t)(mix((uint64_t)block) % (uint64_t)of) == index % ADI_HELD_OUT;
}

/* Hold out one folder of every five; of fewer than five, the last. */
static int folder_held_out(int64_t index, int64_t count)
{
    return count < ADI_HELD_OUT ? index == count - 1 : index % ADI_HELD_OUT == ADI_HELD_OUT - 1;
}

/* Items of one folder are neighbours. */
static void count_pool(const ad_dataset *d, int64_t first, adi_pool *pool)
{
    const char *last = NULL;
    *pool = (adi_pool){0};
    for (int64_t i = first; i < d->count; i++) {
        if (d->items[i].label != 0)
            continue;
        pool->images++;
        pool->folders += !last || !same_folder(last, d->items[i].path);
        last = d->items[i].path;
    }
}

void adi_pool_split(ad_dataset *d, int64_t first, int32_t split, adi_pool *out)
{
    adi_pool pool;
    int64_t image = 0, folder = -1, kept = first;
    const char *last = NULL;
    count_pool(d, first, &pool);
    for (int64_t i = first; i < d->count; i++) {
        adi_dataset_item *item = &d->items[i];
        if (item->label != 0)
            continue;
        folder += !last || !same_folder(last, item->path);
        last = item->path;
        const int held_out = pool.folders > 1 ? folder_held_out(folder, pool.folders)
                                              : image_held_out(image, pool.images);
        image++;
        item->other_split = held_out != (split == AD_SPLIT_TEST);
        pool.held_out += held_out;
    }
    for (int64_t i = first; i < d->count; i++)
        if (d->items[i].other_split)
            adi_dataset_item_free(d, &d->items[i]);
        else
            d->items[kept++] = d->items[i];
    d->count = kept;
    *out = pool;
}

void adi_pool_log(const ad_context *context, const char *root, const char *folder,
                  const adi_pool *pool)
{
    const char *slash = folder[0] ? "/" : "";
    if (pool->folders > 1)
        adi_log(context, AD_LOG_WARNING,
                "folder '%s%s%s': %lld of its %lld good images are held out for the test split: "
                "of the %lld folders they lie in every %dth, or the last of fewer",
                root, slash, folder, (long long)pool->held_out, (long long)pool->images,
                (long long)pool->folders, ADI_HELD_OUT);
    else
        adi_log(context, AD_LOG_WARNING,
                "folder '%s%s%s': %lld of its %lld good images are held out for the test split: "
                "of each %d in the order of their names one, in a fixed random choice",
                root, slash, folder, (long long)pool->held_out, (long long)pool->images,
                ADI_HELD_OUT);
}
