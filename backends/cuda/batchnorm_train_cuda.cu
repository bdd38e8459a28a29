/* batchnorm while it is trained; a block 32 channels. */
#include "kernels_cuda.h"
#include "reduce_cuda.h"

size_t adi_batchnorm_train_scratch_cuda(adi_pc d, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return 0;
}

static __global__ void batchnorm_stats_kernel(double *mean, double *var, const float *x, int64_t p,
                                              int c)
{
    ADI_SHARED(adi_columns_room_cuda, room);
    const int column = adi_column_cuda();
    const bool inside = column < c;
    const double m =
        adi_column_sum_cuda(room, inside, p, [&](int64_t i) { return (double)x[i * c + column]; }) /
        (double)p;
    const double squares = adi_column_sum_cuda(room, inside, p, [&](int64_t i) {
        const double v = x[i * c + column] - m;
        return v * v;
    });
    if (!inside || threadIdx.y)
        return;
    mean[column] = m;
    var[column] = squares / (double)p;
}

ad_status adi_batchnorm_stats_cuda(const adi_exec *ex, double *mean, double *var, const float *x,
                                   adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.c))
        ADI_LAUNCH(batchnorm_stats_kernel, adi_columns_grid_cuda(d.c, 1), adi_columns_block_cuda(),
                   on.stream(), mean, var, x, d.p, d.c);
    return on.launched();
}

/* NaN before ReLU lets dy through, as PyTorch's ReLU does. */
static __global__ void batchnorm_bwd_kernel(float *dx, float *dweight, float *dbias,
                                            const float *dy, const float *x, const float *weight,
                                            const float *bias, const double *mean,
                                            const double *var, double eps, int act, int64_t p,
                                            int c)
{
    ADI_SHARED(adi_columns_room_cuda, room);
    const int column = adi_column_cuda();
    const bool inside = column < c;
    const double m = inside ? mean[column] : 0.0, r = inside ? 1.0 / sqrt(var[column] + eps) : 0.0;
    const double scale = inside ? weight[column] : 0.0, shift = inside ? bias[column] : 0.0;
    auto gated = [&](int64_t i, double *h) {
        *h = (x[i * c + column] - m) * r;
        return act == ADI_ACT_RELU && *h * scale + shift <= 0.0 ? 0.0 : (double)dy[i * c + column];
    };
    const double sum = adi_column_sum_cuda(room, inside, p, [&](int64_t i) {
        double h;
        return gated(i, &h);
    });
    const double sum_h = adi_column_sum_cuda(room, inside, p, [&](int64_t i) {
        double h;
        const double g = gated(i, &h);
        return g * h;
    });
    for (int64_t i = threadIdx.y; dx && inside && i < p; i += ADI_ROWS_CUDA) {
        double h;
        const double g = gated(i, &h);
        dx[i * c + column] = (float)(scale * r * (g - (sum + h * sum_h) / (double)p));
    }
    if (!inside || threadIdx.y)
        return;
    dweight[column] = (float)sum_h;
    dbias[column] = (float)sum;
}

ad_status adi_batchnorm_bwd_cuda(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                                 const float *dy, const float *x, const adi_batchnorm_batch *b,
                                 adi_act act, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.c))
        ADI_LAUNCH(batchnorm_bwd_kernel, adi_columns_grid_cuda(d.c, 1), adi_columns_block_cuda(),
                   on.stream(), dx, dweight, dbias, dy, x, b->weight, b->bias, b->mean, b->var,
                   b->eps, act, d.p, d.c);
    return on.launched();
}

/* ---- A channel a thread ---- */

static __global__ void affine_kernel(float *scale, float *shift, const float *weight,
                                     const float *bias, const double *mean, const double *var,
                                     double eps, int64_t c)
{
    const int64_t i = adi_index_cuda();
    if (i >= c)
        return;
    const double s = weight[i] / sqrt(var[i] + eps);
    scale[i] = (float)s;
    shift[i] = (float)(bias[i] - mean[i] * s);
}

ad_status adi_batchnorm_affine_cuda(const adi_exec *ex, float *scale, float *shift,
                                    const adi_batchnorm_batch *b, int64_t c)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(affine_kernel, adi_blocks_cuda(c), ADI_THREADS_CUDA, on.stream(), scale, shift,
                   b->weight, b->bias, b->mean, b->var, b->eps, c);
    return on.launched();
}

static __global__ void running_kernel(float *mean, float *var, const double *batch_mean,
                                      const double *batch_var, double momentum, double unbiased,
                                      int64_t c)
{
    const int64_t i = adi_index_cuda();
    if (i >= c)
        return;
    mean[i] = (float)((1.0 - momentum) * mean[i] + momentum * batch_mean[i]);
    var[i] = (float)((1.0 - momentum) * var[i] + momentum * (batch_var[i] * unbiased));
}

ad_status adi_batchnorm_running_cuda(const adi_exec *ex, float *mean, float *var,
                                     const double *batch_mean, const double *batch_var,
                                     double momentum, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(running_kernel, adi_blocks_cuda(d.c), ADI_THREADS_CUDA, on.stream(), mean, var,
                   batch_mean, batch_var, momentum, (double)d.p / ((double)d.p - 1.0), d.c);
    return on.launched();
}
