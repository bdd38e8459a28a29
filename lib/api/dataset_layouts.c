/* The layouts of datasets, a row each: the folders of good images, anomalous images and masks.
 * There are two forms. A split has folders train and test, with a folder of good images and one for
 * each type of defect. A pool has one folder of good images and one of anomalous ones; some of the
 * good images are held out for the test split (dataset_pool.c). GOOD, BAD and MASK in a row stand
 * for any name with that meaning (dataset_names.c). */
#include <stdio.h>
#include <string.h>

#include "api/dataset_names.h"
#include "api/dataset_opening.h"

/* Searched in this order; the first whose folders exist is used. */
static const adi_layout layouts[] = {
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

/* The name of a row's folder in this root, where GOOD, BAD and MASK are looked up. NULL:
 * missing. */
static const char *resolve(const adi_opening *o, const char *wanted)
{
    const int good = strcmp(wanted, "GOOD") == 0, bad = strcmp(wanted, "BAD") == 0,
              mask = strcmp(wanted, "MASK") == 0;
    for (size_t i = 0; i < o->top.folders.count; i++) {
        const char *name = o->top.folders.list[i];
        if ((good && adi_opening_is_good(o, name)) || (bad && adi_name_is_bad(name)) ||
            (mask && adi_name_is_masks(name)))
            return name;
    }
    return good || bad || mask ? NULL : wanted;
}

static ad_status add_named(const adi_opening *o)
{
    const ad_dataset_options *n = o->options;
    const char *good = n->normal_dir ? n->normal_dir : resolve(o, "GOOD");
    const adi_pool_folders p = {good, n->normal_test_dir,
                                n->abnormal_dir ? n->abnormal_dir : resolve(o, "BAD"),
                                n->mask_dir ? n->mask_dir : resolve(o, "MASK")};
    ADI_CHECK_ARG(good, "normal_dir is NULL, and no folder of '%s' is called good, ok or normal",
                  o->root);
    return adi_dataset_add_pool(o, &p);
}

/* ---- Which layout ---- */

/* Whether a folder exists; a folder that cannot be read does not. path may be NULL. */
static ad_status is_there(const adi_opening *o, const char *path, int *out)
{
    adi_folder_scan s;
    const ad_status status = path ? adi_opening_scan(o, o->root, path, &s) : AD_ERR_IO;
    *out = status == AD_OK;
    if (status == AD_OK)
        adi_folder_free(&s);
    return status == AD_ERR_OUT_OF_MEMORY ? status : AD_OK;
}

static ad_status fits(const adi_opening *o, const adi_layout *l, int *out)
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

static ad_status add_row(const adi_opening *o, const adi_layout *l)
{
    int fit = 1, masks = 0;
    if (l->train)
        return adi_dataset_add_split(o, l);
    const char *mask = l->mask ? resolve(o, l->mask) : NULL;
    ADI_TRY(fits(o, l, &fit));
    ADI_TRY(is_there(o, mask, &masks));
    if (!fit)
        return adi_fail(AD_ERR_FORMAT, "folder '%s' is not of layout %s: %s", o->root, l->name,
                        l->looks);
    const adi_pool_folders p = {resolve(o, l->good), NULL, resolve(o, l->bad), masks ? mask : NULL};
    return adi_dataset_add_pool(o, &p);
}

/* Whether a folder in the root, or "..", is a dataset itself. */
static ad_status is_dataset(const adi_opening *o, const char *name, int *out)
{
    adi_opening inner = *o;
    char *root;
    ADI_TRY(adi_opening_join(o, o->root, name, &root));
    inner.root = root;
    ad_status status = adi_folder_read(adi_opening_allocator(o), root, &inner.top);
    *out = 0;
    for (int i = 0; i < LAYOUTS && status == AD_OK && !*out; i++)
        status = fits(&inner, &layouts[i], out);
    adi_folder_free(&inner.top);
    adi_free(adi_opening_allocator(o), root);
    return status;
}

/* Find the row that has the most of its folders in the root. */
static ad_status find_nearest(const adi_opening *o, const adi_layout **out)
{
    int most = -1;
    for (int i = 0; i < LAYOUTS; i++) {
        const adi_layout *l = &layouts[i];
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

/* AD_ERR_FORMAT with a sentence if the root is train, test or the like of a dataset. */
static ad_status check_whole(const adi_opening *o)
{
    const char *root = o->root, *good = resolve(o, "GOOD");
    int is = 0, end = (int)strlen(root), up;
    while (end > 1 && root[end - 1] == '/')
        end--;
    for (up = end; up > 0 && root[up - 1] != '/';)
        up--;
    const ad_status status = is_dataset(o, "..", &is);
    if (status != AD_OK || !is || root[up] == '.') /* what is above "." has no name here */
        return status == AD_ERR_OUT_OF_MEMORY ? status : AD_OK;
    const int length = up > 1 ? up - 1 : 1;
    const char *whole = up ? root : ".";
    const int learns = o->options->split == AD_SPLIT_TRAIN && strncmp(root + up, "train", 5) == 0;
    if (!good || !learns)
        return adi_fail(AD_ERR_FORMAT, "folder '%s' is a part of the data set '%.*s': open that",
                        root, length, whole);
    return adi_fail(AD_ERR_FORMAT,
                    "folder '%s' is a part of the data set '%.*s': open that, or '%.*s/%s', whose "
                    "images are all good",
                    root, length, whole, end, root, good);
}

static ad_status no_layout(const adi_opening *o)
{
    char names[256], categories[256] = "";
    size_t length = 0;
    for (size_t i = 0; i < o->top.folders.count; i++) {
        int is = 0;
        ADI_TRY(is_dataset(o, o->top.folders.list[i], &is));
        if (is && length < sizeof categories)
            length += (size_t)snprintf(categories + length, sizeof categories - length, "%s%s",
                                       length ? ", " : "", o->top.folders.list[i]);
    }
    if (length)
        return adi_fail(AD_ERR_FORMAT,
                        "folder '%s' holds data sets of several products: open one of %s, such as "
                        "'%s/%.*s'",
                        o->root, categories, o->root, (int)strcspn(categories, ","), categories);
    ADI_TRY(check_whole(o));
    const adi_layout *nearest = NULL;
    ADI_TRY(find_nearest(o, &nearest));
    adi_folder_list(&o->top, names, sizeof names);
    return adi_fail(AD_ERR_FORMAT,
                    "folder '%s' holds no image and is of no known layout: its folders are %s; "
                    "nearest is %s (%s). normal_dir, "
                    "normal_test_dir, abnormal_dir and mask_dir say which folder is what",
                    o->root, names, nearest->name, nearest->looks);
}

/* Add a folder of good images, or of images with masks beside them. */
static ad_status add_flat(const adi_opening *o, int may_be_pairs)
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
                            "ones? Option layout=flat takes "
                            "the images, all of them good",
                            o->root, name);
        adi_log(o->dataset->context, AD_LOG_WARNING,
                "folder '%s' holds images: what is in its folder '%s' is not taken", o->root, name);
    }
    if (adi_name_is_bad(adi_last_part(o->root)))
        adi_log(o->dataset->context, AD_LOG_WARNING,
                "all images of '%s' are taken as good, whatever it is called", o->root);
    return adi_dataset_add_folder(o->dataset, o->root, &group);
}

/* The root has no images: find the layout by its folders. */
static ad_status add_found(const adi_opening *o)
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
        return adi_dataset_add_split(o, &layouts[0]);
    if (adi_folder_has(&o->top, "rgb") || !o->top.folders.count)
        return add_flat(o, 0);
    ADI_TRY(adi_dataset_are_pairs(o->dataset, o->root, &o->top, &pairs));
    return pairs ? adi_dataset_add_pairs(o->dataset, o->root, &o->top, o->options->split)
                 : no_layout(o);
}

static ad_status add_wanted(const adi_opening *o, const char *wanted)
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
    adi_opening o = {.dataset = d, .root = root, .options = options};
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
