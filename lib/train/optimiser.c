/* SGD and Adam. */
#include "train/optimiser.h"

#include <math.h>

int32_t adi_optimiser_states(const adi_optimiser_options *options)
{
    return options->kind == ADI_OPTIMIZER_ADAM ? 2 : options->momentum > 0.0;
}

ad_status adi_optimiser_init(adi_optimiser *o, const adi_device *device, adi_queue *queue,
                             const adi_allocator *a, const adi_optimiser_options *options,
                             size_t count)
{
    *o = (adi_optimiser){.device = device, .queue = queue, .allocator = a, .options = *options,
                         .count = count};
    ad_status status = AD_OK;
    for (int32_t i = 0; i < adi_optimiser_states(options) && status == AD_OK; i++) {
        o->state[i] = adi_mem_alloc(device, a, count * sizeof *o->state[i]);
        if (!o->state[i])
            status = adi_fail_memory();
    }
    if (status == AD_OK)
        status = adi_optimiser_reset(o);
    if (status != AD_OK)
        adi_optimiser_free(o);
    return status;
}

void adi_optimiser_free(adi_optimiser *o)
{
    for (int i = 0; i < 2 && o->allocator; i++) {
        adi_mem_free(o->device, o->allocator, o->state[i]);
        o->state[i] = NULL;
    }
}

ad_status adi_optimiser_reset(adi_optimiser *o)
{
    for (int i = 0; i < 2; i++)
        if (o->state[i])
            ADI_TRY(adi_mem_clear(o->device, o->queue, o->state[i],
                                  o->count * sizeof *o->state[i]));
    o->steps = 0;
    return AD_OK;
}

ad_status adi_optimiser_step(adi_optimiser *o, adi_f32 *values, const adi_f32 *gradients,
                             double grad_scale)
{
    const adi_kernels *kernels = o->device->kernels;
    const adi_exec ex = adi_device_exec(o->device, NULL, o->queue);
    const adi_optimiser_options *p = &o->options;
    const int64_t n = (int64_t)o->count;
    ad_status status;
    if (p->kind == ADI_OPTIMIZER_ADAM) {
        const adi_adam adam = {p->lr,           p->beta1,   p->beta2,    1e-8,
                               p->weight_decay, grad_scale, o->steps + 1};
        status = kernels->adam_step(&ex, values, o->state[0], o->state[1], gradients, &adam, n);
    } else {
        const adi_sgd sgd = {p->lr, p->momentum, p->weight_decay, grad_scale, o->steps == 0};
        status = kernels->sgd_step(&ex, values, o->state[0], gradients, &sgd, n);
    }
    if (status != AD_OK)
        return adi_fail(status, "the optimiser's step %lld failed in the backend",
                        (long long)o->steps + 1);
    o->steps++;
    return AD_OK;
}

double adi_clip_scale(double squares, double limit)
{
    return fmin(1.0, limit / (sqrt(squares) + 1e-6));
}
