/* Affine coupling on the machine's best vectors; threads share the positions. */
#include "isa_cpu.h"

typedef struct coupling_call {
    float *y;
    const float *x, *st;
    int32_t inverse;
    const adi_coupling_dims *d;
    const adi_isa *isa;
} coupling_call;

static void coupling_range(void *call, adi_share s)
{
    const coupling_call *k = call;
    const adi_coupling_dims *d = k->d;
    for (int64_t p = s.begin; p < s.end; p++)
        k->isa->coupling(k->y + p * d->c, k->x + p * d->c, k->st + 2 * p * d->c, k->inverse, d->c,
                         d->alpha);
}

ad_status adi_coupling_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *st,
                               int32_t inverse, const adi_coupling_dims *d)
{
    const adi_isa *isa = adi_isa_cpu(0);
    adi_parallel_cpu(ex->num_threads, d->p, 0, coupling_range,
                     &(coupling_call){y, x, st, inverse, d, isa});
    return AD_OK;
}

typedef struct coupling_bwd_call {
    float *dx, *dst;
    const float *dy, *x, *st;
    const adi_coupling_dims *d;
    const adi_isa *isa;
} coupling_bwd_call;

static void coupling_bwd_range(void *call, adi_share s)
{
    const coupling_bwd_call *k = call;
    const adi_coupling_dims *d = k->d;
    for (int64_t p = s.begin; p < s.end; p++)
        k->isa->coupling_bwd(k->dx ? k->dx + p * d->c : NULL, k->dst ? k->dst + 2 * p * d->c : NULL,
                             k->dy + p * d->c, k->x + p * d->c, k->st + 2 * p * d->c, d->c,
                             d->alpha);
}

ad_status adi_coupling_bwd_cpu(const adi_exec *ex, float *dx, float *dst, const float *dy,
                               const float *x, const float *st, const adi_coupling_dims *d)
{
    const adi_isa *isa = adi_isa_cpu(0);
    adi_parallel_cpu(ex->num_threads, d->p, 0, coupling_bwd_range,
                     &(coupling_bwd_call){dx, dst, dy, x, st, d, isa});
    return AD_OK;
}

typedef struct logdet_call {
    float *y;
    const float *st;
    const adi_coupling_dims *d;
    const adi_isa *isa;
} logdet_call;

static void logdet_range(void *call, adi_share s)
{
    const logdet_call *k = call;
    const adi_coupling_dims *d = k->d;
    for (int64_t p = s.begin; p < s.end; p++)
        k->y[p] = k->isa->logdet(k->st + 2 * p * d->c, d->c, d->alpha);
}

ad_status adi_logdet_fwd_cpu(const adi_exec *ex, float *y, const float *st,
                             const adi_coupling_dims *d)
{
    const adi_isa *isa = adi_isa_cpu(0);
    adi_parallel_cpu(ex->num_threads, d->p, 0, logdet_range, &(logdet_call){y, st, d, isa});
    return AD_OK;
}

typedef struct logdet_bwd_call {
    float *dst;
    const float *dy, *st;
    const adi_coupling_dims *d;
    const adi_isa *isa;
} logdet_bwd_call;

static void logdet_bwd_range(void *call, adi_share s)
{
    const logdet_bwd_call *k = call;
    const adi_coupling_dims *d = k->d;
    for (int64_t p = s.begin; p < s.end; p++)
        k->isa->logdet_bwd(k->dst + 2 * p * d->c, k->dy[p], k->st + 2 * p * d->c, d->c, d->alpha);
}

ad_status adi_logdet_bwd_cpu(const adi_exec *ex, float *dst, const float *dy, const float *st,
                             const adi_coupling_dims *d)
{
    const adi_isa *isa = adi_isa_cpu(0);
    adi_parallel_cpu(ex->num_threads, d->p, 0, logdet_bwd_range,
                     &(logdet_bwd_call){dst, dy, st, d, isa});
    return AD_OK;
}
