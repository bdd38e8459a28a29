/* Fit files that are whole, with contents that no images have: they are refused, and nothing that
 * images do have is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "method_contract.h"

enum { FIRST = 17 };

static void must(ad_status status)
{
    if (status != AD_OK)
        fail_msg("%s", ad_last_error_message());
}

/* The file that `from` becomes with another value of `key`, another element of `tensor` or, where
 * `number` is NAN, without the tensor. */
typedef struct edit {
    const char *sentence;
    const char *key, *value;
    const char *tensor;
    int64_t index;
    double number;
} edit;

#define META(sentence, key, value)                                                                 \
    {                                                                                              \
        sentence, "adfeat.fit." key, value, NULL, 0, 0.0                                           \
    }
#define DATA(sentence, tensor, index, number)                                                      \
    {                                                                                              \
        sentence, NULL, NULL, tensor, index, number                                                \
    }
#define GONE(sentence, tensor) DATA(sentence, tensor, 0, NAN)

static void put_tensor(adi_st_writer *w, const adi_st_tensor *t, const edit *e, void *copy)
{
    const int mine = e->tensor && strcmp(e->tensor, t->name) == 0;
    if (mine && isnan(e->number))
        return;
    memcpy(copy, t->data, adi_st_bytes(t));
    if (mine && t->dtype == ADI_F32)
        ((float *)copy)[e->index] = (float)e->number;
    else if (mine)
        ((double *)copy)[e->index] = e->number;
    must(adi_st_writer_tensor(w, t->name, t->dtype, t->ndim, t->shape, copy));
}

/* Through the library's own writer, so that the checksums are right. */
static void edit_file(const char *from, const char *to, const edit *e)
{
    adi_safetensors *file = NULL;
    adi_st_writer *w = NULL;
    const char *key, *value;
    void *copies[32];
    int count = 0, found = 0;
    must(adi_st_open(&adi_default_allocator, from, &file));
    must(adi_st_writer_create(&adi_default_allocator, &w));
    for (size_t i = 0; adi_st_meta_at(file, i, &key, &value); i++) {
        const int mine = e->key && strcmp(e->key, key) == 0;
        found += mine;
        if (strncmp(key, "adfeat.crc32", 12) != 0)
            must(adi_st_writer_meta(w, key, mine ? e->value : value));
    }
    for (; count < adi_st_count(file); count++) {
        const adi_st_tensor *t = adi_st_at(file, count);
        assert_true(count < 32);
        copies[count] = malloc(adi_st_bytes(t));
        found += e->tensor && strcmp(e->tensor, t->name) == 0;
        put_tensor(w, t, e, copies[count]);
    }
    if (!found)
        fail_msg("nothing to edit for '%s'", e->sentence);
    must(adi_st_writer_save(w, to));
    adi_st_writer_destroy(w);
    while (count)
        free(copies[--count]);
    adi_st_close(file);
}

static const method_row *row_of(const char *method, const char *option)
{
    EACH_ROW(r) if (strcmp(r->method, method) == 0 && strstr(r->options, option)) return r;
    fail_msg("no row of %s with %s", method, option);
    return NULL;
}

/* A fit of `images` images with each of the edits is refused, with its sentence. */
static void check(const method_row *r, int64_t images, const edit *edits, size_t count)
{
    fixture *f = open_row(r);
    char *path = tiny_path("edited");
    ad_fitter *fit = row_fitter(f->net, NULL, r, NULL), *loaded = NULL;
    add_range(fit, 0, images);
    must(ad_fitter_save(fit, f->file));
    for (size_t i = 0; i < count; i++) {
        edit_file(f->file, path, &edits[i]);
        const ad_status status = ad_fitter_load(f->net, path, &loaded);
        if (status == AD_OK)
            fail_msg("%s, %lld images: edit %zu is taken: '%s'", r->options, (long long)images, i,
                     edits[i].sentence);
        says(status, AD_ERR_FORMAT, edits[i].sentence);
        assert_null(loaded);
    }
    unlink(path);
    free(path);
    ad_fitter_destroy(fit);
    close_row(f);
}

#define CHECK(r, images, edits) check(r, images, edits, sizeof(edits) / sizeof *(edits))

/* Images that are added would be added to them. */
static void sums_of_nothing(void **state)
{
    static const edit gaussian[] = {
        DATA("of 0 vectors: there are no vectors", "image.shallow.sums", 0, 1.0),
        DATA("of 0 vectors: there are no vectors", "image.shallow.sums", 8, 1e-3),
        DATA("of 0 vectors: there are no vectors", "pixel.shallow.sums", 24, 1.0),
        META("do not add up", "image.shallow", "0 1 0"),
        META("do not fit", "image.shallow", "0 0 1"),
    };
    static const edit padim[] = {
        DATA("of 0 vectors: there are no vectors", "positions.shift", 7, 1.0),
        DATA("of 0 vectors: there are no vectors", "positions.sums", 7, 1.0),
    };
    (void)state;
    CHECK(row_of("gaussian", "reduce=none"), 0, gaussian);
    CHECK(row_of("padim", "dimensions=5"), 0, padim);
    CHECK(row_of("padim", "ledoit_wolf"), 0, padim);
}

