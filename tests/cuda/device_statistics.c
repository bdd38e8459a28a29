/* The calls of device_backend.c: sums, normalisation, distances, optimisers. */
#include "device_call.h"
#include "device_kernels.h"

/* ---- Sums ---- */

ad_status on_device_row_sums(const adi_exec *ex, float *sums, const float *x, int64_t rows,
                          int64_t columns, int64_t channels)
{
    (void)ex;
    call c = begin(0);
    return end(&c,
               kernels()->row_sums(&c.ex, out(&c, sums, rows * channels),
                                   in(&c, x, rows * columns * channels), rows, columns, channels));
}

ad_status on_device_mean_fwd(const adi_exec *ex, double *mean, const float *x, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->mean_fwd(&c.ex, out_double(&c, mean, d.c), in(&c, x, d.p * d.c), d));
}

ad_status on_device_globalavgpool2d_fwd(const adi_exec *ex, float *y, const float *sums,
                                     int64_t columns, const adi_npc *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->globalavgpool2d_fwd(&c.ex, out(&c, y, d->n * d->c),
                                                  in(&c, sums, d->n * d->p * d->c), columns, d));
}

#define SUM(kernel)                                                                                \
    ad_status on_device_##kernel(const adi_exec *ex, double *sum, const float *x, int64_t n)            \
    {                                                                                              \
        (void)ex;                                                                                  \
        call c = begin(kernels()->sum_scratch(n, 1));                                              \
        return end(&c, kernels()->kernel(&c.ex, out_double(&c, sum, 1), in(&c, x, n), n));         \
    }
SUM(sum)
SUM(sum_squares)

#define SUM_PAIRS(kernel)                                                                          \
    ad_status on_device_##kernel(const adi_exec *ex, double *sum, const float *a, const float *b,       \
                            int64_t n)                                                             \
    {                                                                                              \
        (void)ex;                                                                                  \
        call c = begin(kernels()->sum_scratch(n, 1));                                              \
        return end(                                                                                \
            &c, kernels()->kernel(&c.ex, out_double(&c, sum, 1), in(&c, a, n), in(&c, b, n), n));  \
    }
SUM_PAIRS(sum_squared_error)
SUM_PAIRS(sum_products)

ad_status on_device_weighted_sum(const adi_exec *ex, double *sum, const float *weight, const float *x,
                              const float *minus, double scale, int64_t n)
{
    (void)ex;
    call c = begin(0);
    const float *w = in(&c, weight, n), *there = in(&c, x, n), *m = in(&c, minus, n);
    return end(&c, kernels()->weighted_sum(&c.ex, out_double(&c, sum, 1), w, there, m, scale, n));
}

size_t on_device_no_sum_scratch(int64_t n, int32_t num_threads)
{
    (void)n;
    (void)num_threads;
    return 0;
}

/* ---- Normalisation and attention ---- */

size_t on_device_no_pc_scratch(adi_pc d, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return 0;
}

ad_status on_device_batchnorm_stats(const adi_exec *ex, double *mean, double *var, const float *x,
                                 adi_pc d)
{
    (void)ex;
    call c = begin(kernels()->batchnorm_train_scratch(d, 1));
    return end(&c, kernels()->batchnorm_stats(&c.ex, out_double(&c, mean, d.c),
                                              out_double(&c, var, d.c), in(&c, x, d.p * d.c), d));
}

ad_status on_device_batchnorm_affine(const adi_exec *ex, float *scale, float *shift,
                                  const adi_batchnorm_batch *b, int64_t channels)
{
    (void)ex;
    call c = begin(0);
    const adi_batchnorm_batch there = {in(&c, b->weight, channels), in(&c, b->bias, channels),
                                       in_double(&c, b->mean, channels),
                                       in_double(&c, b->var, channels), b->eps};
    return end(&c, kernels()->batchnorm_affine(&c.ex, out(&c, scale, channels),
                                               out(&c, shift, channels), &there, channels));
}

ad_status on_device_batchnorm_running(const adi_exec *ex, float *mean, float *var,
                                   const double *batch_mean, const double *batch_var,
                                   double momentum, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->batchnorm_running(&c.ex, both(&c, mean, d.c), both(&c, var, d.c),
                                                in_double(&c, batch_mean, d.c),
                                                in_double(&c, batch_var, d.c), momentum, d));
}

ad_status on_device_batchnorm_bwd(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                               const float *dy, const float *x, const adi_batchnorm_batch *b,
                               adi_act act, adi_pc d)
{
    (void)ex;
    call c = begin(kernels()->batchnorm_train_scratch(d, 1));
    const adi_batchnorm_batch there = {in(&c, b->weight, d.c), in(&c, b->bias, d.c),
                                       in_double(&c, b->mean, d.c), in_double(&c, b->var, d.c),
                                       b->eps};
    const float *from = in(&c, dy, d.p * d.c);
    return end(&c, kernels()->batchnorm_bwd(&c.ex, out(&c, dx, d.p * d.c), out(&c, dweight, d.c),
                                            out(&c, dbias, d.c), from, in(&c, x, d.p * d.c), &there,
                                            act, d));
}

