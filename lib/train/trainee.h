/* What the training loop trains: a method gives its steps and shows the arrays that make up its
 * state. */
#ifndef ADI_TRAIN_TRAINEE_H
#define ADI_TRAIN_TRAINEE_H

#include "core/error.h"

/* Asked now and then; non-zero: stop with AD_ERR_CANCELLED. */
typedef struct adi_cancel {
    int (*asked)(void *user);
    void *user;
} adi_cancel;

typedef struct adi_batch_loss {
    double loss, similarity, reconstruction; /* the parts before they are weighted */
} adi_batch_loss;

/* A stage of a training with its own epochs. */
typedef struct adi_phase {
    const char *name;
    int32_t epochs, unused;
    double cost; /* of a batch, in proportion to the other phases' */
} adi_phase;

enum { ADI_TRAIN_MAX_NAME = 32 };

/* Part of the state. `best` (NULL: it is no part of the result) is what an epoch is remembered by.
 * Arrays of different phases may share memory. */
typedef struct adi_train_array {
    char name[ADI_TRAIN_MAX_NAME];
    float *values, *best;
    size_t count;
    int32_t
        only; /* 0, or i + 1: only in phase i there is a best, and values of an array without one */
} adi_train_array;

/* Whether an array has values, or a best, in a phase. */
static inline int adi_train_has(const adi_train_array *x, int32_t phase, int best)
{
    if (best && !x->best)
        return 0;
    return !x->only || x->only == phase + 1 || (x->best && !best);
}

typedef struct adi_train_counter {
    char name[ADI_TRAIN_MAX_NAME];
    int64_t *value;
} adi_train_counter;

enum { ADI_TRAIN_MAX_ARRAYS = 64, ADI_TRAIN_MAX_COUNTERS = 16, ADI_TRAIN_MAX_PHASES = 4 };

typedef struct adi_trainee {
    void *self;
    adi_phase phases[ADI_TRAIN_MAX_PHASES];
    int32_t phase_count;
    int32_t measured;   /* 1: a batch of each phase is timed before the first is trained */
    int32_t drops_rest; /* 1: of an epoch only whole batches are used, if there is one */
    int32_t array_count, counter_count;
    adi_train_array arrays[ADI_TRAIN_MAX_ARRAYS];
    adi_train_counter counters[ADI_TRAIN_MAX_COUNTERS];
    /* The optimisers as they are before the first step of a phase. */
    void (*begin_phase)(void *self, int32_t phase);
    /* Loss and gradients of a batch; changes no array. */
    ad_status (*gradients)(void *self, int32_t phase, const int32_t *images, int32_t count,
                           const adi_cancel *cancel, adi_batch_loss *out_loss);
    /* The step itself, with the gradients of the last call. */
    ad_status (*update)(void *self, int32_t phase);
    /* Error on these images with the current values. */
    ad_status (*validate)(void *self, int32_t phase, const int32_t *images, int32_t count,
                          const adi_cancel *cancel, double *out_error);
    void (*epoch_done)(void *self, int32_t phase);
    /* All that a checkpoint must agree in, a pair at a time, with whether another value may go on
     * from it; NULL past the last. */
    const char *(*describe)(void *self, int32_t index, char *value, size_t size,
                            int32_t *out_may_differ);
} adi_trainee;

#endif
