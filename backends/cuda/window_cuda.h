/* A convolution's window, as the products of gemm_cuda.h see it: which input lies under a tap. */
#ifndef ADI_WINDOW_CUDA_H
#define ADI_WINDOW_CUDA_H

#include "gemm_cuda.h"

struct adi_window_cuda {
    int h, w, c, oh, ow, k, kw, stride, pad_top, pad_left;

    explicit adi_window_cuda(const adi_conv2d_dims *d)
        : h((int)d->h), w((int)d->w), c((int)d->c), oh((int)d->oh), ow((int)d->ow), k((int)d->k),
          kw(d->kw), stride(d->stride), pad_top(d->pad_top), pad_left(d->pad_left)
    {
    }
    /* x under `tap` of output position `at`, in channels `channel` on. Outside of x `out` stays. */
    template <int STEP>
    __device__ __forceinline__ void input(float *out, const float *x, int at, int tap,
                                          int channel) const
    {
        const int ox = at % ow, oy = at / ow % oh, n = at / ow / oh;
        const int iy = oy * stride + tap / kw - pad_top, ix = ox * stride + tap % kw - pad_left;
        if (iy >= 0 && iy < h && ix >= 0 && ix < w)
            adi_load_cuda<STEP>(out, x + (((int64_t)n * h + iy) * w + ix) * c + channel);
    }
};

#endif
