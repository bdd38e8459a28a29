/* The gate of SCConv's spatial reconstruction unit; a value a thread. */
#include "kernels_cuda.h"
#include "reduce_cuda.h"

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

/* ---- The weights: one block ---- */

static __device__ double sum_of(adi_block_room_cuda &room, const float *weight, int64_t c)
{
    double sum = 0.0;
    for (int64_t i = threadIdx.x; i < c; i += ADI_THREADS_CUDA)
        sum += weight[i];
    return adi_block_sum_cuda(room, sum);
}

static __global__ void sruweight_kernel(float *w, float *by, const float *weight, int64_t c)
{
    ADI_SHARED(adi_block_room_cuda, room);
    const double sum = sum_of(room, weight, c);
    for (int64_t i = threadIdx.x; i < c; i += ADI_THREADS_CUDA) {
        const float share = (float)(weight[i] / sum);
        w[i] = share;
        by[i] = share * weight[i];
    }
}

ad_status adi_sruweight_fwd_cuda(const adi_exec *ex, float *w, float *by, const float *weight,
                                 int64_t c)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(sruweight_kernel, dim3(1), ADI_THREADS_CUDA, on.stream(), w, by, weight, c);
    return on.launched();
}

static __global__ void sruweight_bwd_kernel(float *dweight, float *dbias, const float *w,
                                            const float *weight, const float *bias, int64_t c)
{
    ADI_SHARED(adi_block_room_cuda, room);
    const double sum = sum_of(room, weight, c);
    auto by_share = [&](int64_t i) { return weight[i] * dweight[i] + bias[i] * dbias[i]; };
    double along = 0.0;
    for (int64_t i = threadIdx.x; i < c; i += ADI_THREADS_CUDA)
        along += (double)by_share(i) * w[i];
    along = adi_block_sum_cuda(room, along);
    for (int64_t i = threadIdx.x; i < c; i += ADI_THREADS_CUDA) {
        const float dw = by_share(i);
        dweight[i] = (float)(w[i] * (double)dweight[i] + (dw - along) / sum);
        dbias[i] *= w[i];
    }
}

ad_status adi_sruweight_bwd_cuda(const adi_exec *ex, float *dweight, float *dbias, const float *w,
                                 const float *weight, const float *bias, int64_t c)
{
    adi_call_cuda on(ex);
    if (on.ready())
        ADI_LAUNCH(sruweight_bwd_kernel, dim3(1), ADI_THREADS_CUDA, on.stream(), dweight, dbias, w,
                   weight, bias, c);
    return on.launched();
}
