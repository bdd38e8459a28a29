/* Every kind of image file that Pillow and tifffile write, read from memory, from a file and from a
 * folder: the pixels are theirs, so that scores are those of the same image in PNG. make_images.py
 * says what the cases are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "golden_rows.h"
#include "harness/fault_alloc.h"
#include "harness/image_source.h"
#include "harness/tiny.h"
#include "vision/vision.h"

static adi_safetensors *golden;
static ad_context *context;
static char *folder;
static int notes_logged;

static void count_notes(void *user, ad_log_level level, const char *text)
{
    (void)user;
    (void)text;
    notes_logged += level == AD_LOG_WARNING;
}

static int set_up(void **state)
{
    (void)state;
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.log = count_notes;
    folder = tiny_path("images");
    return adi_st_open(&adi_default_allocator, ADFEAT_GOLDEN_DIR "/images.safetensors", &golden) !=
               AD_OK ||
           ad_context_create(&o, &context) || mkdir(folder, 0755);
}

static int tear_down(void **state)
{
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    const int failed = system(command);
    free(folder);
    adi_st_close(golden);
    ad_context_destroy(context);
    return failed;
}

static int begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* NULL where this build does not read it. */
static adi_image_reader reader_of(const adi_st_tensor *t)
{
    const adi_image_kind *kind = adi_image_kind_named(t->name);
    assert_non_null(kind);
    return kind->read;
}

/* file.<key>.<name>.<kind> */
static const adi_st_tensor *pixels_of(const adi_st_tensor *file)
{
    char name[128];
    const char *key = file->name + strlen("file.");
    snprintf(name, sizeof name, "pixels.%.*s", (int)strcspn(key, "."), key);
    const adi_st_tensor *t = adi_st_find(golden, name);
    assert_non_null(t);
    return t;
}

static int same(const ad_image *image, const adi_st_tensor *want)
{
    const uint32_t format = want->ndim == 2       ? AD_PIXEL_MONO8
                            : want->shape[2] == 2 ? AD_PIXEL_MONO16
                                                  : AD_PIXEL_RGB8;
    if (image->format != format || image->height != want->shape[0] ||
        image->width != want->shape[1])
        return 0;
    const int64_t bytes = image->width * adi_pixel_bytes(format);
    for (int64_t y = 0; y < image->height; y++) {
        const uint8_t *row = (const uint8_t *)image->pixels + y * image->row_bytes;
        for (int64_t i = 0; i < bytes; i++) {
            const uint8_t *w = want->data + y * bytes + i;
            const uint16_t wide = (uint16_t)((i & 1 ? w[-1] : w[0]) | (i & 1 ? w[0] : w[1]) << 8);
            if (format == AD_PIXEL_MONO16 ? ((const uint16_t *)(const void *)row)[i / 2] != wide
                                          : row[i] != *w)
                return 0;
        }
    }
    return 1;
}

static void check(const adi_st_tensor *file, ad_status status, ad_image *image, const char *how)
{
    if (status != AD_OK)
        fail_msg("%s %s: %s", file->name, how, ad_last_error_message());
    if (!same(image, pixels_of(file)))
        fail_msg("%s %s: other pixels", file->name, how);
    ad_image_release(image);
}

static void put(const char *path, const adi_st_tensor *t)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(t->data, 1, (size_t)t->count, f), (size_t)t->count);
    fclose(f);
}

static void every_kind(void **state)
{
    (void)state;
    int64_t count = 0;
    for (int64_t i = 0; i < adi_st_count(golden); i++) {
        const adi_st_tensor *t = adi_st_at(golden, (int32_t)i);
        if (!begins(t->name, "file.") || !reader_of(t))
            continue;
        char path[512];
        ad_image image = {0};
        check(t, ad_image_decode(context, t->data, (size_t)t->count, NULL, &image), &image,
              "in memory");
        snprintf(path, sizeof path, "%s/%s", folder, t->name);
        put(path, t);
        check(t, ad_image_read(context, path, NULL, &image), &image, "in a file");
        count++;
    }
    ad_dataset *d = NULL;
    assert_int_equal(ad_dataset_open(context, folder, NULL, &d), AD_OK);
    assert_int_equal(ad_dataset_count(d), count);
    assert_true(count >= 60);
    for (int64_t i = 0; i < count; i++) {
        ad_sample sample = {.struct_size = sizeof sample};
        ad_image image = {0};
        assert_int_equal(ad_dataset_get(d, i, &sample), AD_OK);
        check(adi_st_find(golden, strrchr(sample.name, '/') + 1),
              ad_dataset_read_image(d, i, NULL, &image), &image, "in a folder");
    }
    ad_dataset_destroy(d);
}

