/* Layouts with folders train and test: each has a folder of good images, and test has one for each
 * type of defect. */
#include <string.h>

#include "api/dataset_names.h"
#include "api/dataset_opening.h"

static ad_status no_good(const adi_opening *o, const char *folder, const char *name,
                         const adi_folder_scan *s)
{
    char names[256];
    adi_folder_list(s, names, sizeof names);
    if (o->options->good)
        return adi_fail(AD_ERR_FORMAT,
                        "no folder of '%s/%s' is called '%s', which option good says: there are %s",
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
                    "good says which of them holds good parts",
                    folder, name, names);
}

/* Open the masks of a type: ground_truth is in the test folder, or beside it. */
static ad_status find_truth(const adi_opening *o, const char *test, const adi_folder_scan *types,
                            const char *type, adi_truth *out)
{
    const adi_folder_scan *const places[] = {types, &o->top};
    *out = (adi_truth){.scan.allocator = adi_opening_allocator(o)};
    for (int p = 0; p < 2; p++)
        for (size_t i = 0; i < places[p]->folders.count; i++) {
            const char *name = places[p]->folders.list[i];
            if (!adi_name_is_masks(name))
                continue;
            adi_folder_scan inner;
            char *masks;
            ADI_TRY(adi_opening_join(o, p ? o->root : test, name, &masks));
            ad_status status = adi_folder_read(adi_opening_allocator(o), masks, &inner);
            const char *found = status == AD_OK ? adi_folder_find(&inner, type) : NULL;
            char *path = NULL;
            if (found)
                status = adi_opening_join(o, masks, found, &path);
            if (status == AD_OK && found)
                status = adi_truth_open(adi_opening_allocator(o), path, out);
            adi_folder_free(&inner);
            adi_free(adi_opening_allocator(o), masks);
            if (status != AD_OK || found)
                return status;
        }
    return AD_OK;
}

static ad_status add_type(const adi_opening *o, const char *test, const adi_folder_scan *types,
                          const char *type)
{
    char *folder;
    adi_truth truth;
    adi_group group = {.name = type, .label = !adi_opening_is_good(o, type), .truth = &truth};
    ADI_TRY(adi_opening_join(o, test, type, &folder));
    ad_status status = o->options->split == AD_SPLIT_TEST
                           ? find_truth(o, test, types, type, &truth)
                           : adi_truth_open(adi_opening_allocator(o), NULL, &truth);
    if (status == AD_OK) {
        status = adi_dataset_add_folder(o->dataset, folder, &group);
        adi_truth_close(&truth);
    }
    adi_free(adi_opening_allocator(o), folder);
    return status;
}

/* Add the types of the test folder, or the good images of the train folder. */
static ad_status add_types(const adi_opening *o, const char *name, const adi_folder_scan *types,
                           int only_good)
{
    char *folder;
    int64_t good = 0;
    ADI_TRY(adi_opening_join(o, o->root, name, &folder));
    ad_status status = AD_OK;
    for (size_t i = 0; i < types->folders.count && status == AD_OK; i++) {
        const char *type = types->folders.list[i];
        good += adi_opening_is_good(o, type);
        if (adi_opening_is_good(o, type) || (!only_good && !adi_name_is_masks(type)))
            status = add_type(o, folder, types, type);
        else if (only_good || strcmp(type, "ground_truth") != 0)
            adi_log(o->dataset->context, AD_LOG_WARNING, "folder '%s/%s' is not used: %s", folder,
                    type,
                    only_good ? "only good images are learned"
                              : "by its name it holds masks, not a type of defect");
    }
    if (status == AD_OK && !good)
        status = no_good(o, o->root, name, types);
    adi_free(adi_opening_allocator(o), folder);
    return status;
}

ad_status adi_dataset_add_split(const adi_opening *o, const adi_layout *l)
{
    const int train = o->options->split == AD_SPLIT_TRAIN;
    const char *name = adi_folder_find(&o->top, train ? l->train : l->test);
    if (!name)
        return adi_fail(AD_ERR_FORMAT, "folder '%s' has no folder %s, which layout %s has: %s",
                        o->root, train ? l->train : l->test, l->name, l->looks);
    adi_folder_scan types;
    ADI_TRY(adi_opening_scan(o, o->root, name, &types));
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
