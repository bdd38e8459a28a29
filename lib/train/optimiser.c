/* SGD and Adam. */
#include "train/optimiser.h"

#include <math.h>
#include <string.h>

int32_t adi_optimiser_states(const adi_optimiser_options *options)
{
    return options->kind == ADI_OPTIMIZER_ADAM ? 2 : options->momentum > 0.0;
}

ad_status adi_optimiser_init(adi_optimiser *o, const adi_allocator *a,
                             const adi_optimiser_options *options, size_t count)
{
    *o = (adi_optimiser){.allocator = a, .options = *options, .count = count};
    for (int32_t i = 0; i < adi_optimiser_states(options); i++) {
        o->state[i] = adi_calloc(a, count, sizeof *o->state[i]);
        if (!o->state[i]) {
            adi_optimiser_free(o);
            return adi_fail_memory();
        }
    }
    return AD_OK;
}

void adi_optimiser_free(adi_optimiser *o)
{
    for (int i = 0; i < 2 && o->allocator; i++) {
        adi_free(o->allocator, o->state[i]);
        o->state[i] = NULL;
    }
}

void adi_optimiser_reset(adi_optimiser *o)
{
    for (int i = 0; i < 2; i++)
        if (o->state[i])
            memset(o->state[i], 0, o->count * sizeof *o->state[i]);
    o->steps = 0;
}

ad_status adi_optimiser_step(adi_optimiser *o, const adi_kernels *kernels, int32_t num_threads,
                             float *values, const float *gradients, double grad_scale)
{
    const adi_exec ex = {num_threads, NULL, NULL};
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
