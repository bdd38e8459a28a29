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
    for (int32_t i = 0; adi_student_module(s, i); i++) {
        adi_module *m = adi_student_module(s, i);
        for (int32_t p = 0; p < m->param_count; p++)
            for (size_t k = 0; k < m->params[p].count && m->graph->nodes[m->params[p].node].op != &adi_op_permute; k++)
                m->values[m->params[p].offset + k] += (float)(0.1 * seeded_signed("stir", at++));
    }
    s->epochs_trained = 12345678901;
}

#endif
