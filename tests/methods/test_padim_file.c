/* PaDiM in a file: the bits come back, every flipped one is found, and what is sound as a file and wrong as a
 * scorer is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/objects.h"
#include "padim_case.h"

static void file_keeps_the_bits(void **state)
{
    static const char *const keys[] = {"size",  "crop",       "resize",      "aspect", "mean",
                                       "std",   "layers",     "dimensions",  "seed",   "covariance",
                                       "ridge", "blur_sigma", "memory_limit",
                                       "orientation", "significant_bits", "grey16"};
    const fixture *f = *state;
    for (int embed = 0; embed < 2; embed++) {
        ad_scorer *scorer = fit(f, embed ? "ledoit_wolf" : "ridge", embed ? "all" : "9");
        ad_scorer *loaded = check_file(f, scorer, embed);
        ad_scorer_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_scorer_get_info(loaded, &info), AD_OK);
        assert_int_equal(info.option_count, sizeof keys / sizeof *keys);
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            option_of(loaded, keys[i]);
        assert_string_equal(option_of(loaded, "dimensions"), embed ? "20" : "9");
        assert_string_equal(option_of(loaded, "layers"), "shallow,deep");
        ad_scorer_destroy(loaded);
        ad_scorer_destroy(scorer);
    }
}

static void every_flipped_bit_is_found(void **state)
{
    const fixture *f = *state;
    ad_scorer *scorer = fit(f, "ridge", "2"), *loaded = NULL;
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    ad_scorer_destroy(scorer);
    FILE *in = fopen(f->file, "rb");
    static uint8_t bytes[32768];
    const size_t size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    assert_in_range(size, 1000, sizeof bytes - 1);
    for (size_t bit = 0; bit < 8 * size; bit += 37) { /* 37 meets every bit position of a byte */
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (adi_scorer_load_bytes(f->context, bytes, size, f->weights, &loaded) == AD_OK)
            fail_msg("bit %zu flipped, and the scorer loads", bit);
        assert_null(loaded);
        assert_true(ad_last_error_message()[0]);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(adi_scorer_load_bytes(f->context, bytes, size, f->weights, &loaded), AD_OK);
    ad_scorer_destroy(loaded);
}

/* ---- Files that are sound as files and wrong as scorers ---- */

typedef struct change {
    const char *tensor; /* NULL: the metadata entry `key` */
    const char *key, *value;
    int64_t index; /* element to overwrite; -1: leave the tensor out; -2: another dtype */
    double number;
    const char *sentence;
} change;

/* The file again through the library's own writer, so that its checksums are right. */
static void rewrite(const fixture *f, const char *path, const change *c)
{
    adi_safetensors *file = NULL;
    adi_st_writer *w = NULL;
    const char *key, *value;
    assert_int_equal(adi_st_open(&adi_default_allocator, f->file, &file), AD_OK);
    assert_int_equal(adi_st_writer_create(&adi_default_allocator, &w), AD_OK);
    for (size_t i = 0; adi_st_meta_at(file, i, &key, &value); i++)
        if (strncmp(key, "adfeat.crc32", 12) != 0 &&
            !(c->key && !c->value && strcmp(key, c->key) == 0))
            assert_int_equal(
                adi_st_writer_meta(w, key, c->key && strcmp(key, c->key) == 0 ? c->value : value),
                AD_OK);
    uint8_t *copies[3] = {NULL};
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        const size_t size = (size_t)t->count * adi_dtype_bytes(t->dtype);
        const int mine = c->tensor && strcmp(c->tensor, t->name) == 0;
        copies[i] = malloc(size);
        memcpy(copies[i], t->data, size);
        const float real = (float)c->number;
        const int32_t whole = (int32_t)c->number;
        if (mine && c->index >= 0)
            memcpy(copies[i] + 4 * c->index, t->dtype == ADI_I32 ? (const void *)&whole : &real, 4);
        if (!mine || c->index != -1)
            assert_int_equal(adi_st_writer_tensor(w, t->name,
                                                  mine && c->index == -2
                                                      ? (t->dtype == ADI_I32 ? ADI_F32 : ADI_I32)
                                                      : t->dtype,
                                                  t->ndim, t->shape, copies[i]),
                             AD_OK);
    }
    assert_int_equal(adi_st_writer_save(w, path), AD_OK);
    adi_st_writer_destroy(w);
    for (int i = 0; i < 3; i++)
        free(copies[i]);
    adi_st_close(file);
}

