/* posenc2d: sines and cosines of column and row; a pair of them a thread. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

static __global__ void posenc2d_kernel(float *y, int h, int w, int c, int pairs)
{
    const int64_t at = adi_index_cuda();
    if (at >= pairs)
        return;
    const int half = c / 2, pair = (int)at % half, position = (int)at / half;
    const int along = pair < half / 2 ? position % w : position / w % h;
    const double f = exp(-log(1e4) * (double)(2 * (pair % (half / 2))) / (double)half);
    y[2 * at] = (float)sin(along * f);
    y[2 * at + 1] = (float)cos(along * f);
}

ad_status adi_posenc2d_fwd_cuda(const adi_exec *ex, float *y, const adi_pad2d_dims *d)
{
    const int64_t n = d->n * d->h * d->w * d->c;
    adi_call_cuda on(ex);
    if (on.suits(n))
        ADI_LAUNCH(posenc2d_kernel, adi_blocks_cuda(n / 2), ADI_THREADS_CUDA, on.stream(), y, d->h,
                   d->w, d->c, n / 2);
    return on.launched();
}
