/* blur: down the columns, then along the rows, in the order of scipy.ndimage.gaussian_filter: from
 * the outermost tap inwards, in double; a value a thread. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

/* Reflect index i into a line of n samples. */
static __device__ __forceinline__ int mirror(int i, int n)
{
    if (i >= 0 && i < n)
        return i;
    i %= 2 * n;
    if (i < 0)
        i += 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

/* Value i of a line of n values, `step` apart. */
static __device__ __forceinline__ float blurred(const float *line, int i, int n, int step,
                                                const double *weights, int radius)
{
    double sum = (double)line[(int64_t)i * step] * weights[0];
    for (int k = radius; k > 0; k--)
        sum += ((double)line[(int64_t)mirror(i - k, n) * step] +
                (double)line[(int64_t)mirror(i + k, n) * step]) *
               weights[k];
    return (float)sum;
}

static __global__ void blur_columns_kernel(float *out, const float *in, const double *weights,
                                           int radius, int h, int w)
{
    const int64_t at = adi_index_cuda();
    if (at < h * w)
        out[at] = blurred(in + (int)at % w, (int)at / w, h, w, weights, radius);
}

static __global__ void blur_rows_kernel(float *out, const float *in, const double *weights,
                                        int radius, int h, int w)
{
    const int64_t at = adi_index_cuda();
    if (at < h * w)
        out[at] = blurred(in + (at - (int)at % w), (int)at % w, w, 1, weights, radius);
}

size_t adi_blur_scratch_cuda(const adi_blur_dims *d, int32_t num_threads)
{
    (void)num_threads;
    return (size_t)(d->h * d->w) * sizeof(float);
}

ad_status adi_blur_cuda(const adi_exec *ex, float *map, const double *weights,
                        const adi_blur_dims *d)
{
    const int64_t n = d->h * d->w;
    float *const between = (float *)ex->scratch;
    adi_call_cuda on(ex);
    if (!on.suits(n))
        return on.launched();
    ADI_LAUNCH(blur_columns_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), between, map,
               weights, d->radius, d->h, d->w);
    ADI_LAUNCH(blur_rows_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), map, between,
               weights, d->radius, d->h, d->w);
    return on.launched();
}
