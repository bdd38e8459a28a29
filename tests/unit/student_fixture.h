/* What tests of students and of their files share. */
#ifndef ADFEAT_TESTS_STUDENT_FIXTURE_H
#define ADFEAT_TESTS_STUDENT_FIXTURE_H

#include "harness/student_case.h"

typedef struct fixture {
    ad_context *context;
    ad_backbone *teacher;
    char *path, *other;
} fixture;

static inline int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f || ad_context_create(NULL, &f->context))
        return 1;
    f->teacher = mini_teacher(f->context);
    f->path = tiny_path("student");
    f->other = tiny_path("student2");
    return 0;
}

static inline int tear_down(void **state)
{
    fixture *f = *state;
    ad_backbone_destroy(f->teacher);
    ad_context_destroy(f->context);
    unlink(f->path);
    unlink(f->other);
    free(f->path);
    free(f->other);
    free(f);
    return 0;
}

/* Every value another, running statistics included, as a training leaves them; but for a flow's permutations. */
static inline void stir(ad_student *s)
{
    uint64_t at = 0;
    for (int32_t i = 0; student_module(s, i); i++) {
        adi_module *m = student_module(s, i);
        for (int32_t p = 0; p < m->param_count; p++)
            for (size_t k = 0; k < m->params[p].count && m->graph->nodes[m->params[p].node].op != &adi_op_permute; k++)
                m->values[m->params[p].offset + k] += (float)(0.1 * seeded_signed("stir", at++));
    }
    s->epochs_trained = 12345678901;
}

/* A saved student as tensors that can be changed, without metadata unless it is kept. */
static inline st_memory tensors_of(const fixture *f, const ad_student *s)
{
    adi_safetensors *file = NULL;
    st_memory m = {0};
    assert_int_equal(ad_student_save(s, f->path), AD_OK);
    assert_int_equal(adi_st_open(&adi_default_allocator, f->path, &file), AD_OK);
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        memcpy(st_memory_add(&m, t->name, t->dtype, t->ndim, t->shape), t->data,
               (size_t)t->count * adi_dtype_bytes(t->dtype));
    }
    adi_st_close(file);
    return m;
}

/* As a student of `method`; NULL: as the tensors say. */
static inline ad_status load(const fixture *f, st_memory *m, const char *method,
                             const char *settings, ad_student **out)
{
    adi_st_close(st_memory_open(m, &adi_default_allocator));
    put_file(f->path, m->bytes, m->size);
    *out = (ad_student *)(void *)m; /* must become NULL */
    const ad_status status = ad_student_load(f->teacher, f->path, method, settings, out);
    assert_true((status == AD_OK) == (*out != NULL));
    return status;
}

static inline void not_taken(const fixture *f, st_memory *m, const char *method,
                             const char *settings, ad_status status, const char *part)
{
    ad_student *s;
    const ad_status got = load(f, m, method, settings, &s);
    says(got, status, part);
    assert_non_null(strstr(ad_last_error_message(), f->path)); /* and which file it was */
}

/* Whether the metadata of a saved student has `key` as `value` (NULL: not at all). */
static inline void says_of_itself(const fixture *f, const ad_student *s, const char *key,
                                  const char *value)
{
    adi_safetensors *file = NULL;
    assert_int_equal(ad_student_save(s, f->path), AD_OK);
    assert_int_equal(adi_st_open(&adi_default_allocator, f->path, &file), AD_OK);
    const char *said = adi_st_meta(file, key);
    if ((said == NULL) != (value == NULL) || (said && strcmp(said, value) != 0))
        fail_msg("%s is %s, not %s", key, said ? said : "nothing", value ? value : "nothing");
    adi_st_close(file);
}

/* Metadata of a student file, written anew with `key` as `value` (NULL: without it). */
static inline void with_metadata(const fixture *f, const ad_student *s, const char *key, const char *value)
{
    adi_safetensors *file = NULL;
    adi_st_writer *w = NULL;
    const char *k, *v;
    assert_int_equal(ad_student_save(s, f->other), AD_OK);
    assert_int_equal(adi_st_open(&adi_default_allocator, f->other, &file), AD_OK);
    assert_int_equal(adi_st_writer_create(&adi_default_allocator, &w), AD_OK);
    for (size_t i = 0; adi_st_meta_at(file, i, &k, &v); i++)
        if (strncmp(k, "adfeat.crc32", 12) != 0 && strcmp(k, key) != 0)
            assert_int_equal(adi_st_writer_meta(w, k, v), AD_OK);
    if (value)
        assert_int_equal(adi_st_writer_meta(w, key, value), AD_OK);
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        assert_int_equal(adi_st_writer_tensor(w, t->name, t->dtype, t->ndim, t->shape, t->data), AD_OK);
    }
    assert_int_equal(adi_st_writer_save(w, f->path), AD_OK);
    adi_st_writer_destroy(w);
    adi_st_close(file);
}

#endif
