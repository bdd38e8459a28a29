/* Folders as datasets: MVTec AD's layout, or a flat folder of good images. What would be left out
 * silently, and so change what is learnt, is refused. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "api/dataset.h"

typedef struct names {
    char **list;
    size_t capacity, count;
} names;

typedef struct scan {
    const adi_allocator *allocator;
    names images, folders; /* sorted */
    int64_t skipped;       /* files of another kind */
    char refused[256];     /* an image of a kind that is not read, or "" */
} scan;

static void free_names(const adi_allocator *a, names *n)
{
    for (size_t i = 0; i < n->count; i++)
        adi_free(a, n->list[i]);
    adi_free(a, n->list);
}

static void free_scan(scan *s)
{
    free_names(s->allocator, &s->images);
    free_names(s->allocator, &s->folders);
}

static ad_status keep(const adi_allocator *a, names *n, const char *name)
{
    char **list = adi_grow(a, n->list, &n->capacity, n->count + 1, sizeof *list);
    if (!list)
        return adi_fail_memory();
    n->list = list;
    n->list[n->count] = adi_strdup(a, name);
    if (!n->list[n->count])
        return adi_fail_memory();
    n->count++;
    return AD_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int has_ending(const char *name, const char *const *endings)
{
    const char *dot = strrchr(name, '.');
    for (; dot && *endings; endings++)
        if (strcasecmp(dot, *endings) == 0)
            return 1;
    return 0;
}

/* A path in the context's memory, or NULL. */
static char *join(const adi_allocator *a, const char *folder, const char *name)
{
    const size_t n = strlen(folder), bytes = n + strlen(name) + 2;
    char *path = adi_alloc(a, bytes);
    if (path)
        snprintf(path, bytes, "%s%s%s", folder, n && folder[n - 1] == '/' ? "" : "/", name);
    return path;
}

static ad_status sort_entry(scan *s, const char *folder, const char *name)
{
    static const char *const read[] = {".png", ".jpg", ".jpeg", NULL};
    static const char *const other[] = {".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm",
                                        ".jp2", ".heic", ".exr",  NULL};
    if (name[0] == '.')
        return AD_OK;
    char *path = join(s->allocator, folder, name);
    if (!path)
        return adi_fail_memory();
    struct stat info;
    const int known = stat(path, &info) == 0;
    adi_free(s->allocator, path);
    if (known && S_ISDIR(info.st_mode))
        return keep(s->allocator, &s->folders, name);
    if (has_ending(name, read)) /* also a dangling link: reading it gives the sentence */
        return keep(s->allocator, &s->images, name);
    if (has_ending(name, other) && (!s->refused[0] || strcmp(name, s->refused) < 0))
        snprintf(s->refused, sizeof s->refused, "%s", name);
    s->skipped++;
    return AD_OK;
}

/* The folder's entries. On failure nothing is held. */
static ad_status read_folder(const adi_allocator *a, const char *path, scan *out)
{
    *out = (scan){.allocator = a};
    DIR *dir = opendir(path);
    if (!dir) {
        char reason[128] = "";
        return adi_fail(AD_ERR_IO, "cannot open folder '%s': %s", path,
                        strerror_r(errno, reason, sizeof reason));
    }
    ad_status status = AD_OK;
    for (const struct dirent *e; status == AD_OK && (e = readdir(dir));)
        status = sort_entry(out, path, e->d_name);
    closedir(dir);
    if (status != AD_OK) {
        free_scan(out);
        return status;
    }
    if (out->images.count)
        qsort(out->images.list, out->images.count, sizeof *out->images.list, by_name);
    if (out->folders.count)
        qsort(out->folders.list, out->folders.count, sizeof *out->folders.list, by_name);
    return AD_OK;
}

static int has_folder(const scan *s, const char *name)
{
    for (size_t i = 0; i < s->folders.count; i++)
        if (strcmp(s->folders.list[i], name) == 0)
            return 1;
    return 0;
}

/* ground_truth/<group>/<stem>_mask.png */
static char *mask_path(const adi_allocator *a, const char *truth, const char *group, const char *image)
{
    const char *dot = strrchr(image, '.');
    const size_t bytes = strlen(truth) + strlen(group) + strlen(image) + sizeof "//_mask.png";
    char *path = adi_alloc(a, bytes);
    if (path)
        snprintf(path, bytes, "%s/%s/%.*s_mask.png", truth, group, (int)(dot - image), image);
    return path;
}

static ad_status add_image(ad_dataset *d, const char *folder, const char *name, const char *group,
                           int32_t label, const char *truth)
{
    const adi_allocator *a = &d->context->allocator;
    char *path = join(a, folder, name);
    char *mask = path && truth ? mask_path(a, truth, group, name) : NULL;
    ad_status status = AD_OK;
    struct stat info;
    if (!path || (truth && !mask)) {
        adi_free(a, mask);
        status = adi_fail_memory();
    } else if (mask && stat(mask, &info) != 0) {
        status = adi_fail(AD_ERR_FORMAT, "image '%s' has no mask '%s'", path, mask);
        adi_free(a, mask);
    } else {
        status = adi_dataset_append(d, path, group, label, mask);
    }
    adi_free(a, path);
    return status;
}

/* All images of one folder. */
static ad_status add_folder(ad_dataset *d, const char *folder, const char *group, int32_t label,
                            const char *truth)
{
    scan s;
    ADI_TRY(read_folder(&d->context->allocator, folder, &s));
    ad_status status = AD_OK;
    if (s.refused[0])
        status = adi_fail(AD_ERR_FORMAT, "folder '%s' holds '%s': only PNG and JPEG images are read",
                          folder, s.refused);
    else if (!s.images.count)
        status = adi_fail(AD_ERR_FORMAT, "folder '%s' holds no PNG or JPEG image (%lld other files)",
                          folder, (long long)s.skipped);
    else if (s.skipped)
        adi_log(d->context, AD_LOG_WARNING, "folder '%s': %lld files that are not images were skipped",
                folder, (long long)s.skipped);
    for (size_t i = 0; i < s.images.count && status == AD_OK; i++)
        status = add_image(d, folder, s.images.list[i], group, label, truth);
    free_scan(&s);
    return status;
}

static ad_status add_train(ad_dataset *d, const char *root)
{
    const adi_allocator *a = &d->context->allocator;
    char *folder = join(a, root, "train/good");
    if (!folder)
        return adi_fail_memory();
    const ad_status status = add_folder(d, folder, "good", 0, NULL);
    adi_free(a, folder);
    return status;
}

/* test/good without masks, test/<type> with masks from ground_truth/<type> where that exists. */
static ad_status add_group(ad_dataset *d, const char *test, const char *truth, const scan *truths,
                           const char *group)
{
    const adi_allocator *a = &d->context->allocator;
    char *folder = join(a, test, group);
    if (!folder)
        return adi_fail_memory();
    const int good = strcmp(group, "good") == 0;
    const ad_status status = add_folder(d, folder, group, good ? 0 : 1,
                                        !good && has_folder(truths, group) ? truth : NULL);
    adi_free(a, folder);
    return status;
}

static ad_status add_test(ad_dataset *d, const char *root, const scan *top)
{
    const adi_allocator *a = &d->context->allocator;
    if (!has_folder(top, "test"))
        return adi_fail(AD_ERR_FORMAT, "folder '%s' has train/good but no test folder", root);
    char *test = join(a, root, "test"), *truth = join(a, root, "ground_truth");
    scan groups = {.allocator = a}, truths = {.allocator = a};
    ad_status status = test && truth ? read_folder(a, test, &groups) : adi_fail_memory();
    if (status == AD_OK && has_folder(top, "ground_truth"))
        status = read_folder(a, truth, &truths);
    if (status == AD_OK && groups.images.count)
        status = adi_fail(AD_ERR_FORMAT, "folder '%s' holds images beside its defect folders", test);
    if (status == AD_OK && !groups.folders.count)
        status = adi_fail(AD_ERR_FORMAT, "folder '%s' has no folder of images in it", test);
    for (size_t i = 0; i < groups.folders.count && status == AD_OK; i++)
        status = add_group(d, test, truth, &truths, groups.folders.list[i]);
    free_scan(&groups);
    free_scan(&truths);
    adi_free(a, test);
    adi_free(a, truth);
    return status;
}

static ad_status add_root(ad_dataset *d, const char *path, int32_t split)
{
    scan top;
    ADI_TRY(read_folder(&d->context->allocator, path, &top));
    ad_status status;
    if (!has_folder(&top, "train"))
        status = add_folder(d, path, "", 0, NULL);
    else if (top.images.count)
        status = adi_fail(AD_ERR_FORMAT,
                          "folder '%s' holds both images and a train folder: which are the good ones?",
                          path);
    else
        status = split == AD_SPLIT_TRAIN ? add_train(d, path) : add_test(d, path, &top);
    free_scan(&top);
    return status;
}

ad_status ad_dataset_open_folder(ad_context *context, const char *path,
                                 const ad_dataset_options *options, ad_dataset **out_dataset)
{
    ADI_CHECK_ARG(context && path && out_dataset, "ad_dataset_open_folder: an argument is NULL");
    *out_dataset = NULL;
    ad_dataset_options o = {.struct_size = sizeof o};
    if (options) {
        ADI_CHECK_ARG(options->struct_size >= sizeof o, "ad_dataset_options: struct_size is %u",
                      options->struct_size);
        o = *options;
    }
    ADI_CHECK_ARG(o.split == AD_SPLIT_TRAIN || o.split == AD_SPLIT_TEST, "split is %d, no such ad_split",
                  o.split);
    ad_dataset *d = NULL;
    ADI_TRY(adi_dataset_new(context, &d));
    const ad_status status = add_root(d, path, o.split);
    if (status == AD_OK)
        *out_dataset = d;
    else
        ad_dataset_destroy(d);
    return status;
}