size_t on_device_no_npc_scratch(const adi_npc *d)
{
    (void)d;
    return 0;
}

ad_status on_device_groupnorm_fwd(const adi_exec *ex, float *y, const float *x, const adi_groupnorm *g,
                               const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(kernels()->groupnorm_scratch(d));
    const adi_groupnorm there = {in(&c, g->weight, d->c), in(&c, g->bias, d->c), g->groups, g->eps};
    return end(&c, kernels()->groupnorm_fwd(&c.ex, out(&c, y, n), in(&c, x, n), &there, d));
}

ad_status on_device_groupnorm_bwd_add(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                                   const float *dy, const float *x, const adi_groupnorm *g,
                                   const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(kernels()->groupnorm_scratch(d));
    const adi_groupnorm there = {in(&c, g->weight, d->c), in(&c, g->bias, d->c), g->groups, g->eps};
    return end(&c, kernels()->groupnorm_bwd_add(&c.ex, both(&c, dx, n), out(&c, dweight, d->c),
                                                out(&c, dbias, d->c), in(&c, dy, n), in(&c, x, n),
                                                &there, d));
}

ad_status on_device_l2norm_fwd(const adi_exec *ex, float *y, const float *x, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->l2norm_fwd(&c.ex, out(&c, y, d.p * d.c), in(&c, x, d.p * d.c), d));
}

ad_status on_device_l2norm_bwd(const adi_exec *ex, float *dx, const float *dy, const float *x,
                            adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->l2norm_bwd(&c.ex, out(&c, dx, d.p * d.c), in(&c, dy, d.p * d.c),
                                         in(&c, x, d.p * d.c), d));
}

ad_status on_device_srugate_fwd(const adi_exec *ex, float *y, const float *x, const float *h,
                             const float *w, int32_t soft, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->srugate_fwd(&c.ex, out(&c, y, d.p * d.c), in(&c, x, d.p * d.c),
                                          in(&c, h, d.p * d.c), in(&c, w, d.c), soft, d));
}

ad_status on_device_srugate_bwd(const adi_exec *ex, float *dx, float *dt, const float *dy,
                             const float *x, const float *h, const float *w, int32_t soft, adi_pc d)
{
    (void)ex;
    const int64_t n = d.p * d.c;
    call c = begin(0);
    return end(&c, kernels()->srugate_bwd(&c.ex, out(&c, dx, n), soft ? out(&c, dt, n) : NULL,
                                          in(&c, dy, n), in(&c, x, n), in(&c, h, n), in(&c, w, d.c),
                                          soft, d));
}

ad_status on_device_sruweight_fwd(const adi_exec *ex, float *w, float *by, const float *weight,
                               int64_t channels)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->sruweight_fwd(&c.ex, out(&c, w, channels), out(&c, by, channels),
                                            in(&c, weight, channels), channels));
}

ad_status on_device_sruweight_bwd(const adi_exec *ex, float *dweight, float *dbias, const float *w,
                               const float *weight, const float *bias, int64_t channels)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->sruweight_bwd(&c.ex, both(&c, dweight, channels),
                                            both(&c, dbias, channels), in(&c, w, channels),
                                            in(&c, weight, channels), in(&c, bias, channels),
                                            channels));
}

ad_status on_device_softfuse_fwd(const adi_exec *ex, float *y, const float *a, const float *b,
                              int32_t joint, const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(kernels()->softfuse_scratch(d));
    return end(&c,
               kernels()->softfuse_fwd(&c.ex, out(&c, y, n), in(&c, a, n), in(&c, b, n), joint, d));
}

ad_status on_device_softfuse_bwd(const adi_exec *ex, float *da, float *db, const float *dy,
                              const float *a, const float *b, int32_t joint, const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(kernels()->softfuse_scratch(d));
    return end(&c, kernels()->softfuse_bwd(&c.ex, out(&c, da, n), out(&c, db, n), in(&c, dy, n),
                                           in(&c, a, n), in(&c, b, n), joint, d));
}

ad_status on_device_simam_fwd(const adi_exec *ex, float *y, const float *x, double lambda,
                           const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(0);
    const float *there = in(&c, x, n);
    return end(&c, kernels()->simam_fwd(&c.ex, out(&c, y, n), there, lambda, d));
}

ad_status on_device_simam_bwd(const adi_exec *ex, float *dx, const float *dy, const float *x,
                           double lambda, const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(0);
    const float *there = in(&c, dy, n);
    return end(&c, kernels()->simam_bwd(&c.ex, out(&c, dx, n), there, in(&c, x, n), lambda, d));
}

/* ---- Flows ---- */

ad_status on_device_coupling_fwd(const adi_exec *ex, float *y, const float *x, const float *st,
                              int32_t inverse, const adi_coupling_dims *d)
{
    (void)ex;
    const int64_t n = d->p * d->c;
    call c = begin(0);
    return end(&c, kernels()->coupling_fwd(&c.ex, out(&c, y, n), in(&c, x, n), in(&c, st, 2 * n),
                                           inverse, d));
}

