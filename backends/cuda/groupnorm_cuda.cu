/* Group normalisation; a block a group of an image. Scratch: mean and 1 / deviation of each. */
#include "kernels_cuda.h"
#include "reduce_cuda.h"

size_t adi_groupnorm_scratch_cuda(const adi_npc *d)
{
    return (size_t)(2 * d->n * d->c) * sizeof(double); /* as many groups as channels at most */
}

struct moments {
    double mean, r;
};

/* Of the run of `width` channels that begins at x. */
static __device__ moments moments_of(adi_block_room_cuda &room, const float *x, int width,
                                     int64_t p, int c, double eps)
{
    const int64_t count = p * width;
    double sum = 0.0, squares = 0.0;
    for (int64_t i = threadIdx.x; i < count; i += ADI_THREADS_CUDA)
        sum += x[i / width * c + i % width];
    const double mean = adi_block_sum_cuda(room, sum) / (double)count;
    for (int64_t i = threadIdx.x; i < count; i += ADI_THREADS_CUDA) {
        const double v = x[i / width * c + i % width] - mean;
        squares += v * v;
    }
    squares = adi_block_sum_cuda(room, squares);
    return {mean, 1.0 / sqrt(squares / (double)count + eps)};
}

static __global__ void groupnorm_kernel(float *y, const float *x, const float *weight,
                                        const float *bias, double eps, int width, int64_t p, int c)
{
    ADI_SHARED(adi_block_room_cuda, room);
    const int first = (int)blockIdx.x * width;
    const int64_t at = (int64_t)blockIdx.y * p * c + first;
    const moments m = moments_of(room, x + at, width, p, c, eps);
    for (int64_t i = threadIdx.x; i < p * width; i += ADI_THREADS_CUDA) {
        const int64_t to = at + i / width * c + i % width;
        const int channel = first + (int)(i % width);
        y[to] = (float)(weight[channel] * ((x[to] - m.mean) * m.r) + bias[channel]);
    }
}

ad_status adi_groupnorm_fwd_cuda(const adi_exec *ex, float *y, const float *x,
                                 const adi_groupnorm *g, const adi_npc *d)
{
    adi_call_cuda on(ex);
    if (on.suits(d->c) && d->n)
        ADI_LAUNCH(groupnorm_kernel, dim3((unsigned)g->groups, (unsigned)d->n), ADI_THREADS_CUDA,
                   on.stream(), y, x, g->weight, g->bias, g->eps, d->c / g->groups, d->p, d->c);
    return on.launched();
}

static __global__ void groupnorm_bwd_kernel(float *dx, double *kept, const float *dy,
                                            const float *x, const float *weight, double eps,
                                            int width, int64_t p, int c)
{
    ADI_SHARED(adi_block_room_cuda, room);
    const int first = (int)blockIdx.x * width;
    const int64_t start = (int64_t)blockIdx.y * p * c + first;
    const moments m = moments_of(room, x + start, width, p, c, eps);
    double sum = 0.0, products = 0.0;
    for (int64_t i = threadIdx.x; i < p * width; i += ADI_THREADS_CUDA) {
        const int64_t at = start + i / width * c + i % width;
        const double by = (double)weight[first + i % width] * dy[at];
        sum += by;
        products += by * ((x[at] - m.mean) * m.r);
    }
    sum = adi_block_sum_cuda(room, sum);
    products = adi_block_sum_cuda(room, products);
    for (int64_t i = threadIdx.x; i < p * width; i += ADI_THREADS_CUDA) {
        const int64_t at = start + i / width * c + i % width;
        const double by = (double)weight[first + i % width] * dy[at];
        const double h = (x[at] - m.mean) * m.r;
        dx[at] = (float)(dx[at] + m.r * (by - (sum + h * products) / (double)(p * width)));
    }
    if (!threadIdx.x) {
        kept[2 * (blockIdx.y * gridDim.x + blockIdx.x)] = m.mean;
        kept[2 * (blockIdx.y * gridDim.x + blockIdx.x) + 1] = m.r;
    }
}

/* dweight and dbias: sums over the n p positions of a channel. */
static __global__ void groupnorm_parameters_kernel(float *dweight, float *dbias, const double *kept,
                                                   const float *dy, const float *x, int width,
                                                   int64_t n, int64_t p, int c)
{
    ADI_SHARED(adi_columns_room_cuda, room);
    const int column = adi_column_cuda();
    const bool inside = column < c;
    const double products = adi_column_sum_cuda(room, inside, n * p, [&](int64_t i) {
        const double *m = kept + 2 * (i / p * (c / width) + column / width);
        return dy[i * c + column] * ((x[i * c + column] - m[0]) * m[1]);
    });
    const double sum = adi_column_sum_cuda(room, inside, n * p,
                                           [&](int64_t i) { return (double)dy[i * c + column]; });
    if (!inside || threadIdx.y)
        return;
    dweight[column] = (float)products;
    dbias[column] = (float)sum;
}

ad_status adi_groupnorm_bwd_add_cuda(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                                     const float *dy, const float *x, const adi_groupnorm *g,
                                     const adi_npc *d)
{
    double *const kept = (double *)ex->scratch;
    const int64_t width = d->c / g->groups;
    adi_call_cuda on(ex);
    if (!on.suits(d->c) || !d->n)
        return on.launched();
    ADI_LAUNCH(groupnorm_bwd_kernel, dim3((unsigned)g->groups, (unsigned)d->n), ADI_THREADS_CUDA,
               on.stream(), dx, kept, dy, x, g->weight, g->eps, width, d->p, d->c);
    ADI_LAUNCH(groupnorm_parameters_kernel, adi_columns_grid_cuda(d->c, 1),
               adi_columns_block_cuda(), on.stream(), dweight, dbias, kept, dy, x, width, d->n,
               d->p, d->c);
    return on.launched();
}