static void broken_files(void **state)
{
    static const change changes[] = {
        {"subset", NULL, NULL, -1, 0, "no tensor 'subset'"},
        {"mean", NULL, NULL, -1, 0, "no tensor 'mean'"},
        {"factor", NULL, NULL, -1, 0, "no tensor 'factor'"},
        {"subset", NULL, NULL, -2, 0, "'subset' of the scorer has another type or shape"},
        {"mean", NULL, NULL, -2, 0, "'mean' of the scorer has another type or shape"},
        {"subset", NULL, NULL, 2, 20, "channel 20 of 20"},
        {"subset", NULL, NULL, 0, -1, "channel -1 of 20"},
        {"mean", NULL, NULL, 5, NAN, "mean"},
        {"factor", NULL, NULL, 7, INFINITY, "factor"},
        {"factor", NULL, NULL, 0, 0, "the diagonal at position 0 is 0"},
        {"factor", NULL, NULL, 15 * 3 + 9, -2, "the diagonal at position 3 is -2"},
        {NULL, "adfeat.option.dimensions", "6", 0, 0,
         "'subset' of the scorer has another type or shape"},
        {NULL, "adfeat.option.dimensions", "21", 0, 0,
         "dimensions is 21, the layers have 20 channels"},
        {NULL, "adfeat.option.dimensions", "many", 0, 0, "not a whole number"},
        {NULL, "adfeat.option.crop", "30", 0, 0, "'mean' of the scorer has another type or shape"},
        {NULL, "adfeat.option.layers", "deep,shallow", 0, 0,
         "'mean' of the scorer has another type or shape"},
        {NULL, "adfeat.option.layers", "shallow", 0, 0, "channel"},
        {NULL, "adfeat.option.ridge", "0", 0, 0, "option ridge"},
        {NULL, "adfeat.option.seed", "-1", 0, 0, "option seed"},
        {NULL, "adfeat.option.memory_limit", NULL, 0, 0, "has no 'adfeat.option.memory_limit'"},
        {NULL, "adfeat.normal_map", "nan", 0, 0, "no proper 'adfeat.normal_map'"},
        {NULL, "adfeat.images", NULL, 0, 0, "no proper 'adfeat.images'"},
    };
    const fixture *f = *state;
    ad_scorer *scorer = fit(f, "ridge", "5"), *loaded = NULL;
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    char *path = tiny_path("broken");
    const change nothing = {0};
    rewrite(f, path, &nothing);
    assert_int_equal(ad_scorer_load_onto(f->net, path, &loaded), AD_OK);
    ad_scorer_destroy(loaded);
    loaded = NULL;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        rewrite(f, path, &changes[i]);
        const ad_status status = ad_scorer_load_onto(f->net, path, &loaded);
        if ((status != AD_ERR_FORMAT && status != AD_ERR_NUMERIC) ||
            !strstr(ad_last_error_message(), changes[i].sentence))
            fail_msg("change %zu gives %s, '%s'", i, ad_status_name(status),
                     ad_last_error_message());
        assert_null(loaded);
    }
    int32_t first;
    adi_safetensors *file = NULL; /* the same channel twice */
    assert_int_equal(adi_st_open(&adi_default_allocator, f->file, &file), AD_OK);
    memcpy(&first, adi_st_find(file, "subset")->data, sizeof first);
    adi_st_close(file);
    const change twice = {"subset", NULL, NULL, 3, first, ""};
    rewrite(f, path, &twice);
    refused(ad_scorer_load_onto(f->net, path, &loaded), AD_ERR_FORMAT, "twice");
    ad_scorer_destroy(scorer);
    unlink(path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_keeps_the_bits),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
