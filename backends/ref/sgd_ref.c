/* sgd: a step of stochastic gradient descent with momentum, as torch.optim.SGD takes it (no
 * dampening, no Nesterov).
 *   g' = grad_scale g + weight_decay w,  v = g' at the first step, then momentum v + g',  w -= lr v
 * velocity holds v from step to step; with momentum 0 it may be NULL. The first step does not read
 * it. */
#include "ref.h"

ad_status adi_sgd_step_ref(const adi_exec *ex, float *w, float *velocity, const float *g,
                           const adi_sgd *o, int64_t n)
{
    (void)ex;
    const int32_t moves = velocity && o->momentum != 0.0 && !o->first;
    for (int64_t i = 0; i < n; i++) {
        double v = o->grad_scale * g[i] + o->weight_decay * w[i];
        if (moves)
            v += o->momentum * velocity[i];
        if (velocity)
            velocity[i] = (float)v;
        w[i] = (float)(w[i] - o->lr * v);
    }
    return AD_OK;
}
