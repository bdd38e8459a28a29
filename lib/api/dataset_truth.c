/* Finding the mask of an image: in a folder of masks, or beside the image. */
#include <string.h>
#include <strings.h>

#include "api/dataset.h"
#include "api/dataset_names.h"

/* ---- A folder of masks ---- */

ad_status adi_truth_open(const adi_allocator *a, char *folder, adi_truth *out)
{
    *out = (adi_truth){.folder = folder, .scan.allocator = a};
    if (!folder)
        return AD_OK;
    const ad_status status = adi_folder_read(a, folder, &out->scan);
    if (status != AD_OK)
        adi_truth_close(out);
    return status;
}

void adi_truth_close(adi_truth *truth)
{
    adi_folder_free(&truth->scan);
    adi_free(truth->scan.allocator, truth->folder);
    truth->folder = NULL;
}

/* The first image that does not sort before `stem`. */
static size_t first_with(const adi_names *images, const char *stem, size_t length)
{
    size_t low = 0, high = images->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strncmp(images->list[middle], stem, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Whether `name` is a mask of images with this stem: the stem itself, or with a suffix. */
static int masks_stem(const char *name, size_t length)
{
    return adi_stem_length(name) == length || adi_mask_suffix(name) == length;
}

static ad_status no_mask(const adi_truth *t, const char *image_folder, const char *image)
{
    const int stem = (int)adi_stem_length(image);
    return adi_fail(AD_ERR_FORMAT,
                    "image '%s/%s' has no mask in '%s', which holds %zu images, the first '%s': "
                    "looked for %.*s_mask and "
                    "%.*s of any kind, and for a folder %.*s",
                    image_folder, image, t->folder, t->scan.images.count,
                    t->scan.images.count ? t->scan.images.list[0] : "", stem, image, stem, image,
                    stem, image);
}

ad_status adi_truth_find(const adi_truth *t, const char *image_folder, const char *image,
                         int required, char **out_mask)
{
    const size_t length = adi_stem_length(image);
    const adi_names *images = &t->scan.images;
    const char *found = NULL;
    for (size_t i = first_with(images, image, length);
         i < images->count && strncmp(images->list[i], image, length) == 0; i++) {
        if (!masks_stem(images->list[i], length))
            continue;
        if (found)
            return adi_fail(AD_ERR_FORMAT, "image '%s/%s' has two masks in '%s': '%s' and '%s'",
                            image_folder, image, t->folder, found, images->list[i]);
        found = images->list[i];
    }
    for (size_t i = 0; i < t->scan.folders.count && !found; i++)
        if (strlen(t->scan.folders.list[i]) == length &&
            strncmp(t->scan.folders.list[i], image, length) == 0)
            found = t->scan.folders.list[i];
    *out_mask = NULL;
    if (!found)
        return required ? no_mask(t, image_folder, image) : AD_OK;
    *out_mask = adi_folder_join(t->scan.allocator, t->folder, found);
    return *out_mask ? AD_OK : adi_fail_memory();
}

/* ---- Beside the image ---- */

void adi_beside_free(adi_beside *b)
{
    adi_free(b->allocator, b->mask);
    adi_free(b->allocator, b->is_mask);
    *b = (adi_beside){.allocator = b->allocator};
}

static int is_jpeg(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

/* Whether an image has at most two values, one of them 0, as masks have and photographs do not. */
static ad_status looks_like_mask(const ad_dataset *d, const char *folder, const char *name,
                                 int *out_mask)
{
    char *path = adi_folder_join(&d->context->allocator, folder, name);
    ad_image image = {0};
    *out_mask = 0;
    if (!path)
        return adi_fail_memory();
    const ad_status status = ad_image_read(d->context, path, NULL, &image);
    adi_free(&d->context->allocator, path);
    if (status != AD_OK) /* a damaged file is reported when it is read as an image */
        return status == AD_ERR_OUT_OF_MEMORY ? status : AD_OK;
    const int64_t bytes = image.format == AD_PIXEL_MONO8    ? 1
                          : image.format == AD_PIXEL_MONO16 ? 2
                                                            : 3;
    int other = 0;
    *out_mask = 1;
    for (int64_t y = 0; y < image.height && *out_mask; y++) {
        const uint8_t *row = (const uint8_t *)image.pixels + y * image.row_bytes;
        for (int64_t x = 0; x < image.width * bytes && *out_mask; x++) {
            other = row[x] && !other ? row[x] : other;
            *out_mask = row[x] == 0 || row[x] == other;
        }
    }
    ad_image_release(&image);
    return AD_OK;
}

static void pair(adi_beside *b, size_t image, size_t mask)
{
    b->mask[image] = (int32_t)mask;
    b->is_mask[mask] = 1;
    b->masks++;
}

/* 007_mask.png is the mask of 007.jpg; so is 007.png, if it looks like a mask. */
static ad_status find_partner(const ad_dataset *d, const char *folder, const adi_names *n, size_t i,
                              adi_beside *b)
{
    const size_t length = adi_stem_length(n->list[i]);
    for (size_t k = first_with(n, n->list[i], length);
         k < n->count && strncmp(n->list[k], n->list[i], length) == 0; k++) {
        int is_mask = k != i && adi_mask_suffix(n->list[k]) == length;
        if (k != i && adi_stem_length(n->list[k]) == length && is_jpeg(n->list[i]) &&
            !is_jpeg(n->list[k]))
            ADI_TRY(looks_like_mask(d, folder, n->list[k], &is_mask));
        if (is_mask && b->mask[i] >= 0)
            return adi_fail(AD_ERR_FORMAT, "image '%s/%s' has two masks beside it: '%s' and '%s'",
                            folder, n->list[i], n->list[b->mask[i]], n->list[k]);
        if (is_mask)
            pair(b, i, k);
    }
    return AD_OK;
}

ad_status adi_beside_find(const ad_dataset *d, const char *folder, const adi_folder_scan *s,
                          adi_beside *out)
{
    const adi_names *n = &s->images;
    adi_beside b = {.allocator = &d->context->allocator};
    b.mask = adi_calloc(b.allocator, n->count + 1, sizeof *b.mask);
    b.is_mask = adi_calloc(b.allocator, n->count + 1, 1);
    ad_status status = b.mask && b.is_mask ? AD_OK : adi_fail_memory();
    for (size_t i = 0; i < n->count && status == AD_OK; i++)
        b.mask[i] = -1;
    for (size_t i = 0; i < n->count && status == AD_OK; i++)
        if (!b.is_mask[i])
            status = find_partner(d, folder, n, i, &b);
    if (status != AD_OK)
        adi_beside_free(&b);
    *out = b;
    return status;
}
