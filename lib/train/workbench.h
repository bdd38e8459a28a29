/* The memory of a training: plans, runs, optimisers and best values of its modules, and arrays of
 * the method. Everything is listed first, so that its size is known. Then it is allocated from that
 * list, and shown to the training loop. */
#ifndef ADI_TRAIN_WORKBENCH_H
#define ADI_TRAIN_WORKBENCH_H

#include "device/device.h"
#include "nn/train_plan.h"
#include "train/optimiser.h"
#include "train/trainee.h"

enum { ADI_BENCH_MODULES = 9, ADI_BENCH_ARRAYS = 16 };

typedef struct adi_bench_module {
    const char *name; /* in checkpoints: "student", "ae.1" */
    adi_module *module;
    adi_optimiser_options how;
    uint32_t phases; /* a bit for each phase that trains it */
    adi_train_plan *plan;
    adi_train_run run;
    adi_optimiser own, *optimiser;
    adi_f32 *best;
} adi_bench_module;

typedef struct adi_workbench {
    const ad_context *context;
    adi_bench_module modules[ADI_BENCH_MODULES];
    int32_t module_count;
    /* 1: a phase trains one module, so that one block, gradients, optimiser and best values serve
     * all. Set before modules are added, as are the following. */
    int32_t shares;
    size_t sum_floats;    /* the longest sum of a loss */
    size_t sum_count;     /* sums that a batch has at once */
    size_t scratch_bytes; /* that the method's own kernels need */
    adi_queue *queue;     /* of all that the training does; NULL on the host */
    void *scratch;        /* of the kernels: plans', sums' and the method's */
    void *host_scratch;   /* of kernels on host memory; the same on the host */
    adi_f64 *sums;        /* where kernels write the sums of a batch */
    double *fetched_sums; /* those, where the host cannot read them in place */
    struct {
        adi_f32 **where;
        float **host; /* instead, where it is in the host's memory */
        size_t floats;
    } arrays[ADI_BENCH_ARRAYS];
    int32_t array_count;
    adi_trainee trainee;  /* phases, arrays and counters are filled in here */
} adi_workbench;

/* Plan a module for batches of `input`, whose n is the largest. `name` must live as long. */
ad_status adi_workbench_add(adi_workbench *b, const char *name, adi_module *module,
                            const adi_shape *input, int32_t wants_input_grad,
                            const adi_optimiser_options *how, uint32_t phases);
/* An array of the method, to which *where will point: in the backend's memory, or the host's. */
void adi_workbench_array(adi_workbench *b, adi_f32 **where, size_t floats);
void adi_workbench_host_array(adi_workbench *b, float **where, size_t floats);
/* Upper limit of a training's memory: all of this, and beside it a checkpoint, or the making of the
 * scorer. */
size_t adi_workbench_bytes(const adi_workbench *b);
/* Allocate all of it. On failure adi_workbench_free() is still to be called. */
ad_status adi_workbench_fill(adi_workbench *b);
void adi_workbench_free(adi_workbench *b);

/* Set a batch of n images for all runs. cancel: NULL, or asked between steps. */
void adi_workbench_take_batch(adi_workbench *b, int32_t n, const adi_cancel *cancel);
/* Reset the optimisers for the first step of a phase. */
ad_status adi_workbench_begin_phase(adi_workbench *b, int32_t phase);
/* A step of every module that the phase trains. clip_norm: largest L2 norm of all their gradients
 * together; 0: any. */
ad_status adi_workbench_update(adi_workbench *b, int32_t phase, double clip_norm);

/* The first `count` sums, for the host to read until kernels write others. */
ad_status adi_workbench_sums(const adi_workbench *b, size_t count, const double **out_sums);

/* *out: values for the host, in place or downloaded to `room`, which is NULL on the host. */
ad_status adi_workbench_fetch(const adi_workbench *b, const adi_f32 *from, float *room,
                              size_t floats, float **out);
/* Whether the backend's memory is not the host's, so that arrays to fetch to are needed. */
static inline int adi_workbench_copies(const adi_workbench *b)
{
    return b->context->device.memory != NULL;
}
/* Copy the values that were trained to the modules, where they are not the modules' own. */
ad_status adi_workbench_give_values(const adi_workbench *b);

static inline adi_exec adi_workbench_exec(const adi_workbench *b)
{
    return adi_device_exec(&b->context->device, b->scratch, b->queue);
}

/* For kernels of the host, on its memory: maps and scores. */
static inline adi_exec adi_workbench_host_exec(const adi_workbench *b)
{
    return (adi_exec){b->context->num_threads, b->host_scratch, NULL};
}

#endif
