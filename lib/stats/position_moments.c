/* Streaming moments per position. Kernels add vectors; merging and centring, which are rare, work
 * on one position at a time with the moments of vectors. */
#include "stats/position_moments.h"

#include <string.h>

static size_t scratch_bytes(const adi_host_kernels *k, int32_t num_threads,
                            const adi_position_dims *d)
{
    const size_t add = k->position_gaussian_add_scratch(d, ADI_POSITION_BATCH, num_threads);
    const size_t factor = k->position_gaussian_factor_scratch(d, num_threads);
    return add > factor ? add : factor;
}

size_t adi_position_moments_bytes(const adi_host_kernels *k, int32_t num_threads,
                                  const adi_position_dims *d)
{
    return sizeof(adi_position_moments) + (size_t)(d->p * adi_position_sums(d)) * sizeof(double) +
           (size_t)((1 + ADI_POSITION_BATCH) * d->p * d->d) * sizeof(float) +
           scratch_bytes(k, num_threads, d);
}

ad_status adi_position_moments_create(const adi_allocator *a, const adi_host_kernels *k,
                                      int32_t num_threads, const adi_position_dims *d,
                                      adi_position_moments **out_moments)
{
    adi_position_moments *m = adi_calloc(a, 1, sizeof *m);
    if (!m)
        return adi_fail_memory();
    m->allocator = a;
    m->d = *d;
    m->sums = adi_calloc(a, (size_t)(d->p * adi_position_sums(d)), sizeof *m->sums);
    m->shift = adi_calloc(a, (size_t)(d->p * d->d), sizeof *m->shift);
    m->batch = adi_alloc(a, (size_t)(ADI_POSITION_BATCH * d->p * d->d) * sizeof *m->batch);
    m->scratch = adi_alloc(a, scratch_bytes(k, num_threads, d));
    if (!m->sums || !m->shift || !m->batch || !m->scratch) {
        adi_position_moments_destroy(m);
        return adi_fail_memory();
    }
    *out_moments = m;
    return AD_OK;
}

void adi_position_moments_destroy(adi_position_moments *m)
{
    if (!m)
        return;
    adi_free(m->allocator, m->sums);
    adi_free(m->allocator, m->shift);
    adi_free(m->allocator, m->batch);
    adi_free(m->allocator, m->scratch);
    adi_free(m->allocator, m);
}

float *adi_position_moments_slot(const adi_position_moments *m)
{
    return m->batch + m->waiting * m->d.p * m->d.d;
}

void adi_position_moments_push(adi_position_moments *m, const adi_host_kernels *k,
                               int32_t num_threads)
{
    if (m->n == 0)
        memcpy(m->shift, m->batch, (size_t)(m->d.p * m->d.d) * sizeof *m->shift);
    m->n++;
    m->waiting++;
    if (m->waiting == ADI_POSITION_BATCH)
        adi_position_moments_flush(m, k, num_threads);
}

void adi_position_moments_flush(adi_position_moments *m, const adi_host_kernels *k,
                                int32_t num_threads)
{
    const adi_exec ex = {num_threads, m->scratch, NULL};
    if (m->waiting)
        k->position_gaussian_add(&ex, m->sums, m->batch, m->shift, m->waiting, &m->d);
    m->waiting = 0;
}

void adi_position_moments_at(const adi_position_moments *m, int64_t position, adi_moments *out)
{
    const int64_t d = m->d.d;
    const double *outer = m->sums + position * adi_position_sums(&m->d),
                 *sum = outer + adi_triangle(d);
    out->n = m->n;
    out->q1 = 0.0;
    for (int64_t i = 0; i < d; i++) {
        out->shift[i] = m->shift[position * d + i];
        memcpy(out->outer + i * d, outer + adi_triangle(i), (size_t)(i + 1) * sizeof *outer);
        out->q1 += out->outer[i * d + i];
    }
    memcpy(out->sum, sum, (size_t)d * sizeof *sum);
    if (m->d.fourth)
        memcpy(out->qsum, sum + d, (size_t)d * sizeof *sum);
    else
        memset(out->qsum, 0, (size_t)d * sizeof *sum);
    out->q2 = m->d.fourth ? sum[2 * d] : 0.0;
}

static void add_sums(double *outer, const adi_moments *other, int32_t fourth)
{
    const int64_t d = other->c;
    double *sum = outer + adi_triangle(d);
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = 0; j <= i; j++)
            *outer++ += other->outer[i * d + j];
        sum[i] += other->sum[i];
        if (fourth)
            sum[d + i] += other->qsum[i];
    }
    if (fourth)
        sum[2 * d] += other->q2;
}

void adi_position_moments_merge(adi_position_moments *m, const adi_position_moments *other,
                                adi_moments *scratch)
{
    const int64_t d = m->d.d, sums = adi_position_sums(&m->d);
    if (other->n == 0)
        return;
    if (m->n == 0) {
        memcpy(m->sums, other->sums, (size_t)(m->d.p * sums) * sizeof *m->sums);
        memcpy(m->shift, other->shift, (size_t)(m->d.p * d) * sizeof *m->shift);
    }
    double *shift = scratch->tile + 3 * d; /* recentre and centre use the rows before */
    for (int64_t p = 0; p < m->d.p && m->n; p++) {
        adi_position_moments_at(other, p, scratch);
        for (int64_t i = 0; i < d; i++)
            shift[i] = m->shift[p * d + i];
        adi_moments_recentre(scratch, shift);
        add_sums(m->sums + p * sums, scratch, m->d.fourth);
    }
    m->n += other->n;
}
