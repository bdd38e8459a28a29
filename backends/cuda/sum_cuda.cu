/* scaled_difference: the gradient of a mean squared error; a value a thread. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

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
