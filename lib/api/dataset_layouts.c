/* The layouts of datasets, a row each: the folders of good images, anomalous images and masks.
 * There are two forms. A split has folders train and test, with a folder of good images and one for
 * each type of defect. A pool has one folder of good images and one of anomalous ones; some of the
 * good images are held out for the test split (dataset_pool.c). GOOD, BAD and MASK in a row stand
 * for any name with that meaning (dataset_names.c). */
#include <stdio.h>
#include <string.h>

#include "api/dataset.h"
#include "api/dataset_names.h"

typedef struct layout {
    const char *name;
    const char *train, *test;      /* NULL: a pool */
    const char *good, *bad, *mask; /* of a pool; mask NULL: beside the images, or none */
    const char *looks;             /* for messages */
} layout;

/* Searched in this order; the first whose folders exist is used. */
static const layout layouts[] = {
    {"mvtec_ad", "train", "test", NULL, NULL, NULL,
     "train/good, test/good, test/TYPE, ground_truth/TYPE/N_mask.png"},
    {"mvtec_3d", "train", "test", NULL, NULL, NULL,
     "train/good/rgb, test/good/rgb, test/TYPE/rgb, test/TYPE/gt"},
    {"mvtec_loco", "train", "test", NULL, NULL, NULL,
     "train/good, test/good, test/TYPE, ground_truth/TYPE/N/000.png"},
    {"mvtec_ad_2", "train", "test_public", NULL, NULL, NULL,
     "train/good, test_public/good, test_public/bad, test_public/ground_truth/bad/N_mask.png"},
    {"btad", "train", "test", NULL, NULL, NULL,
     "train/ok, test/ok, test/ko, ground_truth/ko/N.png"},
    {"visa", "train", "test", NULL, NULL, NULL,
     "train/good, test/good, test/bad, ground_truth/bad/N.png"},
    {"visa_raw", NULL, NULL, "Data/Images/Normal", "Data/Images/Anomaly", "Data/Masks/Anomaly",
     "Data/Images/Normal, Data/Images/Anomaly, Data/Masks/Anomaly/N.png"},
    {"real_iad", NULL, NULL, "OK", "NG", NULL, "OK/N.jpg, NG/TYPE/N.jpg, NG/TYPE/N.png"},
    {"folder", NULL, NULL, "GOOD", "BAD", "MASK", "normal, abnormal, mask"},
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

typedef struct opening {
    ad_dataset *dataset;
    const char *root;
    const ad_dataset_options *options;
    adi_folder_scan top;
} opening;

static const adi_allocator *allocator_of(const opening *o)
{
    return &o->dataset->context->allocator;
}

static ad_status join(const opening *o, const char *folder, const char *name, char **out)
{
    *out = adi_folder_join(allocator_of(o), folder, name);
    return *out ? AD_OK : adi_fail_memory();
}

static ad_status scan_in(const opening *o, const char *folder, const char *name,
                         adi_folder_scan *out)
{
    char *path;
    *out = (adi_folder_scan){.allocator = allocator_of(o)};
    ADI_TRY(join(o, folder, name, &path));
    const ad_status status = adi_folder_read(allocator_of(o), path, out);
    adi_free(allocator_of(o), path);
    return status;
}

static int is_good(const opening *o, const char *name)
{
    return adi_name_is_good(name, o->options->good);
}

/* ---- Train and test ---- */

static ad_status no_good(const opening *o, const char *folder, const char *name,
                         const adi_folder_scan *s)
{
    char names[256];
    adi_folder_list(s, names, sizeof names);
    if (o->options->good)
        return adi_fail(AD_ERR_FORMAT,
                        "no folder of '%s/%s' is called '%s', which 'good' says: there are %s",
                        folder, name, o->options->good, s->folders.count ? names : "no folders");
    if (!s->folders.count && !s->images.count)
        return adi_fail(AD_ERR_FORMAT, "folder '%s/%s' has no folder of images in it", folder,
                        name);
    if (!s->folders.count)
        return adi_fail(AD_ERR_FORMAT,
                        "folder '%s/%s' has no folder of images in it, but %zu images: those of "
                        "good parts belong in "
                        "'%s/good'; or normal_dir says which folder holds them",
                        folder, name, s->images.count, name);
    return adi_fail(AD_ERR_FORMAT,
                    "no folder of '%s/%s' is called good, ok or normal: there are %s; the option "
                    "'good' says which of them "
                    "holds good parts",
                    folder, name, names);
}

/* Open the masks of a type: ground_truth is in the test folder, or beside it. */
static ad_status find_truth(const opening *o, const char *test, const adi_folder_scan *types,
                            const char *type, adi_truth *out)
{
    const adi_folder_scan *const places[] = {types, &o->top};
    *out = (adi_truth){.scan.allocator = allocator_of(o)};
    for (int p = 0; p < 2; p++)
        for (size_t i = 0; i < places[p]->folders.count; i++) {
            const char *name = places[p]->folders.list[i];
            if (!adi_name_is_masks(name))
                continue;
            adi_folder_scan inner;
            char *masks;
            ADI_TRY(join(o, p ? o->root : test, name, &masks));
            ad_status status = adi_folder_read(allocator_of(o), masks, &inner);
            const char *found = status == AD_OK ? adi_folder_find(&inner, type) : NULL;
            char *path = NULL;
            if (found)
                status = join(o, masks, found, &path);
            if (status == AD_OK && found)
                status = adi_truth_open(allocator_of(o), path, out);
            adi_folder_free(&inner);
            adi_free(allocator_of(o), masks);
            if (status != AD_OK || found)
                return status;
        }
    return AD_OK;
}

static ad_status add_type(const opening *o, const char *test, const adi_folder_scan *types,
                          const char *type)
{
    char *folder;
    adi_truth truth;
    adi_group group = {.name = type, .label = !is_good(o, type), .truth = &truth};
    ADI_TRY(join(o, test, type, &folder));
    ad_status status = group.label ? find_truth(o, test, types, type, &truth)
                                   : adi_truth_open(allocator_of(o), NULL, &truth);
    if (status == AD_OK) {
        status = adi_dataset_add_folder(o->dataset, folder, &group);
        adi_truth_close(&truth);
    }
    adi_free(allocator_of(o), folder);
    return status;
}

/* Add the types of the test folder, or the good images of the train folder. */
static ad_status add_types(const opening *o, const char *name, const adi_folder_scan *types,
                           int only_good)
{
    char *folder;
    int64_t good = 0;
    ADI_TRY(join(o, o->root, name, &folder));
    ad_status status = AD_OK;
    for (size_t i = 0; i < types->folders.count && status == AD_OK; i++) {
        const char *type = types->folders.list[i];
        good += is_good(o, type);
        if (is_good(o, type) || (!only_good && !adi_name_is_masks(type)))
            status = add_type(o, folder, types, type);
        else if (only_good || strcmp(type, "ground_truth") != 0)
            adi_log(o->dataset->context, AD_LOG_WARNING, "folder '%s/%s' is not used: %s", folder,
                    type,
                    only_good ? "only good images are learned"
                              : "by its name it holds masks, not a type of defect");
    }
    if (status == AD_OK && !good)
        status = no_good(o, o->root, name, types);
    adi_free(allocator_of(o), folder);
    return status;
}

static ad_status add_split(const opening *o, const layout *l)
{
    const int train = o->options->split == AD_SPLIT_TRAIN;
    const char *name = adi_folder_find(&o->top, train ? l->train : l->test);
    if (!name)
        return adi_fail(AD_ERR_FORMAT, "folder '%s' has no folder %s, which layout %s has: %s",
                        o->root, train ? l->train : l->test, l->name, l->looks);
    adi_folder_scan types;
    ADI_TRY(scan_in(o, o->root, name, &types));
    ad_status status = AD_OK;
    if (types.images.count && types.folders.count)
        status = adi_fail(AD_ERR_FORMAT, "folder '%s/%s' holds images beside its defect folders",
                          o->root, name);
    if (status == AD_OK)
        status = types.folders.count ? add_types(o, name, &types, train)
                                     : no_good(o, o->root, name, &types);
    adi_folder_free(&types);
    return status;
}

/* ---- Pools ---- */

/* The name of a row's folder in this root, where GOOD, BAD and MASK are looked up. NULL:
 * missing. */
static const char *resolve(const opening *o, const char *wanted)
{
    const int good = strcmp(wanted, "GOOD") == 0, bad = strcmp(wanted, "BAD") == 0,
              mask = strcmp(wanted, "MASK") == 0;
    for (size_t i = 0; i < o->top.folders.count; i++) {
        const char *name = o->top.folders.list[i];
        if ((good && is_good(o, name)) || (bad && adi_name_is_bad(name)) ||
            (mask && adi_name_is_masks(name)))
            return name;
    }
    return good || bad || mask ? NULL : wanted;
}

/* Open the masks of a type: MASK/TYPE if it exists, else MASK. */
static ad_status open_pool_truth(const opening *o, const char *mask, const char *type,
                                 adi_truth *out)
{
    *out = (adi_truth){.scan.allocator = allocator_of(o)};
    if (!mask)
        return AD_OK;
    char *path;
    ADI_TRY(join(o, o->root, mask, &path));
    ADI_TRY(adi_truth_open(allocator_of(o), path, out));
    const char *inner = type ? adi_folder_find(&out->scan, type) : NULL;
    if (!inner)
        return AD_OK;
    const ad_status status = join(o, out->folder, inner, &path);
    adi_truth_close(out);
    return status == AD_OK ? adi_truth_open(allocator_of(o), path, out) : status;
}

static ad_status add_pool_group(const opening *o, const char *folder, const char *name,
                                const char *mask, const char *type, int32_t label, int64_t *beside)
{
    char *path;
    adi_truth truth;
    const adi_group group = {
        .name = name, .label = label, .truth = &truth, .beside = beside};
    ADI_TRY(open_pool_truth(o, mask, type, &truth));
    ad_status status = join(o, o->root, folder, &path);
    if (status == AD_OK && type) {
        char *inner;
        status = join(o, path, type, &inner);
        adi_free(allocator_of(o), path);
        path = inner;
    }
    if (status == AD_OK) {
        status = adi_dataset_add_tree(o->dataset, path, &group);
        adi_free(allocator_of(o), path);
    }
    adi_truth_close(&truth);
    return status;
}

/* The last part of a path, which names the group of its images. */
static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* Log the number of masks once for all folders. */
static void say_beside(const opening *o, const char *folder, int64_t masks)
{
    if (masks)
        adi_log(o->dataset->context, AD_LOG_WARNING,
                "folder '%s/%s': %lld files are masks of the images beside them, not images of "
                "parts",
                o->root, folder, (long long)masks);
}

/* Add anomalous images: each folder is a type; a folder that holds images itself is one type. */
static ad_status add_bad(const opening *o, const char *bad, const char *mask)
{
    adi_folder_scan types;
    int64_t beside = 0;
    ADI_TRY(scan_in(o, o->root, bad, &types));
    ad_status status = AD_OK;
    if (types.images.count || !types.folders.count)
        status = add_pool_group(o, bad, last_part(bad), mask, NULL, 1, &beside);
    else
        for (size_t i = 0; i < types.folders.count && status == AD_OK; i++)
            status = add_pool_group(o, bad, types.folders.list[i], mask, types.folders.list[i], 1,
                                    &beside);
    if (status == AD_OK)
        say_beside(o, bad, beside);
    adi_folder_free(&types);
    return status;
}

typedef struct pool {
    const char *good, *test_good, *bad,
        *mask; /* paths in the root; test_good: NULL: some of good are held out */
} pool;

static ad_status add_pool(const opening *o, const pool *p)
{
    const int test = o->options->split == AD_SPLIT_TEST;
    const char *good = test && p->test_good ? p->test_good : p->good;
    int64_t beside = 0;
    adi_pool held = {0};
    const int64_t before = o->dataset->count;
    ADI_TRY(add_pool_group(o, good, last_part(good), NULL, NULL, 0, &beside));
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

static ad_status add_named(const opening *o)
{
    const ad_dataset_options *n = o->options;
    const char *good = n->normal_dir ? n->normal_dir : resolve(o, "GOOD");
    const pool p = {good, n->normal_test_dir, n->abnormal_dir ? n->abnormal_dir : resolve(o, "BAD"),
                    n->mask_dir ? n->mask_dir : resolve(o, "MASK")};
    ADI_CHECK_ARG(good, "normal_dir is NULL, and no folder of '%s' is called good, ok or normal",
                  o->root);
    return add_pool(o, &p);
}

/* ---- Which layout ---- */

/* Whether a folder exists; a folder that cannot be read does not. path may be NULL. */
static ad_status is_there(const opening *o, const char *path, int *out)
{
    adi_folder_scan s;
    const ad_status status = path ? scan_in(o, o->root, path, &s) : AD_ERR_IO;
    *out = status == AD_OK;
    if (status == AD_OK)
        adi_folder_free(&s);
    return status == AD_ERR_OUT_OF_MEMORY ? status : AD_OK;
}

static ad_status fits(const opening *o, const layout *l, int *out)
{
    *out = l->train && adi_folder_find(&o->top, l->train) && adi_folder_find(&o->top, l->test);
    if (l->train)
        return AD_OK;
    int bad = 0;
    ADI_TRY(is_there(o, resolve(o, l->good), out));
    ADI_TRY(is_there(o, resolve(o, l->bad), &bad));
    *out = *out && bad;
    return AD_OK;
}

static ad_status add_row(const opening *o, const layout *l)
{
    int fit = 1, masks = 0;
    if (l->train)
        return add_split(o, l);
    const char *mask = l->mask ? resolve(o, l->mask) : NULL;
    ADI_TRY(fits(o, l, &fit));
    ADI_TRY(is_there(o, mask, &masks));
    if (!fit)
        return adi_fail(AD_ERR_FORMAT, "folder '%s' is not of layout %s: %s", o->root, l->name,
                        l->looks);
    const pool p = {resolve(o, l->good), NULL, resolve(o, l->bad), masks ? mask : NULL};
    return add_pool(o, &p);
}

/* Whether a folder in the root is a dataset itself. */
static ad_status is_category(const opening *o, const char *name, int *out)
{
    opening inner = *o;
    char *root;
    ADI_TRY(join(o, o->root, name, &root));
    inner.root = root;
    ad_status status = adi_folder_read(allocator_of(o), root, &inner.top);
    *out = 0;
    for (int i = 0; i < LAYOUTS && status == AD_OK && !*out; i++)
        status = fits(&inner, &layouts[i], out);
    adi_folder_free(&inner.top);
    adi_free(allocator_of(o), root);
    return status;
}

/* Find the row that has the most of its folders in the root. */
static ad_status find_nearest(const opening *o, const layout **out)
{
    int most = -1;
    for (int i = 0; i < LAYOUTS; i++) {
        const layout *l = &layouts[i];
        const char *const parts[] = {l->train, l->test, l->good, l->bad, l->mask};
        int near = 0;
        for (int k = 0; k < 5; k++) {
            int there = 0;
            ADI_TRY(is_there(o, parts[k] ? resolve(o, parts[k]) : NULL, &there));
            near += there;
        }
        if (near > most) {
            most = near;
            *out = l;
        }
    }
    return AD_OK;
}

static ad_status no_layout(const opening *o)
{
    char names[256], categories[256] = "";
    size_t length = 0;
    for (size_t i = 0; i < o->top.folders.count; i++) {
        int is = 0;
        ADI_TRY(is_category(o, o->top.folders.list[i], &is));
        if (is && length < sizeof categories)
            length += (size_t)snprintf(categories + length, sizeof categories - length, "%s%s",
                                       length ? ", " : "", o->top.folders.list[i]);
    }
    if (length)
        return adi_fail(AD_ERR_FORMAT,
                        "folder '%s' holds data sets of several products: open one of %s", o->root,
                        categories);
    const layout *nearest = NULL;
    ADI_TRY(find_nearest(o, &nearest));
    adi_folder_list(&o->top, names, sizeof names);
    return adi_fail(AD_ERR_FORMAT,
                    "folder '%s' holds no image and is of no known layout: its folders are %s; "
                    "nearest is %s (%s). normal_dir, "
                    "normal_test_dir, abnormal_dir and mask_dir say which folder is what",
                    o->root, names, nearest->name, nearest->looks);
}

/* Add a folder of good images, or of images with masks beside them. */
static ad_status add_flat(const opening *o, int may_be_pairs)
{
    const adi_group group = {.name = "", .label = 0, .any_name = !may_be_pairs};
    int pairs = 0;
    if (may_be_pairs)
        ADI_TRY(adi_dataset_are_pairs(o->dataset, o->root, &o->top, &pairs));
    if (pairs)
        return adi_dataset_add_pairs(o->dataset, o->root, &o->top, o->options->split);
    for (size_t i = 0; i < o->top.folders.count && o->top.images.count; i++) {
        const char *name = o->top.folders.list[i];
        if (may_be_pairs &&
            (adi_name_is_masks(name) || adi_name_is_bad(name) || strcmp(name, "train") == 0))
            return adi_fail(AD_ERR_FORMAT,
                            "folder '%s' holds both images and a folder '%s': which are the good "
                            "ones? Layout flat takes "
                            "the images, all of them good",
                            o->root, name);
        adi_log(o->dataset->context, AD_LOG_WARNING,
                "folder '%s' holds images: what is in its folder '%s' is not taken", o->root, name);
    }
    if (adi_name_is_bad(last_part(o->root)))
        adi_log(o->dataset->context, AD_LOG_WARNING,
                "all images of '%s' are taken as good, whatever it is called", o->root);
    return adi_dataset_add_folder(o->dataset, o->root, &group);
}

/* The root has no images: find the layout by its folders. */
static ad_status add_found(const opening *o)
{
    int pairs = 0;
    const char *train = adi_folder_find(&o->top, "train");
    for (int i = 0; i < LAYOUTS; i++) {
        int fit = 0;
        ADI_TRY(fits(o, &layouts[i], &fit));
        if (fit && layouts[i].train)
            ADI_TRY(adi_dataset_are_pairs(o->dataset, o->root, &o->top, &pairs));
        if (fit)
            return pairs ? adi_dataset_add_pairs(o->dataset, o->root, &o->top, o->options->split)
                         : add_row(o, &layouts[i]);
    }
    if (train || (o->options->split == AD_SPLIT_TEST && adi_folder_find(&o->top, "test")))
        return add_split(o, &layouts[0]);
    if (adi_folder_has(&o->top, "rgb") || !o->top.folders.count)
        return add_flat(o, 0);
    ADI_TRY(adi_dataset_are_pairs(o->dataset, o->root, &o->top, &pairs));
    return pairs ? adi_dataset_add_pairs(o->dataset, o->root, &o->top, o->options->split)
                 : no_layout(o);
}

static ad_status add_wanted(const opening *o, const char *wanted)
{
    char names[256] = "flat, pairs";
    size_t length = strlen(names);
    if (strcmp(wanted, "flat") == 0)
        return add_flat(o, 0);
    if (strcmp(wanted, "pairs") == 0)
        return adi_dataset_add_pairs(o->dataset, o->root, &o->top, o->options->split);
    for (int i = 0; i < LAYOUTS; i++) {
        if (strcmp(wanted, layouts[i].name) == 0)
            return add_row(o, &layouts[i]);
        length += (size_t)snprintf(names + length, sizeof names - length, ", %s", layouts[i].name);
    }
    return adi_fail(AD_ERR_INVALID_ARGUMENT, "layout is '%s', possible are %s", wanted, names);
}

ad_status adi_dataset_add_layout(ad_dataset *d, const char *root, const ad_dataset_options *options)
{
    opening o = {.dataset = d, .root = root, .options = options};
    ADI_TRY(adi_folder_read(&d->context->allocator, root, &o.top));
    ad_status status;
    if (options->layout)
        status = add_wanted(&o, options->layout);
    else if (options->normal_dir || options->normal_test_dir || options->abnormal_dir ||
             options->mask_dir)
        status = add_named(&o);
    else
        status = o.top.images.count ? add_flat(&o, 1) : add_found(&o);
    adi_folder_free(&o.top);
    return status;
}
