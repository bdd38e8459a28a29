/* position_gaussian: |W (x - mean)|^2 with a triangular W a position, which is read once; a block a
 * position, a row of W a thread. The columns of W follow each other: column c has rows c on. */
#include "kernels_cuda.h"
#include "reduce_cuda.h"

enum { THREADS = 128 };

struct position_room {
    adi_block_room_cuda sums;
    float v[THREADS]; /* x - mean */
};

static __global__ void __launch_bounds__(THREADS)
    position_gaussian_kernel(float *dist, const float *x, const float *mean, const float *factor,
                             int n, int64_t triangle)
{
    ADI_SHARED(position_room, room);
    const int thread = (int)threadIdx.x;
    const int64_t first = (int64_t)blockIdx.x * n;
    const float *w = factor + blockIdx.x * triangle;
    double squares = 0.0;
    for (int row0 = 0; row0 < n; row0 += THREADS) {
        const int row = row0 + thread, end = min(n, row0 + THREADS);
        float z = 0.0f;
        for (int c0 = 0; c0 < end; c0 += THREADS) {
            __syncthreads(); /* v is no longer read */
            if (c0 + thread < end)
                room.v[thread] = x[first + c0 + thread] - mean[first + c0 + thread];
            __syncthreads();
            for (int c = c0; c < min(end, c0 + THREADS); c++)
                if (row >= c && row < n) /* column c begins behind those before it */
                    z = fmaf(room.v[c - c0], w[(int64_t)c * n - (int64_t)c * (c - 1) / 2 + row - c],
                             z);
        }
        squares += (double)z * z;
    }
    squares = adi_block_sum_cuda(room.sums, squares);
    if (!thread)
        dist[blockIdx.x] = (float)squares;
}

size_t adi_position_gaussian_fwd_scratch_cuda(const adi_position_dims *d, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return 0;
}

ad_status adi_position_gaussian_fwd_cuda(const adi_exec *ex, float *dist, const float *x,
                                         const float *mean, const float *factor,
                                         const adi_position_dims *d)
{
    adi_call_cuda on(ex);
    if (on.suits(d->p) && d->p)
        ADI_LAUNCH(position_gaussian_kernel, dim3((unsigned)d->p), THREADS, on.stream(), dist, x,
                   mean, factor, d->d, adi_triangle(d->d));
    return on.launched();
}
