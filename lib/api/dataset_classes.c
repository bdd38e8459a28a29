/* Class folders for one-class evaluation, as with CIFAR-10: one class is normal, all others are
 * anomalous. */
#include <string.h>

#include "api/dataset.h"
#include "api/folder_scan.h"

/* The class must exist: with a typing error in its name everything would be anomalous. */
static ad_status check_class(const char *folder, const adi_folder_scan *classes, const char *good)
{
    char names[256];
    if (adi_folder_has(classes, good))
        return AD_OK;
    adi_folder_list(classes, names, sizeof names);
    return adi_fail(AD_ERR_FORMAT, "folder '%s' has no class '%s': there are %s", folder, good,
                    classes->folders.count ? names : "no folders");
}

static ad_status add_class(ad_dataset *d, const char *folder, const char *name, int32_t label)
{
    const adi_allocator *a = &d->context->allocator;
    char *path = adi_folder_join(a, folder, name);
    if (!path)
        return adi_fail_memory();
    const adi_group group = {.name = name, .label = label};
    const ad_status status = adi_dataset_add_folder(d, path, &group);
    adi_free(a, path);
    return status;
}

static ad_status add_classes(ad_dataset *d, const char *folder, int32_t split, const char *good)
{
    adi_folder_scan classes;
    ADI_TRY(adi_folder_read(&d->context->allocator, folder, &classes));
    ad_status status = AD_OK;
    if (classes.images.count)
        status =
            adi_fail(AD_ERR_FORMAT, "folder '%s' holds images beside its class folders", folder);
    if (status == AD_OK)
        status = check_class(folder, &classes, good);
    for (size_t i = 0; i < classes.folders.count && status == AD_OK; i++) {
        const char *name = classes.folders.list[i];
        const int32_t label = strcmp(name, good) != 0;
        if (label == 0 || split == AD_SPLIT_TEST)
            status = add_class(d, folder, name, label);
    }
    adi_folder_free(&classes);
    return status;
}

ad_status adi_dataset_add_classes(ad_dataset *d, const char *root, int32_t split, const char *good)
{
    const adi_allocator *a = &d->context->allocator;
    adi_folder_scan top;
    ADI_CHECK_ARG(good[0] && good[0] != '.' && !strchr(good, '/'),
                  "one_class is '%s', the name of a folder is possible", good);
    ADI_TRY(adi_folder_read(a, root, &top));
    const int splits = adi_folder_has(&top, "train") && adi_folder_has(&top, "test");
    adi_folder_free(&top);
    if (!splits)
        return add_classes(d, root, split, good);
    char *folder = adi_folder_join(a, root, split == AD_SPLIT_TRAIN ? "train" : "test");
    if (!folder)
        return adi_fail_memory();
    const ad_status status = add_classes(d, folder, split, good);
    adi_free(a, folder);
    return status;
}
