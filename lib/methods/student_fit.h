/* What all methods that train a student share: a fit's training from its begin to its end, and what a checkpoint of it must
 * agree in. */
#ifndef ADI_METHODS_STUDENT_FIT_H
#define ADI_METHODS_STUDENT_FIT_H

#include "methods/student.h"
#include "train/fit_loop.h"

/* Whether a training of batches of side x side pixels may hold so many bytes. */
ad_status adi_student_check_memory(size_t bytes, int32_t batch, int64_t side, uint64_t limit);

/* How a method trains: `state` is its fit, `training` what that works in. */
typedef struct adi_student_trainer {
    ad_status (*create)(void *state, int32_t batch, void **out_training, adi_trainee **out_trainee);
    void (*destroy)(void *training);
    /* The teacher for the call that runs; NULL where all features are kept. */
    void (*use)(void *training, adi_extractor *x, adi_workspace *w);
    /* Root mean square over images of the image score, and of the map's values. */
    ad_status (*scores)(void *training, const int32_t *images, int32_t count, double *out_score, double *out_map);
} adi_student_trainer;

/* What a training is told, out of a method's options. batch: at most, since the plan of one that is never full would be
 * memory for nothing. */
typedef struct adi_student_schedule {
    int32_t images, batch, patience;
    double validation_share;
    uint64_t split_seed, seed;
} adi_student_schedule;

/* The training of one fit, which begins as zeros. */
typedef struct adi_student_run {
    void *training;         /* NULL until one begins, and when it is done */
    adi_fit_loop loop;
    int32_t trained_images; /* of the training that is there or was done */
    int32_t done;
    int64_t training_number; /* the student's when this fit last trained it */
    /* What images score that were held out; where none were, those that were learned. */
    double normal_score, normal_map;
} adi_student_run;

/* adi_method's train(): begin, go on, or do nothing where all images were trained on. When it is
 * done its memory is free for the scorer. The student is the caller's alone for as long.
 * AD_ERR_STATE where fewer than two images are left to train on, and where another fit has changed
 * the student since this one last trained it: its momenta, best epoch and scores are of values that
 * are gone. */
ad_status adi_student_train(adi_student_run *run, const adi_student_trainer *how,
                            const adi_student_schedule *schedule, ad_student *student, void *state,
                            adi_extractor *x, const adi_fit_control *control);
void adi_student_end(adi_student_run *run, const adi_student_trainer *how);

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
