/* The gate of SCConv's spatial reconstruction unit; a value a thread. */
#include "kernels_cuda.h"
#include "queue_cuda.h"

struct gate {
    double keep, cross;
};

static __device__ __forceinline__ gate gate_of(double t, int soft)
{
    if (t > 0.0)
        return {1.0, 0.0};
    if (isnan(t))
        return {t, t};
    const double r = soft ? 1.0 / (1.0 + exp(-t)) : 0.0;
    return {r, soft ? r : 1.0};
}

static __global__ void srugate_kernel(float *y, const float *x, const float *h, const float *w,
                                      int soft, int n, int c)
{
    const int64_t at = adi_index_cuda();
    if (at >= n)
        return;
    const int mine = (int)at % c, other = mine < c / 2 ? mine + c / 2 : mine - c / 2;
    const int64_t from = at - mine + other;
    const gate keeps = gate_of((double)w[mine] * h[at], soft);
    const gate gives = gate_of((double)w[other] * h[from], soft);
    y[at] = (float)(keeps.keep * x[at] + gives.cross * x[from]);
}

ad_status adi_srugate_fwd_cuda(const adi_exec *ex, float *y, const float *x, const float *h,
                               const float *w, int32_t soft, adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.p * d.c))
        ADI_LAUNCH(srugate_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA, on.stream(), y, x,
                   h, w, soft, d.p * d.c, d.c);
    return on.launched();
}

static __global__ void srugate_bwd_kernel(float *dx, float *dt, const float *dy, const float *x,
                                          const float *h, const float *w, int soft, int n, int c)
{
    const int64_t at = adi_index_cuda();
    if (at >= n)
        return;
    const int mine = (int)at % c, other = mine < c / 2 ? mine + c / 2 : mine - c / 2;
    const int64_t from = at - mine + other;
    const double t = (double)w[mine] * h[at];
    const gate g = gate_of(t, soft);
    dx[at] = (float)(g.keep * dy[at] + g.cross * dy[from]);
    if (soft)
        dt[at] =
            t > 0.0 ? 0.0f : (float)(g.keep * (1.0 - g.keep) * x[at] * ((double)dy[at] + dy[from]));
}

ad_status adi_srugate_bwd_cuda(const adi_exec *ex, float *dx, float *dt, const float *dy,
                               const float *x, const float *h, const float *w, int32_t soft,
                               adi_pc d)
{
    adi_call_cuda on(ex);
    if (on.suits(d.p * d.c))
        ADI_LAUNCH(srugate_bwd_kernel, adi_blocks_cuda(d.p * d.c), ADI_THREADS_CUDA, on.stream(),
                   dx, dt, dy, x, h, w, soft, d.p * d.c, d.c);
    return on.launched();
}
