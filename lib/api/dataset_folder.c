/* Folders as datasets: MVTec AD's layout, that of MVTec 3D-AD, or a flat folder of good images. What would be left out
 * silently, and so change what is learnt, is refused. */
#include <string.h>
#include <sys/stat.h>

#include "api/dataset.h"
#include "api/folder_scan.h"
#include "core/options.h"
#include "vision/image_kinds.h"

/* mask, depth: taken over, may be NULL; a mask must be there. */
static ad_status add_image(ad_dataset *d, const char *folder, const char *name, const char *group, int32_t label,
                           char *mask, char *depth)
{
    const adi_allocator *a = &d->context->allocator;
    char *path = adi_folder_join(a, folder, name);
    struct stat info;
    ad_status status = AD_OK;
    if (!path)
        status = adi_fail_memory();
    else if (mask && stat(mask, &info) != 0)
        status = adi_fail(AD_ERR_FORMAT, "image '%s' has no mask '%s'", path, mask);
    else if (depth && stat(depth, &info) != 0)
        status = adi_fail(AD_ERR_FORMAT, "image '%s' has no depth '%s'", path, depth);
    if (status == AD_OK) {
        status = adi_dataset_append(d, path, group, label, mask, depth);
    } else {
        adi_free(a, mask);
        adi_free(a, depth);
    }
    adi_free(a, path);
    return status;
}

/* That a folder holds images, and all of them can be read. */
static ad_status check_images(ad_dataset *d, const char *folder, const adi_folder_scan *s)
{
    if (s->refused[0])
        return adi_fail(AD_ERR_FORMAT, "folder '%s' holds '%s', which is not read: %s images are", folder, s->refused,
                        adi_images_read);
    if (!s->images.count)
        return adi_fail(AD_ERR_FORMAT, "folder '%s' holds no image (%lld other files); %s can be read", folder,
                        (long long)s->skipped, adi_images_read);
    if (s->skipped)
        adi_log(d->context, AD_LOG_WARNING, "folder '%s': %lld files that are not images were skipped", folder,
                (long long)s->skipped);
    return AD_OK;
}

/* MVTec 3D-AD: rgb/<stem>.png with gt/<stem>.png, and xyz/<stem>.tiff or depth/<stem>.png. */
static ad_status add_folder_3d(ad_dataset *d, const char *folder, const adi_folder_scan *parts, const char *group,
                               int32_t label)
{
    const adi_allocator *a = &d->context->allocator;
    const int masks = label == 1 && adi_folder_has(parts, "gt"), xyz = d->with_depth && adi_folder_has(parts, "xyz");
    const int depths = !xyz && d->with_depth && adi_folder_has(parts, "depth");
    adi_folder_scan s = {.allocator = a};
    char *rgb = adi_folder_join(a, folder, "rgb");
    ad_status status = rgb ? adi_folder_read(a, rgb, &s) : adi_fail_memory();
    if (status == AD_OK)
        status = check_images(d, rgb, &s);
    for (size_t i = 0; i < s.images.count && status == AD_OK; i++) {
        const char *name = s.images.list[i];
        char *mask = masks ? adi_folder_sibling(a, folder, "gt", name, ".png") : NULL;
        char *depth = xyz      ? adi_folder_sibling(a, folder, "xyz", name, ".tiff")
                      : depths ? adi_folder_sibling(a, folder, "depth", name, ".png")
                               : NULL;
        if ((masks && !mask) || ((xyz || depths) && !depth)) {
            adi_free(a, mask);
            adi_free(a, depth);
            status = adi_fail_memory();
        } else {
            status = add_image(d, rgb, name, group, label, mask, depth);
        }
    }
    adi_folder_free(&s);
    adi_free(a, rgb);
    return status;
}

ad_status adi_dataset_add_folder(ad_dataset *d, const char *folder, const char *group, int32_t label, const char *truth)
{
    const adi_allocator *a = &d->context->allocator;
    adi_folder_scan s;
    ADI_TRY(adi_folder_read(a, folder, &s));
    if (!s.images.count && adi_folder_has(&s, "rgb")) {
        const ad_status status = add_folder_3d(d, folder, &s, group, label);
        adi_folder_free(&s);
        return status;
    }
    ad_status status = check_images(d, folder, &s);
    for (size_t i = 0; i < s.images.count && status == AD_OK; i++) {
        char *mask = truth ? adi_folder_sibling(a, truth, group, s.images.list[i], "_mask.png") : NULL;
        status = truth && !mask ? adi_fail_memory() : add_image(d, folder, s.images.list[i], group, label, mask, NULL);
    }
    adi_folder_free(&s);
    return status;
}

