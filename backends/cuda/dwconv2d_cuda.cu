/* dwconv2d: one filter per channel; a value a thread. */
#include "epilogue_cuda.h"
#include "kernels_cuda.h"
#include "queue_cuda.h"

static __global__ void dwconv2d_kernel(float *y, const float *x, const float *w, const float *bias,
                                       const float *residual, int act, adi_conv2d_dims d, int n)
{
    const int64_t at = adi_index_cuda();
    if (at >= n)
        return;
    const int k = (int)d.c, ow = (int)d.ow, oh = (int)d.oh, i = (int)at;
    const int c = i % k, ox = i / k % ow, oy = i / k / ow % oh, image = i / k / ow / oh;
    float sum = 0.0f;
    for (int ky = 0; ky < d.kh; ky++)
        for (int kx = 0; kx < d.kw; kx++) {
            const int iy = oy * d.stride + ky - d.pad_top, ix = ox * d.stride + kx - d.pad_left;
            if (iy >= 0 && iy < d.h && ix >= 0 && ix < d.w)
                sum = fmaf(x[(((int64_t)image * d.h + iy) * d.w + ix) * k + c],
                           w[(ky * d.kw + kx) * k + c], sum);
        }
    y[at] = adi_epilogue_cuda(sum, bias, c, residual, at, act);
}

ad_status adi_dwconv2d_fwd_cuda(const adi_exec *ex, float *y, const float *x, const float *w,
                                const adi_epilogue *e, const adi_conv2d_dims *d)
{
    const int64_t n = d->n * d->oh * d->ow * d->c;
    {
        adi_call_cuda on(ex);
        if (on.suits(n))
            ADI_LAUNCH(dwconv2d_kernel, adi_blocks_cuda(n), ADI_THREADS_CUDA, on.stream(), y, x, w,
                       e->bias, e->residual, (int)e->act, *d, n);
        const ad_status status = on.launched();
        if (status != AD_OK || !e->row_sums)
            return status;
    }
    return adi_row_sums_cuda(ex, e->row_sums, y, d->n * d->oh, d->ow, d->c);
}
