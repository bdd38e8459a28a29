/* softfuse: two maps, weighted by a softmax of their channels' means. Scratch of an image: the
 * weights beta [2c], then in backward the shares dS / P and dT / P [2c]. */
#include "kernels_cuda.h"
#include "reduce_cuda.h"

size_t adi_softfuse_scratch_cuda(const adi_npc *d)
{
    return (size_t)(d->n * 4 * d->c) * sizeof(double);
}

/* out[c], out[c..2c]: sums over positions of a z and b z, or of a and b. */
static __global__ void softfuse_sums_kernel(double *out, const float *a, const float *b,
                                            const float *z, int64_t p, int c)
{
    ADI_SHARED(adi_columns_room_cuda, room);
    const int column = adi_column_cuda();
    const int64_t image = blockIdx.y, first = image * p * c + column;
    for (int half = 0; half < 2; half++) {
        const float *from = half ? b : a;
        const double sum = adi_column_sum_cuda(room, column < c, p, [&](int64_t i) {
            const int64_t at = first + i * c;
            return z ? (double)z[at] * from[at] : (double)from[at];
        });
        if (column < c && !threadIdx.y)
            out[image * 4 * c + half * c + column] = sum;
    }
}

struct softfuse_room {
    adi_block_room_cuda sums;
    double most[ADI_THREADS_CUDA];
};

/* beta of an image from its sums, in place; a block an image. */
static __global__ void softfuse_weigh_kernel(double *scratch, int joint, int64_t p, int c)
{
    ADI_SHARED(softfuse_room, room);
    double *beta = scratch + (int64_t)blockIdx.x * 4 * c;
    double most = -INFINITY, all = 0.0;
    for (int i = (int)threadIdx.x; i < 2 * c; i += ADI_THREADS_CUDA) {
        const double mean = beta[i] / (double)p;
        beta[i] = mean;
        most = mean > most || isnan(mean) ? mean : most;
    }
    room.most[threadIdx.x] = most;
    __syncthreads();
    for (int i = 0; i < ADI_THREADS_CUDA; i++)
        most = room.most[i] > most || isnan(room.most[i]) ? room.most[i] : most;
    for (int i = (int)threadIdx.x; i < c; i += ADI_THREADS_CUDA) {
        const double s = beta[i], t = beta[c + i], top = joint ? most : s > t ? s : t;
        const double es = exp(s - top), et = exp(t - top);
        all += es + et;
        beta[i] = joint ? es : es / (es + et);
        beta[c + i] = joint ? et : et / (es + et);
    }
    all = adi_block_sum_cuda(room.sums, all); /* and every beta is there */
    for (int i = (int)threadIdx.x; joint && i < 2 * c; i += ADI_THREADS_CUDA)
        beta[i] /= all;
}

static __global__ void softfuse_kernel(float *y, const float *a, const float *b,
                                       const double *scratch, int64_t image, int c)
{
    const int64_t i = adi_index_cuda(), at = blockIdx.y * image + i;
    if (i >= image)
        return;
    const double *beta = scratch + (int64_t)blockIdx.y * 4 * c;
    y[at] = (float)(beta[i % c] * a[at] + beta[c + i % c] * b[at]);
}

static dim3 values_of(const adi_npc *d)
{
    return dim3(adi_blocks_cuda(d->p * d->c).x, (unsigned)d->n);
}

static void weigh(const adi_call_cuda &on, double *beta, const float *a, const float *b,
                  int32_t joint, const adi_npc *d)
{
    ADI_LAUNCH(softfuse_sums_kernel, adi_columns_grid_cuda(d->c, d->n), adi_columns_block_cuda(),
               on.stream(), beta, a, b, (const float *)NULL, d->p, d->c);
    ADI_LAUNCH(softfuse_weigh_kernel, dim3((unsigned)d->n), ADI_THREADS_CUDA, on.stream(), beta,
               joint, d->p, d->c);
}

ad_status adi_softfuse_fwd_cuda(const adi_exec *ex, float *y, const float *a, const float *b,
                                int32_t joint, const adi_npc *d)
{
    double *const beta = (double *)ex->scratch;
    adi_call_cuda on(ex);
    if (!on.suits(d->p * d->c) || !d->n)
        return on.launched();
    weigh(on, beta, a, b, joint, d);
    ADI_LAUNCH(softfuse_kernel, values_of(d), ADI_THREADS_CUDA, on.stream(), y, a, b, beta,
               d->p * d->c, d->c);
    return on.launched();
}

/* The sums e and e' of an image become dS / P and dT / P; a block an image. */
static __global__ void softfuse_shares_kernel(double *scratch, int joint, int64_t p, int c)
{
    ADI_SHARED(adi_block_room_cuda, room);
    double *beta = scratch + (int64_t)blockIdx.x * 4 * c, *e = beta + 2 * c, all = 0.0;
    for (int i = (int)threadIdx.x; i < 2 * c; i += ADI_THREADS_CUDA)
        all += beta[i] * e[i];
    all = adi_block_sum_cuda(room, all);
    for (int i = (int)threadIdx.x; i < c; i += ADI_THREADS_CUDA) {
        const double mine =
            joint ? beta[i] * (e[i] - all) : beta[i] * beta[c + i] * (e[i] - e[c + i]);
        const double its = joint ? beta[c + i] * (e[c + i] - all) : -mine;
        e[i] = mine / (double)p;
        e[c + i] = its / (double)p;
    }
}

static __global__ void softfuse_bwd_kernel(float *da, float *db, const float *dy,
                                           const double *scratch, int64_t image, int c)
{
    const int64_t i = adi_index_cuda(), at = blockIdx.y * image + i;
    if (i >= image)
        return;
    const double *beta = scratch + (int64_t)blockIdx.y * 4 * c, *e = beta + 2 * c;
    if (da)
        da[at] = (float)(beta[i % c] * dy[at] + e[i % c]);
    if (db)
        db[at] = (float)(beta[c + i % c] * dy[at] + e[c + i % c]);
}

ad_status adi_softfuse_bwd_cuda(const adi_exec *ex, float *da, float *db, const float *dy,
                                const float *a, const float *b, int32_t joint, const adi_npc *d)
{
    double *const beta = (double *)ex->scratch;
    adi_call_cuda on(ex);
    if (!on.suits(d->p * d->c) || !d->n)
        return on.launched();
    weigh(on, beta, a, b, joint, d);
    ADI_LAUNCH(softfuse_sums_kernel, adi_columns_grid_cuda(d->c, d->n), adi_columns_block_cuda(),
               on.stream(), beta + 2 * d->c, a, b, dy, d->p, d->c);
    ADI_LAUNCH(softfuse_shares_kernel, dim3((unsigned)d->n), ADI_THREADS_CUDA, on.stream(), beta,
               joint, d->p, d->c);
    ADI_LAUNCH(softfuse_bwd_kernel, values_of(d), ADI_THREADS_CUDA, on.stream(), da, db, dy, beta,
               d->p * d->c, d->c);
    return on.launched();
}
