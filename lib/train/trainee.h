/* A trainee: a method gives the training loop its steps and lists the arrays of its state. */
#ifndef ADI_TRAIN_TRAINEE_H
#define ADI_TRAIN_TRAINEE_H

#include "core/error.h"
#include "device/memory.h"

/* Called now and then during a step; non-zero: stop with AD_ERR_CANCELLED. */
typedef struct adi_cancel {
    int (*is_cancelled)(void *user);
    void *user;
} adi_cancel;

enum { ADI_LOSS_PARTS = 2 };

typedef struct adi_batch_loss {
    double loss;
    double parts[ADI_LOSS_PARTS]; /* its terms before they are weighted; those of a trainee */
} adi_batch_loss;

/* A stage of a training with its own epochs. */
typedef struct adi_phase {
    const char *name;
    int32_t epochs;
    double cost; /* of a batch, relative to the other phases */
} adi_phase;

enum {
    ADI_TRAIN_MAX_NAME = 32,
    ADI_TRAIN_FETCHED = 1 << 14 /* values of a device that the loop looks at at once */
};

/* An array of the state, in the backend's memory. `best` holds its values of the best epoch; NULL
 * if it is not part of the result. Arrays of different phases may share memory. */
typedef struct adi_train_array {
    char name[ADI_TRAIN_MAX_NAME];
    adi_f32 *values, *best;
    size_t count;
    int32_t only; /* i + 1: `best`, or an array without one, exists in phase i only; 0: in all */
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
    int32_t loss_part_count; /* 0: the loss has one term */
    const char *loss_part_names[ADI_LOSS_PARTS];
    int32_t measured;  /* 1: time a batch of each phase before training */
    int32_t drop_last; /* 1: skip an incomplete last batch, as PyTorch's drop_last does */
    adi_device device; /* whose memory the arrays are in; all zero: the host's */
    adi_queue *queue;
    int32_t array_count, counter_count;
    adi_train_array arrays[ADI_TRAIN_MAX_ARRAYS];
    adi_train_counter counters[ADI_TRAIN_MAX_COUNTERS];
    /* Reset the optimisers for the first step of a phase. */
    ad_status (*begin_phase)(void *self, int32_t phase);
    /* Loss and gradients of a batch. Changes no array. */
    ad_status (*gradients)(void *self, int32_t phase, const int32_t *images, int32_t count,
                           const adi_cancel *cancel, adi_batch_loss *out_loss);
    /* The optimiser step, with the gradients of the last call. */
    ad_status (*update)(void *self, int32_t phase);
    /* The validation error on these images with the current values. */
    ad_status (*validate)(void *self, int32_t phase, const int32_t *images, int32_t count,
                          const adi_cancel *cancel, double *out_error);
    void (*epoch_done)(void *self, int32_t phase);
    /* The settings of this training as pairs of key and value, which a checkpoint stores: returns
     * key `index`, NULL past the last. A checkpoint with another value is refused unless
     * *out_may_differ is 1. */
    const char *(*describe)(void *self, int32_t index, char *value, size_t size,
                            int32_t *out_may_differ);
} adi_trainee;

#endif
