/* adam: a step of Adam; a weight a thread. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

static __global__ void adam_kernel(float *w, float *m, float *v, const float *g, adi_adam o,
                                   double correct1, double correct2, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i >= n)
        return;
    const double gradient = o.grad_scale * g[i] + o.weight_decay * w[i];
    const double first = o.beta1 * m[i] + (1.0 - o.beta1) * gradient;
    const double second = o.beta2 * v[i] + (1.0 - o.beta2) * gradient * gradient;
    m[i] = (float)first;
    v[i] = (float)second;
    w[i] = (float)(w[i] - o.lr * (first / correct1) / (sqrt(second / correct2) + o.eps));
}

ad_status adi_adam_step_cuda(const adi_exec *ex, float *w, float *m, float *v, const float *g,
                             const adi_adam *o, int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(adam_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), w, m, v, g, *o,
                   1.0 - pow(o->beta1, (double)o->step), 1.0 - pow(o->beta2, (double)o->step), n);
    return on.launched();
}
