/* adam: a block of values per task, each in double and in ref's order, so the bits are ref's. */
#include "cpu.h"

enum { BLOCK = 1 << 13 };

static void step(float *restrict w, float *restrict m, float *restrict v, const float *restrict g,
                 const adi_adam *o, int64_t n)
{
    const double correct1 = 1.0 - pow(o->beta1, (double)o->step);
    const double correct2 = 1.0 - pow(o->beta2, (double)o->step);
    const double scale = o->grad_scale, decay = o->weight_decay, lr = o->lr, eps = o->eps;
    const double beta1 = o->beta1, beta2 = o->beta2;
    for (int64_t i = 0; i < n; i++) {
        const double gradient = scale * g[i] + decay * w[i];
        const double first = beta1 * m[i] + (1.0 - beta1) * gradient;
        const double second = beta2 * v[i] + (1.0 - beta2) * gradient * gradient;
        m[i] = (float)first;
        v[i] = (float)second;
        w[i] = (float)(w[i] - lr * (first / correct1) / (sqrt(second / correct2) + eps));
    }
}

typedef struct adam_blocks_call {
    float *w, *m, *v;
    const float *g;
    const adi_adam *o;
    int64_t n;
} adam_blocks_call;

static void adam_blocks(void *call, adi_share s)
{
    const adam_blocks_call *k = call;
    for (int64_t i = s.begin * BLOCK; i < s.end * BLOCK; i += BLOCK)
        step(k->w + i, k->m + i, k->v + i, k->g + i, k->o, adi_min(BLOCK, k->n - i));
}

ad_status adi_adam_step_cpu(const adi_exec *ex, float *w, float *m, float *v, const float *g,
                            const adi_adam *o, int64_t n)
{
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(n, BLOCK), 0, adam_blocks,
                     &(adam_blocks_call){w, m, v, g, o, n});
    return AD_OK;
}
