/* position_gaussian: threads share the positions. The sums, the factor and the distance of a
 * position are each computed by one thread in one order: the bits are the same for any number of
 * threads. */
#include "isa_cpu.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { TILE = 16, ADD_TILE = 4 }; /* positions of a task */

static void *own_scratch(const adi_exec *ex, size_t bytes, int32_t thread)
{
    return (char *)ex->scratch + bytes * (size_t)thread;
}

/* ---- add ---- */

/* Scratch for ADD_TILE positions, so that an image's vectors are read in longer runs. */
static size_t add_bytes(const adi_position_dims *d, int64_t images)
{
    return adi_whole_lines((size_t)(ADD_TILE * images * ADI_OUTER_STRIDE(d->d)) * sizeof(double));
}

size_t adi_position_gaussian_add_scratch_cpu(const adi_position_dims *d, int64_t images,
                                             int32_t num_threads)
{
    return add_bytes(d, images) * (size_t)num_threads;
}

/* z = x - shift, and zeros to the end of the row. */
static void shifted(double *restrict z, const float *restrict x, const float *restrict shift,
                    int64_t d)
{
    for (int64_t i = 0; i < d; i++)
        z[i] = (double)x[i] - (double)shift[i];
    for (int64_t i = d; i < ADI_OUTER_STRIDE(d); i++)
        z[i] = 0.0;
}

typedef struct add_tiles_call {
    const adi_exec *ex;
    double *sums;
    const float *x, *shift;
    int64_t images, stride, per_position;
    const adi_position_dims *d;
    size_t bytes;
    const adi_isa *isa;
} add_tiles_call;

static void add_tiles(void *call, adi_share s)
{
    const add_tiles_call *k = call;
    const int64_t images = k->images;
    const adi_position_dims *d = k->d;
    for (int64_t t = s.begin; t < s.end; t++) {
        double *z = own_scratch(k->ex, k->bytes, s.thread);
        const int64_t p0 = t * ADD_TILE, p1 = adi_min(p0 + ADD_TILE, d->p);
        for (int64_t b = 0; b < images; b++)
            for (int64_t p = p0; p < p1; p++)
                shifted(z + ((p - p0) * images + b) * k->stride, k->x + (b * d->p + p) * d->d,
                        k->shift + p * d->d, d->d);
        for (int64_t p = p0; p < p1; p++, z += images * k->stride) {
            double *triangle = k->sums + p * k->per_position, *sum = triangle + adi_triangle(d->d);
            k->isa->add_outer_products(triangle, z, images, d->d);
            k->isa->add_vector_sums(sum, d->fourth ? sum + d->d : NULL, z, images, d->d);
        }
    }
}

void adi_position_gaussian_add_cpu(const adi_exec *ex, double *sums, const float *x,
                                   const float *shift, int64_t images, const adi_position_dims *d)
{
    const int64_t stride = ADI_OUTER_STRIDE(d->d), per_position = adi_position_sums(d);
    const size_t bytes = add_bytes(d, images);
    const adi_isa *isa = adi_isa_cpu(0);
    adi_parallel_cpu(
        ex->num_threads, adi_ceil_div(d->p, ADD_TILE), 4, add_tiles,
        &(add_tiles_call){ex, sums, x, shift, images, stride, per_position, d, bytes, isa});
}

/* ---- factor ---- */

static size_t factor_bytes(const adi_position_dims *d)
{
    return adi_whole_lines((size_t)(d->d * d->d) * sizeof(double));
}

size_t adi_position_gaussian_factor_scratch_cpu(const adi_position_dims *d, int32_t num_threads)
{
    return factor_bytes(d) * (size_t)num_threads;
}

/* The lower triangle of one position's covariance, in a matrix stored whole. */
static void covariance(double *a, const double *sums, int64_t n, const adi_position_scale *scale,
                       int64_t d)
{
    const double *sum = sums + adi_triangle(d);
    for (int64_t i = 0; i < d; i++) {
        const double *row = sums + adi_triangle(i);
        const double mean = sum[i] / (double)n;
        for (int64_t j = 0; j <= i; j++)
            a[i * d + j] = scale->scatter * (row[j] - mean * sum[j]);
        a[i * d + i] += scale->diagonal;
    }
}