/* Rows of image.shallow.sums, of 8 channels: shift, sum, qsum, then products. */
static void impossible_sums(void **state)
{
    static const edit gaussian[] = {
        DATA("variance is negative", "image.shallow.sums", 24, -1.0),
        DATA("variance is negative", "image.shallow.sums", 8, 1e3),
        DATA("variance is negative", "image.shallow.sums", 8, 1e300),
        DATA("correlation is above 1", "image.shallow.sums", 32, 5.0),
        DATA("third powers", "image.shallow.sums", 16, 5.0),
        DATA("squares do not add up", "image.shallow.sums", 87, 1e18),
        META("squares do not add up", "image.shallow", "17 0 1"),
        META("squares do not add up", "image.shallow", "17 1e308 1e308"),
        META("fourth powers", "pixel.shallow", "4352 3859.9431908341162 0"),
    };
    static const edit padim[] = {
        META("of 0 vectors: there are no vectors", "positions", "0 0 0"),
        META("of 1 vectors: a variance is negative", "positions", "1 0 0"),
        DATA("variance is negative", "positions.sums", 0, -1.0),
        DATA("correlation is above 1", "positions.sums", 1, 1e9),
    };
    (void)state;
    CHECK(row_of("gaussian", "reduce=none"), FIRST, gaussian);
    CHECK(row_of("padim", "dimensions=5"), FIRST, padim);
    CHECK(row_of("padim", "ledoit_wolf"), FIRST, padim);
}

/* Positions are those of the images, and a sample lacks none. */
static void wrong_counts(void **state)
{
    static const edit counts[] = {
        META("4353 positions of 17 images", "pixel.shallow", "4353 3859.9431908341162 6057.08"),
        META("8704 positions of 17 images", "pixel.shallow", "8704 3859.9431908341162 6057.08"),
        META("9000000000000000 positions of 17", "pixel.shallow",
             "9e15 3859.9431908341162 6057.08"),
    };
    static const edit samples[] = {
        GONE("0 samples 'image.shallow' of 17 vectors, not 17", "image.shallow.keys"),
        GONE("0 samples 'pixel.deep' of 1088 vectors, not 256", "pixel.deep.keys"),
    };
    (void)state;
    CHECK(row_of("gaussian", "reduce=none"), FIRST, counts);
    CHECK(row_of("gaussian", "samples=256"), FIRST, samples);
}

/* Images that are left out later are counted on from it. */
static void skipped_images(void **state)
{
    static const edit edits[] = {
        {"skipped", "adfeat.skipped", "9223372036854775807", NULL, 0, 0.0},
    };
    (void)state;
    CHECK(row_of("padim", "dimensions=5"), 1, edits);
}

static void add_grey(ad_fitter *fit, const int *greys, int count)
{
    static uint8_t pixels[TINY_PIXELS];
    for (int i = 0; i < count; i++) {
        memset(pixels, greys[i], sizeof pixels);
        const ad_image image =
            AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
        must(ad_fitter_add(fit, &image));
    }
}

/* Saved, loaded and merged into `all`, which is saved and loaded too. */
static void join(const fixture *f, const method_row *r, const int *greys, int count,
                 ad_fitter **all)
{
    ad_fitter *fit = row_fitter(f->net, NULL, r, NULL), *loaded = NULL;
    add_grey(fit, greys, count);
    must(ad_fitter_save(fit, f->file));
    must(ad_fitter_load(f->net, f->file, &loaded));
    must(ad_fitter_merge(loaded, *all));
    ad_fitter_destroy(*all);
    *all = NULL;
    must(ad_fitter_save(loaded, f->file));
    must(ad_fitter_load(f->net, f->file, all));
    ad_fitter_destroy(loaded);
    ad_fitter_destroy(fit);
}

/* Flat and equal images leave rounding in place of variances. */
static void images_without_variation(void **state)
{
    (void)state;
    EACH_ROW(r) if (!r->student)
    {
        fixture *f = open_row(r);
        ad_fitter *all = row_fitter(f->net, NULL, r, NULL);
        for (int grey = 0; grey < 256; grey += 15) {
            const int flat[5] = {grey, grey, grey, grey, grey}, two[2] = {grey, 255 - grey};
            join(f, r, flat, 1 + grey % 4, &all);
            join(f, r, two, 2, &all);
            join(f, r, &(int){77}, 1, &all);
        }
        ad_fitter_destroy(all);
        all = row_fitter(f->net, NULL, r, NULL);
        for (int i = 0; i < 12; i++)
            join(f, r, (const int[5]){77, 77, 77, 77, 77}, 1 + i % 5, &all);
        ad_fitter_destroy(all);
        close_row(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_nothing), cmocka_unit_test(impossible_sums),
        cmocka_unit_test(wrong_counts), cmocka_unit_test(skipped_images),
        cmocka_unit_test(images_without_variation)};
    return cmocka_run_group_tests_name("fit_contents", tests, set_up_checkpoints,
                                       tear_down_checkpoints);
}