static ad_status add_train(ad_dataset *d, const char *root)
{
    const adi_allocator *a = &d->context->allocator;
    char *folder = adi_folder_join(a, root, "train/good");
    if (!folder)
        return adi_fail_memory();
    const ad_status status = adi_dataset_add_folder(d, folder, "good", 0, NULL);
    adi_free(a, folder);
    return status;
}

/* test/good without masks, test/<type> with masks from ground_truth/<type> where that exists. */
static ad_status add_group(ad_dataset *d, const char *test, const char *truth, const adi_folder_scan *truths,
                           const char *group)
{
    const adi_allocator *a = &d->context->allocator;
    char *folder = adi_folder_join(a, test, group);
    if (!folder)
        return adi_fail_memory();
    const int good = strcmp(group, "good") == 0;
    const ad_status status = adi_dataset_add_folder(d, folder, group, good ? 0 : 1,
                                                    !good && adi_folder_has(truths, group) ? truth : NULL);
    adi_free(a, folder);
    return status;
}

static ad_status add_test(ad_dataset *d, const char *root, const adi_folder_scan *top)
{
    const adi_allocator *a = &d->context->allocator;
    if (!adi_folder_has(top, "test"))
        return adi_fail(AD_ERR_FORMAT, "folder '%s' has train/good but no test folder", root);
    char *test = adi_folder_join(a, root, "test"), *truth = adi_folder_join(a, root, "ground_truth");
    adi_folder_scan groups = {.allocator = a}, truths = {.allocator = a};
    ad_status status = test && truth ? adi_folder_read(a, test, &groups) : adi_fail_memory();
    if (status == AD_OK && adi_folder_has(top, "ground_truth"))
        status = adi_folder_read(a, truth, &truths);
    if (status == AD_OK && groups.images.count)
        status = adi_fail(AD_ERR_FORMAT, "folder '%s' holds images beside its defect folders", test);
    if (status == AD_OK && !groups.folders.count)
        status = adi_fail(AD_ERR_FORMAT, "folder '%s' has no folder of images in it", test);
    for (size_t i = 0; i < groups.folders.count && status == AD_OK; i++)
        status = add_group(d, test, truth, &truths, groups.folders.list[i]);
    adi_folder_free(&groups);
    adi_folder_free(&truths);
    adi_free(a, test);
    adi_free(a, truth);
    return status;
}

static ad_status add_root(ad_dataset *d, const char *path, int32_t split)
{
    adi_folder_scan top;
    ADI_TRY(adi_folder_read(&d->context->allocator, path, &top));
    ad_status status;
    if (!adi_folder_has(&top, "train"))
        status = adi_dataset_add_folder(d, path, "", 0, NULL);
    else if (top.images.count)
        status = adi_fail(AD_ERR_FORMAT,
                          "folder '%s' holds both images and a train folder: which are the good ones?",
                          path);
    else
        status = split == AD_SPLIT_TRAIN ? add_train(d, path) : add_test(d, path, &top);
    adi_folder_free(&top);
    return status;
}

ad_status ad_dataset_open_folder(ad_context *context, const char *path,
                                 const ad_dataset_options *options, ad_dataset **out_dataset)
{
    ADI_CHECK_ARG(context && path && out_dataset, "ad_dataset_open_folder: an argument is NULL");
    *out_dataset = NULL;
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    ADI_TRY(adi_options_take(&o, sizeof o, options, "ad_dataset_options"));
    ADI_CHECK_ARG(o.split == AD_SPLIT_TRAIN || o.split == AD_SPLIT_TEST, "split is %d, no such ad_split",
                  o.split);
    ADI_CHECK_ARG(o.depth_scale >= 0.0 && o.depth_scale <= 1e6, "depth_scale is %g, 0 to 1e6 is possible",
                  o.depth_scale);
    ad_dataset *d = NULL;
    ADI_TRY(adi_dataset_new(context, &d));
    d->depth_scale = o.depth_scale;
    d->with_depth = o.depth != 0;
    const ad_status status = o.one_class ? adi_dataset_add_classes(d, path, o.split, o.one_class) : add_root(d, path, o.split);
    if (status == AD_OK)
        *out_dataset = d;
    else
        ad_dataset_destroy(d);
    return status;
}
