/* SGD and Adam over a plain array of parameters, with PyTorch's semantics. */
#ifndef ADI_TRAIN_OPTIMISER_H
#define ADI_TRAIN_OPTIMISER_H

#include "backend.h"
#include "core/alloc.h"
#include "core/error.h"

typedef struct adi_optimiser_options {
    int32_t kind; /* ad_optimizer */
    int32_t unused;
    double lr, momentum, weight_decay; /* momentum: SGD's */
    double beta1, beta2;               /* Adam's, whose eps is 1e-8 */
} adi_optimiser_options;

typedef struct adi_optimiser {
    const adi_allocator *allocator;
    adi_optimiser_options options;
    size_t count;
    float *state[2]; /* SGD: the velocity; Adam: both moments. NULL where there is none */
    int64_t steps;
} adi_optimiser;

/* Arrays of state that such an optimiser keeps beside the parameters. */
int32_t adi_optimiser_states(const adi_optimiser_options *options);
ad_status adi_optimiser_init(adi_optimiser *o, const adi_allocator *a,
                             const adi_optimiser_options *options, size_t count);
void adi_optimiser_free(adi_optimiser *o);
/* As it was after init. */
void adi_optimiser_reset(adi_optimiser *o);
/* gradients are multiplied by grad_scale first. */
ad_status adi_optimiser_step(adi_optimiser *o, const adi_kernels *kernels, int32_t num_threads,
                             float *values, const float *gradients, double grad_scale);
/* The factor that brings gradients whose squares have this sum to an L2 norm of at most `limit`, as
 * PyTorch's clip_grad_norm_() has it. */
double adi_clip_scale(double squares, double limit);

#endif
