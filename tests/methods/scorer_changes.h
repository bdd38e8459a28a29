/* A scorer's file with something in it that is wrong, for the tests of methods: every flipped bit is found, and what is sound as
 * a file and wrong as a scorer is refused. */
#ifndef ADFEAT_TESTS_SCORER_CHANGES_H
#define ADFEAT_TESTS_SCORER_CHANGES_H

#include "student_training.h"

/* Every `stride`th bit. */
static inline void check_flipped_bits(const fixture *f, ad_scorer *scorer, size_t stride)
{
    ad_scorer *loaded = NULL;
    size_t size;
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    uint8_t *bytes = file_bytes(f->file, &size);
    for (size_t bit = 0; bit < 8 * size; bit += stride) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (adi_scorer_load_bytes(f->context, bytes, size, f->weights, &loaded) == AD_OK)
            fail_msg("bit %zu flipped, and the scorer loads", bit);
        assert_null(loaded);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(adi_scorer_load_bytes(f->context, bytes, size, f->weights, &loaded), AD_OK);
    ad_scorer_destroy(loaded);
    free(bytes);
}

typedef struct change {
    ad_status status;
    const char *sentence;
    const char *key, *from, *to; /* of metadata; from NULL: the whole value; to NULL: the entry is left out */
    const char *tensor;          /* or of a tensor: */
    int64_t index;               /* element to overwrite; -1: leave the tensor out */
    float number;
} change;

static inline void changed(char *out, size_t size, const char *value, const change *c)
{
    const char *at = c->from ? strstr(value, c->from) : value;
    if (!at)
        fail_msg("'%s' is not in %s", c->from, c->key);
    snprintf(out, size, "%.*s%s%s", (int)(at - value), value, c->to, c->from ? at + strlen(c->from) : "");
}

#define META(status, sentence, key, from, to) {status, sentence, key, from, to, NULL, 0, 0}
#define DATA(status, sentence, tensor, index, number) {status, sentence, NULL, NULL, NULL, tensor, index, number}

/* The file again through the library's own writer, so that its checksums are right. */
static inline void rewrite(const fixture *f, const char *path, const change *c)
{
    adi_safetensors *file = NULL;
    adi_st_writer *w = NULL;
    const char *key, *value;
    static char text[16384];
    assert_int_equal(adi_st_open(&adi_default_allocator, f->file, &file), AD_OK);
    assert_int_equal(adi_st_writer_create(&adi_default_allocator, &w), AD_OK);
    for (size_t i = 0; adi_st_meta_at(file, i, &key, &value); i++) {
        const int mine = c->key && strcmp(key, c->key) == 0;
        if (strncmp(key, "adfeat.crc32", 12) == 0 || (mine && !c->to))
            continue;
        if (mine)
            changed(text, sizeof text, value, c);
        assert_int_equal(adi_st_writer_meta(w, key, mine ? text : value), AD_OK);
    }
    float *copy = NULL;
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        const int mine = c->tensor && strcmp(c->tensor, t->name) == 0;
        if (mine && c->index >= 0) {
            copy = malloc((size_t)t->count * sizeof *copy);
            memcpy(copy, t->data, (size_t)t->count * sizeof *copy);
            copy[c->index] = c->number;
        }
        if (!mine || c->index >= 0)
            assert_int_equal(adi_st_writer_tensor(w, t->name, t->dtype, t->ndim, t->shape, mine ? (void *)copy : t->data),
                             AD_OK);
    }
    assert_true(!c->tensor || copy || c->index < 0);
    assert_int_equal(adi_st_writer_save(w, path), AD_OK);
    adi_st_writer_destroy(w);
    free(copy);
    adi_st_close(file);
}

/* Written again as it is the scorer's file gives the same; with any of the changes it is refused. */
static inline void check_changes(const fixture *f, ad_scorer *scorer, const change *changes, size_t count)
{
    ad_scorer *loaded = NULL;
    char *path = tiny_path("broken");
    const change nothing = {0};
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    rewrite(f, path, &nothing);
    if (ad_scorer_load_onto(f->net, path, &loaded) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    check_same(scorer, loaded, 0.0);
    ad_scorer_destroy(loaded);
    loaded = NULL;
    for (size_t i = 0; i < count; i++) {
        rewrite(f, path, &changes[i]);
        const ad_status status = ad_scorer_load_onto(f->net, path, &loaded);
        if (status == AD_OK)
            fail_msg("change %zu is taken: '%s'", i, changes[i].sentence);
        says(status, changes[i].status, changes[i].sentence);
        assert_null(loaded);
    }
    unlink(path);
    free(path);
}

#endif
