/* A training plan: forward and backward of a module as one list of steps, with every value at a
 * fixed offset in one block. Values that backward reads are kept, except for the result of a batch
 * norm, which is computed again from its input. */
#ifndef ADI_NN_TRAIN_PLAN_H
#define ADI_NN_TRAIN_PLAN_H

#include "nn/arena.h"
#include "nn/module.h"

typedef enum adi_train_kind {
    ADI_TRAIN_FORWARD,
    ADI_TRAIN_AGAIN,    /* a batch norm's result once more, from the statistics that are there */
    ADI_TRAIN_BACKWARD,
    ADI_TRAIN_ADD       /* y = x[0] + x[1]: gradients from two readers of one result */
} adi_train_kind;

enum { ADI_VALUE_NONE = -1 };
/* The value that is an input of the network. */
static inline int32_t adi_value_input(int32_t input)
{
    return -2 - input; /* and back again */
}

typedef struct adi_train_step {
    adi_train_kind kind;
    const adi_op *op;
    int32_t node;                         /* whose parameters */
    int32_t statistics;                   /* batch norm: doubles into the statistics; else -1 */
    /* with the shapes of the largest batch; parameters are put in when it runs */
    adi_op_call call;
    int32_t x[ADI_OP_MAX_INPUTS], y;      /* values */
    int32_t dy, dx[ADI_OP_MAX_INPUTS], dx_add;
} adi_train_step;

typedef struct adi_train_plan {
    const adi_allocator *allocator;
    adi_module *module; /* the caller keeps it alive */
    adi_device device;
    /* n: the largest batch; zeros where no tap depends on it */
    adi_shape input[ADI_GRAPH_MAX_INPUTS];
    adi_train_step *steps;
    int32_t forward_count, step_count;
    adi_lifetime *values;
    adi_shape *shapes;  /* of values */
    int32_t value_count;
    int32_t *taps;      /* values of the module's taps */
    int32_t *tap_grads;
    int32_t input_grad; /* a value, where it was asked for and a gradient reaches the first input */
    size_t block_floats, scratch_bytes, statistics_doubles;
    size_t own_bytes;   /* of the plan itself */
} adi_train_plan;

/* input: the shape of the first input. AD_ERR_SHAPE if it does not fit the network,
 * AD_ERR_UNSUPPORTED if the table lacks a kernel. */
ad_status adi_train_plan_create(adi_module *module, const adi_device *device,
                                const adi_shape *input, int32_t wants_input_grad,
                                adi_train_plan **out_plan);
/* Bytes of the weights that an inference plan of the same network and shape packs. */
size_t adi_train_plan_packed_bytes(const adi_train_plan *plan);
void adi_train_plan_destroy(adi_train_plan *plan);
/* Bytes of block, scratch and statistics together. */
size_t adi_train_plan_bytes(const adi_train_plan *plan);

/* train_run.c: the arrays of a run, in the backend's memory. */
typedef struct adi_train_run {
    adi_f32 *block;     /* block_floats */
    void *scratch;      /* scratch_bytes */
    adi_f64 *statistics;                        /* statistics_doubles */
    adi_f32 *values;                            /* the module's values */
    const adi_f32 *input[ADI_GRAPH_MAX_INPUTS]; /* n images of the plan's input shapes */
    adi_f32 *gradients; /* module->trainable floats, all of which backward writes */
    int64_t n;          /* images of this batch, at most the plan's */
    adi_queue *queue;   /* NULL on the host */
    uint64_t draw;      /* of random masks: another number, another choice */
    int (*cancelled)(void *user); /* asked between steps, or NULL */
    void *user;
} adi_train_run;

/* training 0: use the running statistics. AD_ERR_SHAPE if a batch norm has one value for each
 * channel, AD_ERR_CANCELLED, AD_ERR_BACKEND. */
ad_status adi_train_forward(const adi_train_plan *plan, const adi_train_run *run, int32_t training);
/* Run backward, after a training forward and after the gradients of the taps were written. */
ad_status adi_train_backward(const adi_train_plan *plan, const adi_train_run *run);
/* Update the running statistics of all batch norms with momentum 0.1, PyTorch's default. */
ad_status adi_train_update_statistics(const adi_train_plan *plan, const adi_train_run *run);

/* Pointers into a run's block: tap `index`, its gradient, the gradient of the first input. */
const adi_f32 *adi_train_tap(const adi_train_plan *plan, const adi_train_run *run, int32_t index);
adi_f32 *adi_train_tap_grad(const adi_train_plan *plan, const adi_train_run *run, int32_t index);
const adi_f32 *adi_train_input_grad(const adi_train_plan *plan, const adi_train_run *run);
const adi_shape *adi_train_tap_shape(const adi_train_plan *plan, int32_t index);

#endif
