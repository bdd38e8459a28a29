/* adam: a step of Adam (arXiv:1412.6980), as torch.optim.Adam takes it: weight decay is part of the
 * gradient (not AdamW), and eps is added after the bias correction.
 *   g' = grad_scale g + weight_decay w
 *   m = beta1 m + (1 - beta1) g',   v = beta2 v + (1 - beta2) g'^2
 *   w -= lr m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps)
 * m and v are 0 before step 1. */
#include "ref.h"

ad_status adi_adam_step_ref(const adi_exec *ex, float *w, float *m, float *v, const float *g,
                            const adi_adam *o, int64_t n)
{
    (void)ex;
    const double correct1 = 1.0 - pow(o->beta1, (double)o->step);
    const double correct2 = 1.0 - pow(o->beta2, (double)o->step);
    for (int64_t i = 0; i < n; i++) {
        const double gradient = o->grad_scale * g[i] + o->weight_decay * w[i];
        const double first = o->beta1 * m[i] + (1.0 - o->beta1) * gradient;
        const double second = o->beta2 * v[i] + (1.0 - o->beta2) * gradient * gradient;
        m[i] = (float)first;
        v[i] = (float)second;
        w[i] = (float)(w[i] - o->lr * (first / correct1) / (sqrt(second / correct2) + o->eps));
    }
    return AD_OK;
}
