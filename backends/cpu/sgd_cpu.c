/* sgd: a block of values per task, each in double and in ref's order, so the bits are ref's. */
#include "cpu.h"

enum { BLOCK = 1 << 13 };

static void step(float *restrict w, const float *restrict g, const adi_sgd *o, int64_t n)
{
    const double scale = o->grad_scale, decay = o->weight_decay, lr = o->lr;
    for (int64_t i = 0; i < n; i++)
        w[i] = (float)(w[i] - lr * (scale * g[i] + decay * w[i]));
}

static void first_step(float *restrict w, float *restrict velocity, const float *restrict g,
                       const adi_sgd *o, int64_t n)
{
    const double scale = o->grad_scale, decay = o->weight_decay, lr = o->lr;
    for (int64_t i = 0; i < n; i++) {
        const double v = scale * g[i] + decay * w[i];
        velocity[i] = (float)v;
        w[i] = (float)(w[i] - lr * v);
    }
}

static void momentum_step(float *restrict w, float *restrict velocity, const float *restrict g,
                          const adi_sgd *o, int64_t n)
{
    const double scale = o->grad_scale, decay = o->weight_decay, lr = o->lr, momentum = o->momentum;
    for (int64_t i = 0; i < n; i++) {
        const double v = scale * g[i] + decay * w[i] + momentum * velocity[i];
        velocity[i] = (float)v;
        w[i] = (float)(w[i] - lr * v);
    }
}

ad_status adi_sgd_step_cpu(const adi_exec *ex, float *w, float *velocity, const float *g, const adi_sgd *o,
                           int64_t n)
{
    const int moves = velocity && o->momentum != 0.0 && !o->first;
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t count = adi_min(BLOCK, n - i);
        if (moves)
            momentum_step(w + i, velocity + i, g + i, o, count);
        else if (velocity)
            first_step(w + i, velocity + i, g + i, o, count);
        else
            step(w + i, g + i, o, count);
    }
    return AD_OK;
}
