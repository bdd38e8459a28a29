/* sgd: a step of stochastic gradient descent; a weight a thread. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

static __global__ void sgd_kernel(float *w, float *velocity, const float *g, adi_sgd o, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i >= n)
        return;
    double v = o.grad_scale * g[i] + o.weight_decay * w[i];
    if (velocity && o.momentum != 0.0 && !o.first)
        v += o.momentum * velocity[i];
    if (velocity)
        velocity[i] = (float)v;
    w[i] = (float)(w[i] - o.lr * v);
}

ad_status adi_sgd_step_cuda(const adi_exec *ex, float *w, float *velocity, const float *g,
                            const adi_sgd *o, int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(sgd_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), w, velocity, g,
                   *o, n);
    return on.launched();
}
