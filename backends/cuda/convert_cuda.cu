/* zero: y = 0. widen: y = x. narrow: y = (float)x. A value a thread. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

static __global__ void zero_kernel(float *y, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        y[i] = 0.0f;
}

ad_status adi_zero_cuda(const adi_exec *ex, float *y, int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(zero_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, n);
    return on.launched();
}

static __global__ void widen_kernel(double *y, const float *x, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        y[i] = x[i];
}

ad_status adi_widen_cuda(const adi_exec *ex, double *y, const float *x, int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(widen_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, x, n);
    return on.launched();
}

static __global__ void narrow_kernel(float *y, const double *x, int64_t n)
{
    const int64_t i = adi_index_cuda();
    if (i < n)
        y[i] = (float)x[i];
}

ad_status adi_narrow_cuda(const adi_exec *ex, float *y, const double *x, int64_t n)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(narrow_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, x, n);
    return on.launched();
}
