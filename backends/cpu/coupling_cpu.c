/* Affine coupling on the machine's best vectors: positions over threads. */
#include "isa_cpu.h"

ad_status adi_coupling_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *st, int32_t inverse,
                               const adi_coupling_dims *d)
{
    const adi_isa *isa = adi_isa_cpu(0);
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d->p; p++)
        isa->coupling(y + p * d->c, x + p * d->c, st + 2 * p * d->c, inverse, d->c, d->alpha);
    return AD_OK;
}

ad_status adi_coupling_bwd_cpu(const adi_exec *ex, float *dx, float *dst, const float *dy, const float *x,
                               const float *st, const adi_coupling_dims *d)
{
    const adi_isa *isa = adi_isa_cpu(0);
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d->p; p++)
        isa->coupling_bwd(dx ? dx + p * d->c : NULL, dst ? dst + 2 * p * d->c : NULL, dy + p * d->c,
                          x + p * d->c, st + 2 * p * d->c, d->c, d->alpha);
    return AD_OK;
}

ad_status adi_logdet_fwd_cpu(const adi_exec *ex, float *y, const float *st, const adi_coupling_dims *d)
{
    const adi_isa *isa = adi_isa_cpu(0);
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d->p; p++)
        y[p] = isa->logdet(st + 2 * p * d->c, d->c, d->alpha);
    return AD_OK;
}

ad_status adi_logdet_bwd_cpu(const adi_exec *ex, float *dst, const float *dy, const float *st,
                             const adi_coupling_dims *d)
{
    const adi_isa *isa = adi_isa_cpu(0);
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t p = 0; p < d->p; p++)
        isa->logdet_bwd(dst + 2 * p * d->c, dy[p], st + 2 * p * d->c, d->c, d->alpha);
    return AD_OK;
}