static void refusals_by_name(void **state)
{
    (void)state;
    int found = 0;
    for (int64_t i = 0; i < adi_st_count(golden); i++) {
        const adi_st_tensor *t = adi_st_at(golden, (int32_t)i);
        const adi_image_kind *kind =
            begins(t->name, "refused.") ? adi_image_kind_named(t->name) : NULL;
        if (!kind || kind->library)
            continue;
        ad_image image = {0};
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(t->name + 8, "."), t->name + 8);
        assert_string_equal(
            ad_status_name(ad_image_decode(context, t->data, (size_t)t->count, NULL, &image)),
            "AD_ERR_UNSUPPORTED");
        if (!strstr(ad_last_error_message(), word))
            fail_msg("'%s' does not say '%s'", ad_last_error_message(), word);
        found++;
    }
    assert_true(found >= 4);
}

/* From a block of exactly that size, so that the sanitizer sees a byte too many. */
static ad_status decode_exact(adi_image_reader reader, fault_alloc *counts, const adi_st_tensor *t,
                              size_t size, ad_image *out)
{
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, counts};
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, t->data, size);
    *out = (ad_image){0};
    const ad_status status = read_image(reader, &a, copy, size, out);
    free(copy);
    return status;
}

/* Cut anywhere: refused, or with every pixel (a file's end may say nothing of them). */
static void cut_files(void **state)
{
    (void)state;
    for (int64_t i = 0; i < adi_st_count(golden); i++) {
        const adi_st_tensor *t = adi_st_at(golden, (int32_t)i);
        if (!begins(t->name, "file.") || !reader_of(t))
            continue;
        for (size_t size = 0; size < (size_t)t->count; size += 1 + size / 24) {
            fault_alloc counts = {0};
            ad_image image;
            const ad_status status = decode_exact(reader_of(t), &counts, t, size, &image);
            if (status == AD_OK && !same(&image, pixels_of(t)))
                fail_msg("%s cut to %zu of %lld: read with other pixels", t->name, size,
                         (long long)t->count);
            if (status != AD_OK && status != AD_ERR_FORMAT && status != AD_ERR_UNSUPPORTED)
                fail_msg("%s cut to %zu: %s", t->name, size, ad_status_name(status));
            adi_image_free(&image);
            assert_int_equal(counts.live, 0);
        }
    }
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    for (int64_t i = 0; i < adi_st_count(golden); i++) {
        const adi_st_tensor *t = adi_st_at(golden, (int32_t)i);
        if (!begins(t->name, "file.") || !reader_of(t))
            continue;
        for (long n = 1;; n++) {
            fault_alloc counts = {.fail_at = n};
            ad_image image;
            const ad_status status =
                decode_exact(reader_of(t), &counts, t, (size_t)t->count, &image);
            if (status == AD_OK) {
                assert_true(n > 1);
                adi_image_free(&image);
                break;
            }
            assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
            assert_int_equal(counts.live, 0);
        }
    }
}

/* The first page is read, and that there are others is said. */
static void pages_are_noted(void **state)
{
    (void)state;
    const adi_st_tensor *t = adi_st_find(golden, "file.rgb.pages.tif");
    assert_non_null(t);
    if (!reader_of(t))
        skip();
    adi_notes notes = {0};
    adi_image_source source = image_source(&adi_default_allocator, t->data, (size_t)t->count);
    source.notes = &notes;
    ad_image image = {0};
    assert_int_equal(adi_image_decode(&source, &image), AD_OK);
    assert_non_null(strstr(notes.first, "further pages"));
    adi_image_free(&image);
    notes_logged = 0;
    assert_int_equal(ad_image_decode(context, t->data, (size_t)t->count, NULL, &image), AD_OK);
    assert_int_equal(notes_logged, 1);
    ad_image_release(&image);
}

/* Every reader asks for the caller's limits before it makes room for pixels. */
static void limits_hold_for_every_kind(void **state)
{
    (void)state;
    const adi_file_limits one_pixel = {1, 1, INT64_MAX};
    for (int64_t i = 0; i < adi_st_count(golden); i++) {
        const adi_st_tensor *t = adi_st_at(golden, (int32_t)i);
        if (!begins(t->name, "file.") || !reader_of(t))
            continue;
        fault_alloc counts = {0};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &counts};
        adi_image_source source = image_source(&a, t->data, (size_t)t->count);
        source.limits = &one_pixel;
        ad_image image;
        assert_int_equal(reader_of(t)(&source, &image), AD_ERR_SHAPE);
        assert_int_equal(counts.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind), cmocka_unit_test(refusals_by_name),
        cmocka_unit_test(cut_files), cmocka_unit_test(every_allocation_can_fail),
        cmocka_unit_test(pages_are_noted), cmocka_unit_test(limits_hold_for_every_kind)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
