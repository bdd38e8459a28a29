/* mean: the global average pool of NHWC features; the gradient of a bias; sums over rows. */
#include "reduce_cuda.h"

#include "kernels_cuda.h"

/* To `mean` in double, divided by p, or to `sum` in float. */
static __global__ void column_sums_kernel(double *mean, float *sum, const float *x, int64_t p,
                                          int c)
{
    ADI_SHARED(adi_columns_room_cuda, room);
    const int column = adi_column_cuda();
    const double all = adi_column_sum_cuda(
        room, column < c, p, [&](int64_t row) { return (double)x[row * c + column]; });
    if (column >= c || threadIdx.y)
        return;
    if (mean)
        mean[column] = all / (double)p;
    if (sum)
        sum[column] = (float)all;
}

ad_status adi_mean_fwd_cuda(const adi_exec *ex, double *mean, const float *x, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.c))
        ADI_LAUNCH(column_sums_kernel, adi_columns_grid_cuda(d.c, 1), adi_columns_block_cuda(),
                   on.stream(), mean, (float *)NULL, x, d.p, d.c);
    return on.launched();
}

ad_status adi_bias_bwd_cuda(const adi_exec *ex, float *db, const float *dy, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.c))
        ADI_LAUNCH(column_sums_kernel, adi_columns_grid_cuda(d.c, 1), adi_columns_block_cuda(),
                   on.stream(), (double *)NULL, db, dy, d.p, d.c);
    return on.launched();
}

static __global__ void row_sums_kernel(float *sums, const float *x, int n, int columns, int c)
{
    const int64_t i = adi_index_cuda();
    if (i >= n)
        return;
    const float *from = x + (int)i / c * (int64_t)columns * c + (int)i % c;
    double sum = 0.0;
    for (int column = 0; column < columns; column++)
        sum += from[(int64_t)column * c];
    sums[i] = (float)sum;
}

ad_status adi_row_sums_cuda(const adi_exec *ex, float *sums, const float *x, int64_t rows,
                            int64_t columns, int64_t c)
{
    adi_call_cuda on(ex);
    if (on.suits(rows * c) && on.suits(columns))
        ADI_LAUNCH(row_sums_kernel, adi_blocks_cuda(rows * c), ADI_THREADS_CUDA, on.stream(), sums,
                   x, rows * c, columns, c);
    return on.launched();
}

static __global__ void globalavgpool2d_kernel(float *y, const float *sums, double columns,
                                              int64_t p, int c)
{
    ADI_SHARED(adi_columns_room_cuda, room);
    const int column = adi_column_cuda();
    const float *from = sums + blockIdx.y * p * c + column;
    const double sum = adi_column_sum_cuda(room, column < c, p,
                                           [&](int64_t row) { return (double)from[row * c]; });
    if (column < c && !threadIdx.y)
        y[(int64_t)blockIdx.y * c + column] = (float)(sum / (double)p / columns);
}

ad_status adi_globalavgpool2d_fwd_cuda(const adi_exec *ex, float *y, const float *sums,
                                       int64_t columns, const adi_npc *d)
{
    adi_call_cuda on(ex);
    if (on.suits(d->c) && d->n)
        ADI_LAUNCH(globalavgpool2d_kernel, adi_columns_grid_cuda(d->c, d->n),
                   adi_columns_block_cuda(), on.stream(), y, sums, columns, d->p, d->c);
    return on.launched();
}
