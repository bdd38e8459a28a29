/* Reading masks; this file alone defines their values (see ad_image_read_mask() in the header). A
 * mask is an image of any supported kind. A pixel is good if all of its channels have the value
 * mask_good (0 by default), and a defect otherwise, so that several values may stand for several
 * kinds of defect. JPEG and lossy WebP change values: there only values below and above 128 are
 * distinguished. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/dataset.h"
#include "vision/vision.h"

enum {
    HALF = 128,
    NOISE = 16
}; /* for lossy masks: the smallest defect value, and the largest value of an empty mask */

/* Whether a file is a JPEG or lossy WebP, by its first bytes. A file that cannot be read is
 * reported when it is decoded. */
static int is_lossy(const char *path)
{
    unsigned char head[16] = {0};
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    const ssize_t n = read(file, head, sizeof head);
    close(file);
    if (n >= 2 && head[0] == 0xff && head[1] == 0xd8)
        return 1;
    return n == (ssize_t)sizeof head && memcmp(head + 8, "WEBPVP8", 7) == 0 && head[15] != 'L';
}

typedef struct meaning {
    int32_t channels, lossy, good; /* good: value of the background */
    int32_t largest;               /* found in a lossy mask on the good side */
} meaning;

/* The value of one pixel: 255 is a defect, 0 good. */
static uint8_t mark(meaning *m, const uint8_t *pixel)
{
    int marked = 0;
    for (int32_t c = 0; c < m->channels; c++) {
        if (!m->lossy) {
            marked |= pixel[c] != m->good;
            continue;
        }
        const int distance = m->good ? 255 - pixel[c] : pixel[c];
        m->largest = distance > m->largest ? distance : m->largest;
        marked |= distance >= HALF;
    }
    return marked ? 255 : 0;
}

/* Compare mask_good, 0 .. 255, with a value of 8 or 16 bits. Of 16 bits, 65535 counts as 255 and 0
 * as 0; others are never good. */
static void mark_row(meaning *m, const ad_image *image, int64_t y, uint8_t *out)
{
    const uint8_t *row = (const uint8_t *)image->pixels + y * image->row_bytes;
    for (int64_t x = 0; x < image->width; x++) {
        if (image->format == AD_PIXEL_MONO16) {
            uint16_t value;
            memcpy(&value, row + 2 * x, sizeof value);
            out[x] = value != m->good * 257 ? 255 : 0;
        } else {
            out[x] = mark(m, row + x * m->channels);
        }
    }
}

/* The caller's options for masks. */
typedef struct mask_word {
    int32_t good, orientation;
} mask_word;

static ad_status read_marks(ad_context *context, const char *path, const mask_word *word,
                            ad_image *out)
{
    const ad_read_options o = {
        .struct_size = sizeof o, .orientation = word->orientation, .significant_bits = 16};
    const int32_t good = word->good;
    ad_image image = {0}, marks = {0};
    ADI_TRY(ad_image_read(context, path, &o, &image));
    meaning m = {.channels = adi_pixel_bytes(image.format),
                 .lossy = is_lossy(path),
                 .good = good < 0 ? 0 : good};
    ad_status status = AD_OK;
    if (m.lossy && m.good != 0 && m.good != 255)
        status =
            adi_fail(AD_ERR_FORMAT, "mask '%s' is lossy: mask_good may be 0 or 255 for it, not %d",
                     path, m.good);
    if (status == AD_OK)
        status =
            adi_image_alloc(&context->allocator, AD_PIXEL_MONO8, image.width, image.height, &marks);
    for (int64_t y = 0; y < image.height && status == AD_OK; y++)
        mark_row(&m, &image, y, (uint8_t *)(uintptr_t)marks.pixels + y * marks.row_bytes);
    if (status == AD_OK && m.lossy && m.largest > NOISE && m.largest < HALF)
        status = adi_fail(AD_ERR_FORMAT,
                          "mask '%s' is lossy and no value in it is further than %d from %d: which "
                          "of them mean a defect "
                          "cannot be told; a PNG keeps them",
                          path, m.largest, m.good);
    ad_image_release(&image);
    if (status == AD_OK)
        *out = marks;
    else
        adi_image_free(&marks);
    return status;
}

/* ---- One mask in several files ---- */

static ad_status join(ad_image *all, const ad_image *one, const char *path)
{
    if (all->width != one->width || all->height != one->height)
        return adi_fail(AD_ERR_SHAPE, "masks of one image in '%s' are %lldx%lld and %lldx%lld",
                        path, (long long)all->width, (long long)all->height, (long long)one->width,
                        (long long)one->height);
    for (int64_t y = 0; y < all->height; y++) {
        uint8_t *to = (uint8_t *)(uintptr_t)all->pixels + y * all->row_bytes;
        const uint8_t *from = (const uint8_t *)one->pixels + y * one->row_bytes;
        for (int64_t x = 0; x < all->width; x++)
            to[x] |= from[x];
    }
    return AD_OK;
}

static ad_status join_file(ad_context *context, const char *folder, const char *name,
                           const mask_word *word, ad_image *all)
{
    char *path = adi_folder_join(&context->allocator, folder, name);
    ad_image one = {0};
    ad_status status = path ? read_marks(context, path, word, &one) : adi_fail_memory();
    adi_free(&context->allocator, path);
    if (status != AD_OK)
        return status;
    if (!all->pixels) {
        *all = one;
        return AD_OK;
    }
    status = join(all, &one, folder);
    ad_image_release(&one);
    return status;
}

static ad_status read_union(ad_context *context, const char *folder, const mask_word *word,
                            ad_image *out)
{
    adi_folder_scan s;
    ad_image all = {0};
    ADI_TRY(adi_folder_read(&context->allocator, folder, &s));
    ad_status status = adi_folder_check_images(context, folder, &s);
    for (size_t i = 0; i < s.images.count && status == AD_OK; i++)
        status = join_file(context, folder, s.images.list[i], word, &all);
    adi_folder_free(&s);
    if (status == AD_OK)
        *out = all;
    else
        ad_image_release(&all);
    return status;
}

ad_status adi_mask_read(ad_context *context, const char *path, int32_t good, int32_t orientation,
                        ad_image *out_mask)
{
    struct stat info;
    const mask_word word = {good, orientation};
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode)
               ? read_union(context, path, &word, out_mask)
               : read_marks(context, path, &word, out_mask);
}

ad_status ad_image_read_mask(ad_context *context, const char *path, int32_t mask_good,
                             ad_image *out_mask)
{
    ADI_CHECK_ARG(context && path && out_mask, "ad_image_read_mask: an argument is NULL");
    ADI_CHECK_ARG(mask_good >= -1 && mask_good <= 255, "mask_good is %d, -1 to 255 is possible",
                  mask_good);
    return adi_mask_read(context, path, mask_good, AD_ORIENTATION_AUTO, out_mask);
}

ad_status adi_mask_count(const ad_dataset *d, const char *path, int64_t *out_marked)
{
    ad_image mask = {0};
    ADI_TRY(ad_image_read_mask(d->context, path, d->mask_good, &mask));
    *out_marked = adi_mask_marked(&mask);
    ad_image_release(&mask);
    return AD_OK;
}

int64_t adi_mask_marked(const ad_image *mask)
{
    int64_t marked = 0;
    for (int64_t y = 0; y < mask->height; y++)
        for (int64_t x = 0; x < mask->width; x++)
            marked += ((const uint8_t *)mask->pixels)[y * mask->row_bytes + x] != 0;
    return marked;
}
