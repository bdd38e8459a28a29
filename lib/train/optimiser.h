/* SGD and Adam over a plain array of parameters in the backend's memory, with PyTorch's
 * semantics. */
#ifndef ADI_TRAIN_OPTIMISER_H
#define ADI_TRAIN_OPTIMISER_H

#include "core/error.h"
#include "device/memory.h"

typedef enum adi_optimizer { ADI_OPTIMIZER_SGD, ADI_OPTIMIZER_ADAM } adi_optimizer;

typedef struct adi_optimiser_options {
    int32_t kind; /* adi_optimizer */
    double lr, momentum, weight_decay; /* momentum: SGD only */
    double beta1, beta2;               /* Adam only; its eps is 1e-8 */
} adi_optimiser_options;

typedef struct adi_optimiser {
    const adi_device *device;
    adi_queue *queue;
    const adi_allocator *allocator;
    adi_optimiser_options options;
    size_t count;
    adi_f32 *state[2]; /* SGD: the velocity; Adam: both moments. NULL where there is none */
    int64_t steps;
} adi_optimiser;

/* The number of state arrays, each as long as the parameters: 0 to 2. */
int32_t adi_optimiser_states(const adi_optimiser_options *options);
/* device and queue live as long. AD_ERR_OUT_OF_MEMORY. */
ad_status adi_optimiser_init(adi_optimiser *o, const adi_device *device, adi_queue *queue,
                             const adi_allocator *a, const adi_optimiser_options *options,
                             size_t count);
void adi_optimiser_free(adi_optimiser *o);
/* Back to the state after init. */
ad_status adi_optimiser_reset(adi_optimiser *o);
/* One step with gradients * grad_scale. */
ad_status adi_optimiser_step(adi_optimiser *o, adi_f32 *values, const adi_f32 *gradients,
                             double grad_scale);
/* The factor that clips gradients to an L2 norm of `limit`, as PyTorch's clip_grad_norm_() computes
 * it. `squares` is the sum of their squares. */
double adi_clip_scale(double squares, double limit);

#endif
