/* Pools: folders of good and anomalous images, where some good images are held out for the test
 * split. Images with neighbouring names often show one part, and every fifth may come from one
 * camera. So whole folders are held out if there are several, and otherwise one of every five
 * images, at a pseudo-random place that is always the same. */
#include <string.h>

#include "api/dataset_opening.h"

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

/* ---- The folders of a pool ---- */

/* Open the masks of a type: MASK/TYPE if it exists, else MASK. */
static ad_status open_pool_truth(const adi_opening *o, const char *mask, const char *type,
                                 adi_truth *out)
{
    *out = (adi_truth){.scan.allocator = adi_opening_allocator(o)};
    if (!mask)
        return AD_OK;
    char *path;
    ADI_TRY(adi_opening_join(o, o->root, mask, &path));
    ADI_TRY(adi_truth_open(adi_opening_allocator(o), path, out));
    const char *inner = type ? adi_folder_find(&out->scan, type) : NULL;
    if (!inner)
        return AD_OK;
    const ad_status status = adi_opening_join(o, out->folder, inner, &path);
    adi_truth_close(out);
    return status == AD_OK ? adi_truth_open(adi_opening_allocator(o), path, out) : status;
}

static ad_status add_pool_group(const adi_opening *o, const char *folder, const char *name,
                                const char *mask, const char *type, int32_t label, int64_t *beside)
{
    char *path;
    adi_truth truth;
    const adi_group group = {
        .name = name, .label = label, .truth = &truth, .beside = beside};
    ADI_TRY(open_pool_truth(o, mask, type, &truth));
    ad_status status = adi_opening_join(o, o->root, folder, &path);
    if (status == AD_OK && type) {
        char *inner;
        status = adi_opening_join(o, path, type, &inner);
        adi_free(adi_opening_allocator(o), path);
        path = inner;
    }
    if (status == AD_OK) {
        status = adi_dataset_add_tree(o->dataset, path, &group);
        adi_free(adi_opening_allocator(o), path);
    }
    adi_truth_close(&truth);
    return status;
}

/* Log the number of masks once for all folders. */
static void say_beside(const adi_opening *o, const char *folder, int64_t masks)
{
    if (masks)
        adi_log(o->dataset->context, AD_LOG_WARNING,
                "folder '%s/%s': %lld files are masks of the images beside them, not images of "
                "parts",
                o->root, folder, (long long)masks);
}

/* Add anomalous images: each folder is a type; a folder that holds images itself is one type. */
static ad_status add_bad(const adi_opening *o, const char *bad, const char *mask)
{
    adi_folder_scan types;
    int64_t beside = 0;
    ADI_TRY(adi_opening_scan(o, o->root, bad, &types));
    ad_status status = AD_OK;
    if (types.images.count || !types.folders.count)
        status = add_pool_group(o, bad, adi_last_part(bad), mask, NULL, 1, &beside);
    else
        for (size_t i = 0; i < types.folders.count && status == AD_OK; i++)
            status = add_pool_group(o, bad, types.folders.list[i], mask, types.folders.list[i], 1,
                                    &beside);
    if (status == AD_OK)
        say_beside(o, bad, beside);
    adi_folder_free(&types);
    return status;
}

ad_status adi_dataset_add_pool(const adi_opening *o, const adi_pool_folders *p)
{
    const int test = o->options->split == AD_SPLIT_TEST;
    const char *good = test && p->test_good ? p->test_good : p->good;
    int64_t beside = 0;
    adi_pool held = {0};
    const int64_t before = o->dataset->count;
    ADI_TRY(add_pool_group(o, good, adi_last_part(good), NULL, NULL, 0, &beside));
    say_beside(o, good, beside);
    if (!p->test_good)
        adi_pool_split(o->dataset, before, o->options->split, &held);
    if (o->dataset->count == before)
        return adi_fail(AD_ERR_FORMAT,
                        "folder '%s/%s' holds %lld good images, of which some are for the test "
                        "split and the others are learned: that leaves none; "
                        "normal_test_dir names a folder of good images to test on",
                        o->root, good, (long long)held.images);
    if (!p->test_good)
        adi_pool_log(o->dataset->context, o->root, good, &held);
    return test && p->bad ? add_bad(o, p->bad, p->mask) : AD_OK;
}