ad_status on_device_coupling_bwd(const adi_exec *ex, float *dx, float *dst, const float *dy,
                              const float *x, const float *st, const adi_coupling_dims *d)
{
    (void)ex;
    const int64_t n = d->p * d->c;
    call c = begin(0);
    return end(&c, kernels()->coupling_bwd(&c.ex, out(&c, dx, n), out(&c, dst, 2 * n),
                                           in(&c, dy, n), in(&c, x, n), in(&c, st, 2 * n), d));
}

ad_status on_device_logdet_fwd(const adi_exec *ex, float *y, const float *st,
                            const adi_coupling_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->logdet_fwd(&c.ex, out(&c, y, d->p), in(&c, st, 2 * d->p * d->c), d));
}

ad_status on_device_logdet_bwd(const adi_exec *ex, float *dst, const float *dy, const float *st,
                            const adi_coupling_dims *d)
{
    (void)ex;
    const int64_t n = 2 * d->p * d->c;
    call c = begin(0);
    return end(&c,
               kernels()->logdet_bwd(&c.ex, out(&c, dst, n), in(&c, dy, d->p), in(&c, st, n), d));
}

/* ---- Distances ---- */

#define DISTANCE_FWD(kernel)                                                                       \
    ad_status on_device_##kernel(const adi_exec *ex, float *dist, const float *a, const float *b,       \
                            adi_pc d)                                                              \
    {                                                                                              \
        (void)ex;                                                                                  \
        call c = begin(0);                                                                         \
        return end(&c, kernels()->kernel(&c.ex, out(&c, dist, d.p), in(&c, a, d.p * d.c),          \
                                         in(&c, b, d.p * d.c), d));                                \
    }
DISTANCE_FWD(cosine_fwd)
DISTANCE_FWD(cosdist_fwd)
DISTANCE_FWD(sqdist_fwd)

#define DISTANCE_BWD(kernel)                                                                       \
    ad_status on_device_##kernel(const adi_exec *ex, float *da, const float *a, const float *b,         \
                            float scale, adi_pc d)                                                 \
    {                                                                                              \
        (void)ex;                                                                                  \
        call c = begin(0);                                                                         \
        return end(&c, kernels()->kernel(&c.ex, out(&c, da, d.p * d.c), in(&c, a, d.p * d.c),      \
                                         in(&c, b, d.p * d.c), scale, d));                         \
    }
DISTANCE_BWD(cosine_bwd)
DISTANCE_BWD(cosdist_bwd)

size_t on_device_mahalanobis_packed_bytes(const double *a, int64_t c, int64_t r)
{
    return kernels()->mahalanobis_packed_bytes(a, c, r);
}

void on_device_mahalanobis_pack(void *packed, const double *a, int64_t c, int64_t r)
{
    kernels()->mahalanobis_pack(packed, a, c, r);
}

size_t on_device_no_mahalanobis_scratch(adi_pc d, int64_t r, int32_t num_threads)
{
    (void)r;
    return on_device_no_pc_scratch(d, num_threads);
}

/* The size of what is packed follows from the shape alone. */
ad_status on_device_mahalanobis_fwd(const adi_exec *ex, float *dist, const float *x, const float *mean,
                                 const void *packed, adi_pc d, int64_t r)
{
    (void)ex;
    const size_t bytes = kernels()->mahalanobis_packed_bytes(NULL, d.c, r);
    call c = begin(kernels()->mahalanobis_scratch(d, r, 1));
    return end(&c,
               kernels()->mahalanobis_fwd(&c.ex, out(&c, dist, d.p), in(&c, x, d.p * d.c),
                                          in(&c, mean, d.c), place(&c, packed, bytes, 1, 0), d, r));
}

size_t on_device_no_position_scratch(const adi_position_dims *d, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return 0;
}

ad_status on_device_position_gaussian_fwd(const adi_exec *ex, float *dist, const float *x,
                                       const float *mean, const float *factor,
                                       const adi_position_dims *d)
{
    (void)ex;
    call c = begin(kernels()->position_gaussian_fwd_scratch(d, 1));
    return end(&c, kernels()->position_gaussian_fwd(
                       &c.ex, out(&c, dist, d->p), in(&c, x, d->p * d->d),
                       in(&c, mean, d->p * d->d), in(&c, factor, d->p * adi_triangle(d->d)), d));
}

/* ---- Optimisers ---- */

ad_status on_device_sgd_step(const adi_exec *ex, float *w, float *velocity, const float *g,
                          const adi_sgd *o, int64_t n)
{
    (void)ex;
    call c = begin(0);
    float *there = o->first ? out(&c, velocity, n) : both(&c, velocity, n);
    return end(&c, kernels()->sgd_step(&c.ex, both(&c, w, n), there, in(&c, g, n), o, n));
}

ad_status on_device_adam_step(const adi_exec *ex, float *w, float *m, float *v, const float *g,
                           const adi_adam *o, int64_t n)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->adam_step(&c.ex, both(&c, w, n), both(&c, m, n), both(&c, v, n),
                                        in(&c, g, n), o, n));
}
