/* Sums over n values, in double: of x, of squares, squared errors, products. A block sums a part of
 * the values, a second kernel adds the parts: in an order that follows from n. weighted_sum: of few
 * values, in one block.
 * scaled_difference: the gradient of a mean squared error; a value a thread. */
#include "kernels_cuda.h"
#include "reduce_cuda.h"

enum { PART = 4096, SUM = 0, SQUARED_ERROR = 1, PRODUCTS = 2 };

static int64_t parts_of(int64_t n)
{
    return n > 0 ? (n + PART - 1) / PART : 1;
}

size_t adi_sum_scratch_cuda(int64_t n, int32_t num_threads)
{
    (void)num_threads;
    return (size_t)parts_of(n) * sizeof(double);
}

static __global__ void parts_kernel(double *partial, const float *a, const float *b, int what,
                                    int64_t n)
{
    ADI_SHARED(adi_block_room_cuda, room);
    const int64_t first = (int64_t)blockIdx.x * PART, end = min(n, first + PART);
    double sum = 0.0;
    for (int64_t i = first + threadIdx.x; i < end; i += ADI_THREADS_CUDA) {
        const double e = what == SQUARED_ERROR ? (double)a[i] - b[i] : 0.0;
        sum += what == SUM ? (double)a[i] : what == PRODUCTS ? (double)a[i] * b[i] : e * e;
    }
    sum = adi_block_sum_cuda(room, sum);
    if (!threadIdx.x)
        partial[blockIdx.x] = sum;
}

static __global__ void total_kernel(double *out, const double *partial, int64_t parts)
{
    ADI_SHARED(adi_block_room_cuda, room);
    double sum = 0.0;
    for (int64_t i = threadIdx.x; i < parts; i += ADI_THREADS_CUDA)
        sum += partial[i];
    sum = adi_block_sum_cuda(room, sum);
    if (!threadIdx.x)
        *out = sum;
}

static ad_status total_of(const adi_exec *ex, double *out, const float *a, const float *b, int what,
                          int64_t n)
{
    double *const partial = (double *)ex->scratch;
    const int64_t parts = parts_of(n);
    adi_call_cuda on(ex);
    if (!on.suits(parts))
        return on.launched();
    ADI_LAUNCH(parts_kernel, dim3((unsigned)parts), ADI_THREADS_CUDA, on.stream(), partial, a, b,
               what, n);
    ADI_LAUNCH(total_kernel, dim3(1), ADI_THREADS_CUDA, on.stream(), out, partial, parts);
    return on.launched();
}

ad_status adi_sum_cuda(const adi_exec *ex, double *out, const float *x, int64_t n)
{
    return total_of(ex, out, x, NULL, SUM, n);
}

ad_status adi_sum_squares_cuda(const adi_exec *ex, double *out, const float *x, int64_t n)
{
    return total_of(ex, out, x, x, PRODUCTS, n);
}

ad_status adi_sum_squared_error_cuda(const adi_exec *ex, double *out, const float *a,
                                     const float *b, int64_t n)
{
    return total_of(ex, out, a, b, SQUARED_ERROR, n);
}

ad_status adi_sum_products_cuda(const adi_exec *ex, double *out, const float *a, const float *b,
                                int64_t n)
{
    return total_of(ex, out, a, b, PRODUCTS, n);
}

/* Of few values: one block. */
static __global__ void weighted_sum_kernel(double *out, const float *weight, const float *x,
                                           const float *minus, double scale, int64_t n)
{
    ADI_SHARED(adi_block_room_cuda, room);
    double sum = 0.0;
    for (int64_t i = threadIdx.x; i < n; i += ADI_THREADS_CUDA)
        sum += weight[i] * (scale * x[i] - (minus ? minus[i] : 0.0f));
    sum = adi_block_sum_cuda(room, sum);
    if (!threadIdx.x)
        *out = sum;
}

ad_status adi_weighted_sum_cuda(const adi_exec *ex, double *out, const float *weight,
                                const float *x, const float *minus, double scale, int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(weighted_sum_kernel, dim3(1), ADI_THREADS_CUDA, on.stream(), out, weight, x,
                   minus, scale, n);
    return on.launched();
}

static __global__ void scaled_difference_kernel(float *y, const float *a, const float *b,
                                                float alpha, int accumulate, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i >= n)
        return;
    const double v = alpha * ((double)a[i] - b[i]);
    y[i] = (float)(accumulate ? v + y[i] : v); /* what is not accumulated to is not read */
}

ad_status adi_scaled_difference_cuda(const adi_exec *ex, float *y, const float *a, const float *b,
                                     float alpha, int32_t accumulate, int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(scaled_difference_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y,
                   a, b, alpha, accumulate, n);
    return on.launched();
}
