/* SimAM: attention without parameters; a block 32 channels of an image. */
#include "kernels_cuda.h"
#include "reduce_cuda.h"

struct energy {
    double mean, k, n;
};

/* x: the first value of the thread's channel. */
static __device__ __forceinline__ energy energy_of(adi_columns_room_cuda &room, bool inside,
                                                   const float *x, double lambda, int64_t p, int c)
{
    energy e = {0.0, 0.0, p > 1 ? (double)(p - 1) : 1.0};
    e.mean = adi_column_sum_cuda(room, inside, p, [&](int64_t i) { return (double)x[i * c]; }) /
             (double)p;
    const double squares = adi_column_sum_cuda(room, inside, p, [&](int64_t i) {
        const double v = x[i * c] - e.mean;
        return v * v;
    });
    e.k = 1.0 / (4.0 * (squares / e.n + lambda));
    return e;
}

static __device__ __forceinline__ double gate_of(double x, const energy &e)
{
    const double v = x - e.mean;
    return 1.0 / (1.0 + exp(-(v * v * e.k + 0.5)));
}

static __global__ void simam_kernel(float *y, const float *x, double lambda, int64_t p, int c)
{
    ADI_SHARED(adi_columns_room_cuda, room);
    const int column = adi_column_cuda();
    const bool inside = column < c;
    const int64_t first = (int64_t)blockIdx.y * p * c + column;
    const energy e = energy_of(room, inside, x + first, lambda, p, c);
    for (int64_t i = threadIdx.y; inside && i < p; i += ADI_ROWS_CUDA)
        y[first + i * c] = (float)(x[first + i * c] * gate_of(x[first + i * c], e));
}

ad_status adi_simam_fwd_cuda(const adi_exec *ex, float *y, const float *x, double lambda,
                             const adi_npc *d)
{
    adi_call_cuda on(ex);
    if (on.suits(d->c) && d->n)
        ADI_LAUNCH(simam_kernel, adi_columns_grid_cuda(d->c, d->n), adi_columns_block_cuda(),
                   on.stream(), y, x, lambda, d->p, d->c);
    return on.launched();
}

static __global__ void simam_bwd_kernel(float *dx, const float *dy, const float *x, double lambda,
                                        int64_t p, int c)
{
    ADI_SHARED(adi_columns_room_cuda, room);
    const int column = adi_column_cuda();
    const bool inside = column < c;
    const int64_t first = (int64_t)blockIdx.y * p * c + column;
    const energy e = energy_of(room, inside, x + first, lambda, p, c);
    auto slope = [&](int64_t at, double *v, double *s) {
        *v = x[at] - e.mean;
        *s = gate_of(x[at], e);
        return dy[at] * (x[at] * (*s * (1.0 - *s)));
    };
    const double squares = adi_column_sum_cuda(room, inside, p, [&](int64_t i) {
        double v, s;
        const double a = slope(first + i * c, &v, &s);
        return a * v * v;
    });
    const double along = adi_column_sum_cuda(room, inside, p, [&](int64_t i) {
        double v, s;
        const double a = slope(first + i * c, &v, &s);
        return a * v;
    });
    /* the sum of d is 0, so that of e is that of 2 k a d */
    for (int64_t i = threadIdx.y; inside && i < p; i += ADI_ROWS_CUDA) {
        double v, s;
        const int64_t at = first + i * c;
        const double a = slope(at, &v, &s);
        dx[at] = (float)(dy[at] * s +
                         2.0 * e.k * (v * (a - 4.0 * e.k * squares / e.n) - along / (double)p));
    }
}

ad_status adi_simam_bwd_cuda(const adi_exec *ex, float *dx, const float *dy, const float *x,
                             double lambda, const adi_npc *d)
{
    adi_call_cuda on(ex);
    if (on.suits(d->c) && d->n)
        ADI_LAUNCH(simam_bwd_kernel, adi_columns_grid_cuda(d->c, d->n), adi_columns_block_cuda(),
                   on.stream(), dx, dy, x, lambda, d->p, d->c);
    return on.launched();
}