/* a: the lower triangle of a covariance; the packed columns of W and |W|^2 out of it. */
static ad_status factorise(float *w, double *trace, double *a, double least, int64_t d)
{
    *trace = NAN;
    const ad_status status = adi_cholesky_f64_cpu(a, d);
    if (status != AD_OK)
        return status;
    for (int64_t i = 0; i < d; i++)
        if (!(a[i * d + i] * a[i * d + i] > least))
            return AD_ERR_NUMERIC;
    const ad_status inverted = adi_trinv_f64_cpu(a, d);
    if (inverted != AD_OK)
        return inverted;
    double sum = 0.0;
    for (int64_t c = 0; c < d; c++)
        for (int64_t i = c; i < d; i++) {
            sum += a[i * d + c] * a[i * d + c];
            *w++ = (float)a[i * d + c];
        }
    *trace = sum;
    return AD_OK;
}

typedef struct factor_call {
    const adi_exec *ex;
    float *factor;
    double *trace;
    const double *sums;
    int64_t n;
    const adi_position_scale *scale;
    const adi_position_dims *d;
    atomic_bool failed;
} factor_call;

static void factor_tiles(void *call, adi_share s)
{
    factor_call *k = call;
    const adi_position_dims *d = k->d;
    double *a = own_scratch(k->ex, factor_bytes(d), s.thread);
    for (int64_t p = s.begin * TILE; p < adi_min(s.end * TILE, d->p); p++) {
        covariance(a, k->sums + p * adi_position_sums(d), k->n, &k->scale[p], d->d);
        if (factorise(k->factor + p * adi_triangle(d->d), &k->trace[p], a, k->scale[p].least,
                      d->d) != AD_OK)
            atomic_store(&k->failed, true);
    }
}

ad_status adi_position_gaussian_factor_cpu(const adi_exec *ex, float *factor, double *trace,
                                           const double *sums, int64_t n,
                                           const adi_position_scale *scale,
                                           const adi_position_dims *d)
{
    factor_call call = {ex, factor, trace, sums, n, scale, d, false};
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(d->p, TILE), 1, factor_tiles, &call);
    return atomic_load(&call.failed) ? AD_ERR_NUMERIC : AD_OK;
}

/* ---- fwd ---- */

/* The differences from the mean, and their products. */
static size_t fwd_bytes(const adi_position_dims *d)
{
    return adi_whole_lines((size_t)(d->d + ADI_DISTANCE_FLOATS(d->d)) * sizeof(float));
}

size_t adi_position_gaussian_fwd_scratch_cpu(const adi_position_dims *d, int32_t num_threads)
{
    return fwd_bytes(d) * (size_t)num_threads;
}

typedef struct distance_tiles_call {
    const adi_exec *ex;
    float *dist;
    const float *x, *mean, *factor;
    const adi_position_dims *d;
    size_t stride;
    int64_t triangle;
    const adi_isa *isa;
} distance_tiles_call;

static void distance_tiles(void *call, adi_share s)
{
    const distance_tiles_call *k = call;
    const adi_position_dims *d = k->d;
    for (int64_t t = s.begin; t < s.end; t++) {
        float *v = own_scratch(k->ex, k->stride, s.thread);
        for (int64_t p = t * TILE; p < adi_min((t + 1) * TILE, d->p); p++) {
            for (int64_t i = 0; i < d->d; i++)
                v[i] = k->x[p * d->d + i] - k->mean[p * d->d + i];
            k->dist[p] = k->isa->packed_distance(v + d->d, v, k->factor + p * k->triangle, d->d,
                                                 k->factor + d->p * k->triangle);
        }
    }
}

/* Most time goes into reading the factor, once and in the order of memory. */
ad_status adi_position_gaussian_fwd_cpu(const adi_exec *ex, float *dist, const float *x,
                                        const float *mean, const float *factor,
                                        const adi_position_dims *d)
{
    const size_t stride = fwd_bytes(d);
    const int64_t triangle = adi_triangle(d->d);
    const adi_isa *isa = adi_isa_cpu(0);
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(d->p, TILE), 1, distance_tiles,
                     &(distance_tiles_call){ex, dist, x, mean, factor, d, stride, triangle, isa});
    return AD_OK;
}
