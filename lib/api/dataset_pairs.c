/* Masks beside the images (KolektorSDD's Part0.jpg and Part0_label.bmp, KolektorSDD2's 10000.png
 * and 10000_GT.png, magnetic tiles' a.jpg and a.png): an image is good if its mask marks
 * nothing. */
#include <string.h>

#include "api/dataset.h"
#include "api/dataset_names.h"

typedef struct pairs {
    ad_dataset *dataset;
    const char *folder, *group;
    int32_t split;
} pairs;

static ad_status add_pair(const pairs *p, const adi_folder_scan *s, const adi_beside *b, size_t i)
{
    const adi_allocator *a = &p->dataset->context->allocator;
    int64_t marked = 0;
    char *mask = adi_folder_join(a, p->folder, s->images.list[b->mask[i]]);
    char *path = adi_folder_join(a, p->folder, s->images.list[i]);
    ad_status status = mask && path ? adi_mask_count(p->dataset, mask, &marked) : adi_fail_memory();
    const int wanted = !marked || p->split == AD_SPLIT_TEST;
    if (status == AD_OK && wanted) {
        status =
            adi_dataset_append(p->dataset, path, p->group, marked != 0, marked ? mask : NULL, NULL);
        mask = marked ? NULL : mask;
    }
    adi_free(a, mask);
    adi_free(a, path);
    return status;
}

static ad_status add_folder(const pairs *p, const adi_folder_scan *s)
{
    adi_beside b;
    ADI_TRY(adi_folder_check_images(p->dataset->context, p->folder, s));
    ADI_TRY(adi_beside_find(p->dataset, p->folder, s, &b));
    ad_status status = AD_OK;
    for (size_t i = 0; i < s->images.count && status == AD_OK; i++) {
        if (b.mask[i] >= 0)
            status = add_pair(p, s, &b, i);
        else if (!b.is_mask[i])
            status = adi_fail(AD_ERR_FORMAT,
                              "image '%s/%s' has no mask beside it, %lld others there have: is it "
                              "good? Masks beside images "
                              "say which are good, an empty one that the image is",
                              p->folder, s->images.list[i], (long long)b.masks);
    }
    adi_beside_free(&b);
    return status;
}

static ad_status add_tree(const pairs *p, const adi_folder_scan *top)
{
    const adi_allocator *a = &p->dataset->context->allocator;
    if (top->images.count)
        return add_folder(p, top);
    ad_status status = AD_OK;
    for (size_t i = 0; i < top->folders.count && status == AD_OK; i++) {
        adi_folder_scan s = {.allocator = a};
        char *folder = adi_folder_join(a, p->folder, top->folders.list[i]);
        const pairs inner = {p->dataset, folder, top->folders.list[i], p->split};
        status = folder ? adi_folder_read(a, folder, &s) : adi_fail_memory();
        if (status == AD_OK)
            status = add_folder(&inner, &s);
        adi_folder_free(&s);
        adi_free(a, folder);
    }
    return status;
}

/* KolektorSDD2: folders train and test. Defective images of train are not learned. */
static ad_status add_split(ad_dataset *d, const char *root, const char *name, int32_t split)
{
    const adi_allocator *a = &d->context->allocator;
    adi_folder_scan s = {.allocator = a};
    char *folder = adi_folder_join(a, root, name);
    const pairs p = {d, folder, "", split};
    ad_status status = folder ? adi_folder_read(a, folder, &s) : adi_fail_memory();
    if (status == AD_OK)
        status = add_tree(&p, &s);
    adi_folder_free(&s);
    adi_free(a, folder);
    return status;
}

/* Refuse a split in which every mask marks something: it has no good image. */
static ad_status check_good(const ad_dataset *d, const char *root)
{
    for (int64_t i = 0; i < d->count; i++)
        if (d->items[i].label == 0)
            return AD_OK;
    return adi_fail(
        AD_ERR_FORMAT,
        "no image of '%s' is good in this split: every mask beside one marks something. "
        "Is white the background of the masks? mask_good 255 says so",
        root);
}

ad_status adi_dataset_add_pairs(ad_dataset *d, const char *root, const adi_folder_scan *top,
                                int32_t split)
{
    const int64_t first = d->count;
    const char *train = adi_folder_find(top, "train"), *test = adi_folder_find(top, "test");
    if (train && test) {
        ADI_TRY(add_split(d, root, split == AD_SPLIT_TRAIN ? train : test, split));
        return check_good(d, root);
    }
    const pairs p = {d, root, "", split};
    adi_pool pool;
    ADI_TRY(add_tree(&p, top));
    adi_pool_split(d, first, split, &pool);
    adi_pool_log(d->context, root, "", &pool);
    return check_good(d, root);
}

/* ---- Whether a folder is such ---- */

static ad_status has_masks(const ad_dataset *d, const char *folder, const adi_folder_scan *s,
                           int *out_pairs)
{
    adi_beside b;
    ADI_TRY(adi_beside_find(d, folder, s, &b));
    *out_pairs = b.masks != 0;
    adi_beside_free(&b);
    return AD_OK;
}

/* The first folder with images decides for all. */
ad_status adi_dataset_are_pairs(const ad_dataset *d, const char *root, const adi_folder_scan *top,
                                int *out_pairs)
{
    const adi_allocator *a = &d->context->allocator;
    *out_pairs = 0;
    if (top->images.count)
        return has_masks(d, root, top, out_pairs);
    if (!top->folders.count)
        return AD_OK;
    const char *first = adi_folder_find(top, "train");
    adi_folder_scan s = {.allocator = a};
    char *folder = adi_folder_join(a, root, first ? first : top->folders.list[0]);
    ad_status status = folder ? adi_folder_read(a, folder, &s) : adi_fail_memory();
    if (status == AD_OK && s.images.count)
        status = has_masks(d, folder, &s, out_pairs);
    adi_folder_free(&s);
    adi_free(a, folder);
    return status;
}
