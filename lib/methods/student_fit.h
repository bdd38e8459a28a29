/* What all methods that train a student share: how many images it learns, whose scores are called normal, and what a
 * checkpoint of its training must agree in. */
#ifndef ADI_METHODS_STUDENT_FIT_H
#define ADI_METHODS_STUDENT_FIT_H

#include "methods/student.h"
#include "train/fit_loop.h"

/* Images of a step, at most `wanted`: the plan of a batch that is never full would be memory for nothing.
 * AD_ERR_STATE where fewer than two images are left to train on. */
ad_status adi_student_batch(int32_t images, double validation_share, int32_t wanted, int32_t *out_batch);

/* Whether a training of batches of side x side pixels may hold so many bytes. */
ad_status adi_student_check_memory(size_t bytes, int32_t batch, int64_t side, uint64_t limit);

/* Those that were held out; where none were, those that were learned. */
const int32_t *adi_student_unseen(const adi_fit_loop *loop, int32_t *out_count);

/* adi_method's merge() of fits that train. */
ad_status adi_student_merge(void *state, const void *other);

/* A training as adi_trainee's describe() tells it: the student and its teacher, the number of images and a digest of them
 * under `digest_name`, then the method's options, of which free_keys may differ. What the user chose comes before the
 * digests that follow from it, so that a mismatch is told in the user's words. */
typedef struct adi_student_training {
    const ad_student *student;
    int32_t images;
    uint64_t digest;
    const char *digest_name;
    const char *(*option)(const void *config, const adi_graph *graph, int32_t index, char *value);
    const void *config;
    const char *const *free_keys; /* up to a NULL */
} adi_student_training;

const char *adi_student_describe(const adi_student_training *t, int32_t index, char *value, size_t size,
                                 int32_t *out_may_differ);

#endif
