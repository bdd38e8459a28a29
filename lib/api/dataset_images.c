/* The images of one folder with their masks and depth. A file that could be a part but cannot be
 * used is refused, since leaving it out silently would change what is learned. */
#include <string.h>
#include <sys/stat.h>

#include "api/dataset.h"
#include "api/dataset_names.h"

/* Takes ownership of mask and depth, which may be NULL. */
static ad_status add_image(ad_dataset *d, const char *folder, const char *name,
                           const adi_group *group, char *mask, char *depth)
{
    const adi_allocator *a = &d->context->allocator;
    char *path = adi_folder_join(a, folder, name);
    struct stat info;
    ad_status status = AD_OK;
    if (!path)
        status = adi_fail_memory();
    else if (depth && stat(depth, &info) != 0)
        status = adi_fail(AD_ERR_FORMAT, "image '%s' has no depth '%s'", path, depth);
    if (status == AD_OK) {
        status = adi_dataset_append(d, path, group->name, group->label, mask, depth);
    } else {
        adi_free(a, mask);
        adi_free(a, depth);
    }
    adi_free(a, path);
    return status;
}

/* ---- MVTec 3D-AD: rgb/STEM.png with gt/STEM.png, and xyz/STEM.tiff or depth/STEM.png ---- */

typedef struct parts_3d {
    const char *folder, *depth, *ending; /* depth: name of its folder, or NULL */
    char *rgb;
    adi_truth truth;
} parts_3d;

static ad_status add_image_3d(ad_dataset *d, const parts_3d *p, const char *name,
                              const adi_group *group)
{
    const adi_allocator *a = &d->context->allocator;
    char *mask = NULL, *depth = NULL;
    if (p->truth.folder)
        ADI_TRY(adi_truth_find(&p->truth, p->rgb, name, 1, &mask));
    if (p->depth)
        depth = adi_folder_sibling(a, p->folder, p->depth, name, p->ending);
    if (p->depth && !depth) {
        adi_free(a, mask);
        return adi_fail_memory();
    }
    return add_image(d, p->rgb, name, group, mask, depth);
}

static ad_status add_folder_3d(ad_dataset *d, const char *folder, const adi_folder_scan *s,
                               const adi_group *group)
{
    const adi_allocator *a = &d->context->allocator;
    const int masks = group->label == 1 && adi_folder_has(s, "gt"),
              xyz = d->with_depth && adi_folder_has(s, "xyz");
    const int depths = !xyz && d->with_depth && adi_folder_has(s, "depth");
    parts_3d p = {.folder = folder,
                  .depth = xyz      ? "xyz"
                           : depths ? "depth"
                                    : NULL,
                  .ending = xyz ? ".tiff" : ".png",
                  .truth.scan.allocator = a};
    adi_folder_scan images = {.allocator = a};
    char *gt = masks ? adi_folder_join(a, folder, "gt") : NULL;
    p.rgb = adi_folder_join(a, folder, "rgb");
    ad_status status =
        p.rgb && (gt || !masks) ? adi_truth_open(a, gt, &p.truth) : adi_fail_memory();
    if (!p.rgb)
        adi_free(a, gt);
    if (status == AD_OK)
        status = adi_folder_read(a, p.rgb, &images);
    if (status == AD_OK)
        status = adi_folder_check_images(d->context, p.rgb, &images);
    for (size_t i = 0; i < images.images.count && status == AD_OK; i++)
        status = add_image_3d(d, &p, images.images.list[i], group);
    adi_folder_free(&images);
    adi_truth_close(&p.truth);
    adi_free(a, p.rgb);
    return status;
}

/* ---- A folder of images ---- */

/* Find the mask of image i: beside it, or in the group's folder of masks. Good images need none;
 * one in the folder is for the evaluation to check. */
static ad_status find_mask(const ad_dataset *d, const char *folder, const adi_folder_scan *s,
                           const adi_beside *b, size_t i, const adi_group *group, char **out_mask)
{
    *out_mask = NULL;
    const int is_bad = group->label == 1;
    if (!is_bad || b->mask[i] < 0)
        return group->truth && group->truth->folder
                   ? adi_truth_find(group->truth, folder, s->images.list[i], is_bad, out_mask)
                   : AD_OK;
    *out_mask = adi_folder_join(&d->context->allocator, folder, s->images.list[b->mask[i]]);
    return *out_mask ? AD_OK : adi_fail_memory();
}

/* All files are named like masks, and none belongs to an image here. */
static int only_masks(const adi_folder_scan *s)
{
    size_t masks = 0;
    for (size_t i = 0; i < s->images.count; i++)
        masks += adi_mask_suffix(s->images.list[i]) > 0;
    return s->images.count && masks == s->images.count;
}

static ad_status add_scanned(ad_dataset *d, const char *folder, const adi_folder_scan *s,
                             const adi_group *group)
{
    adi_beside beside;
    ADI_TRY(adi_folder_check_images(d->context, folder, s));
    if (!group->any_name && only_masks(s))
        return adi_fail(AD_ERR_FORMAT,
                        "folder '%s' holds masks only, by the names of its %zu images, the first "
                        "'%s': where are the parts? If these are parts, option layout=flat takes "
                        "them",
                        folder, s->images.count, s->images.list[0]);
    ADI_TRY(adi_beside_find(d, folder, s, &beside));
    ad_status status = AD_OK;
    for (size_t i = 0; i < s->images.count && status == AD_OK; i++) {
        char *mask = NULL;
        if (beside.is_mask[i])
            continue;
        status = find_mask(d, folder, s, &beside, i, group, &mask);
        if (status == AD_OK)
            status = add_image(d, folder, s->images.list[i], group, mask, NULL);
    }
    if (group->beside)
        *group->beside += beside.masks;
    else if (status == AD_OK && beside.masks)
        adi_log(d->context, AD_LOG_WARNING,
                "folder '%s': %lld files are masks of the images beside them, not images of parts",
                folder, (long long)beside.masks);
    adi_beside_free(&beside);
    return status;
}

ad_status adi_dataset_add_folder(ad_dataset *d, const char *folder, const adi_group *group)
{
    adi_folder_scan s;
    ADI_TRY(adi_folder_read(&d->context->allocator, folder, &s));
    const ad_status status = !s.images.count && adi_folder_has(&s, "rgb")
                                 ? add_folder_3d(d, folder, &s, group)
                                 : add_scanned(d, folder, &s, group);
    adi_folder_free(&s);
    return status;
}

static ad_status add_tree(ad_dataset *d, const char *folder, const adi_group *group, int32_t depth)
{
    const adi_allocator *a = &d->context->allocator;
    adi_folder_scan s;
    ADI_TRY(adi_folder_read(a, folder, &s));
    ad_status status = AD_OK;
    if (s.images.count || s.refused[0] || !s.folders.count || depth == 0)
        status = add_scanned(d, folder, &s, group);
    for (size_t i = 0; i < s.folders.count && status == AD_OK && depth > 0; i++) {
        char *inner = adi_folder_join(a, folder, s.folders.list[i]);
        status = inner ? add_tree(d, inner, group, depth - 1) : adi_fail_memory();
        adi_free(a, inner);
    }
    adi_folder_free(&s);
    return status;
}

ad_status adi_dataset_add_tree(ad_dataset *d, const char *folder, const adi_group *group)
{
    return add_tree(d, folder, group, 4);
}
