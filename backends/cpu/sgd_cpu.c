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

typedef struct sgd_blocks_call {
    float *w, *velocity;
    const float *g;
    const adi_sgd *o;
    int64_t n;
    int moves;
} sgd_blocks_call;

static void sgd_blocks(void *call, adi_share s)
{
    const sgd_blocks_call *k = call;
    float *w = k->w, *velocity = k->velocity;
    const float *g = k->g;
    const adi_sgd *o = k->o;
    for (int64_t i = s.begin * BLOCK; i < s.end * BLOCK; i += BLOCK) {
        const int64_t count = adi_min(BLOCK, k->n - i);
        if (k->moves)
            momentum_step(w + i, velocity + i, g + i, o, count);
        else if (velocity)
            first_step(w + i, velocity + i, g + i, o, count);
        else
            step(w + i, g + i, o, count);
    }
}

ad_status adi_sgd_step_cpu(const adi_exec *ex, float *w, float *velocity, const float *g,
                           const adi_sgd *o, int64_t n)
{
    const int moves = velocity && o->momentum != 0.0 && !o->first;
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(n, BLOCK), 0, sgd_blocks,
                     &(sgd_blocks_call){w, velocity, g, o, n, moves});
    return AD_OK;
}
