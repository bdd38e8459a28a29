/* Streaming moments. With d' = d + t, t = shift - shift' and e = |t|^2 the sums about shift' are
 *   sum'   = sum + n t
 *   outer' = outer + sum t^T + t sum^T + n t t^T
 *   q1'    = q1 + 2 t.sum + n e
 *   qsum'  = qsum + q1 t + 2 outer t + 2 (t.sum) t + e sum + n e t
 *   q2'    = q2 + 4 t^T outer t + 4 t.qsum + 4 e t.sum + 2 e q1 + n e^2
 * so that merging and centring need no second pass over the data. Ledoit-Wolf shrinkage
 * needs q2 beside mean and covariance. */
#include "stats/moments.h"

#include <string.h>

ad_status adi_moments_init(adi_moments *m, const adi_allocator *a, int64_t c)
{
    *m = (adi_moments){.allocator = a, .c = c};
    const size_t n = (size_t)c;
    double *block = adi_calloc(a, n * (3 + n + ADI_MOMENTS_TILE), sizeof *block);
    if (!block)
        return adi_fail_memory();
    m->shift = block;
    m->sum = block + n;
    m->qsum = block + 2 * n;
    m->outer = block + 3 * n;
    m->tile = m->outer + n * n;
    return AD_OK;
}

void adi_moments_free(adi_moments *m)
{
    if (m->allocator)
        adi_free(m->allocator, m->shift);
    *m = (adi_moments){0};
}

size_t adi_moments_bytes(int64_t c)
{
    return (size_t)(c * (3 + c + ADI_MOMENTS_TILE)) * sizeof(double);
}

/* Add the `rows` vectors in the tile, which are not centred. */
static void add_tile(adi_moments *m, const adi_host_kernels *k, int64_t rows)
{
    const int64_t c = m->c;
    if (m->n == 0) {
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < c; j++)
                m->shift[j] += m->tile[i * c + j] / (double)rows;
    }
    for (int64_t i = 0; i < rows; i++) {
        double *d = m->tile + i * c, q = 0.0;
        for (int64_t j = 0; j < c; j++) {
            d[j] -= m->shift[j];
            q += d[j] * d[j];
        }
        for (int64_t j = 0; j < c; j++) {
            m->sum[j] += d[j];
            m->qsum[j] += q * d[j];
        }
        m->q1 += q;
        m->q2 += q * q;
    }
    k->syrk_add_f64(m->outer, m->tile, (adi_pc){rows, c});
    m->n += rows;
}

void adi_moments_add_f32(adi_moments *m, const adi_host_kernels *k, const float *x, int64_t count)
{
    for (int64_t done = 0; done < count; done += ADI_MOMENTS_TILE) {
        const int64_t rows = count - done < ADI_MOMENTS_TILE ? count - done : ADI_MOMENTS_TILE;
        for (int64_t i = 0; i < rows * m->c; i++)
            m->tile[i] = x[done * m->c + i];
        add_tile(m, k, rows);
    }
}

void adi_moments_add_f64(adi_moments *m, const adi_host_kernels *k, const double *x, int64_t count)
{
    for (int64_t done = 0; done < count; done += ADI_MOMENTS_TILE) {
        const int64_t rows = count - done < ADI_MOMENTS_TILE ? count - done : ADI_MOMENTS_TILE;
        memcpy(m->tile, x + done * m->c, (size_t)(rows * m->c) * sizeof *m->tile);
        add_tile(m, k, rows);
    }
}

void adi_moments_copy(adi_moments *to, const adi_moments *from)
{
    memcpy(to->shift, from->shift, (size_t)(from->c * (3 + from->c)) * sizeof *to->shift);
    to->n = from->n;
    to->q1 = from->q1;
    to->q2 = from->q2;
}

static double dot(const double *a, const double *b, int64_t c)
{
    double sum = 0.0;
    for (int64_t i = 0; i < c; i++)
        sum += a[i] * b[i];
    return sum;
}

void adi_moments_recentre(adi_moments *m, const double *shift)
{
    const int64_t c = m->c;
    const double n = (double)m->n;
    double *t = m->tile, *ot = m->tile + c; /* ot = outer t */
    for (int64_t i = 0; i < c; i++)
        t[i] = m->shift[i] - shift[i];
    memset(ot, 0, (size_t)c * sizeof *ot);
    for (int64_t i = 0; i < c; i++)
        for (int64_t j = 0; j <= i; j++) {
            ot[i] += m->outer[i * c + j] * t[j];
            if (j < i)
                ot[j] += m->outer[i * c + j] * t[i];
        }
    const double e = dot(t, t, c), ts = dot(t, m->sum, c);
    m->q2 += 4 * dot(t, ot, c) + 4 * dot(t, m->qsum, c) + 4 * e * ts + 2 * e * m->q1 + n * e * e;
    for (int64_t i = 0; i < c; i++)
        m->qsum[i] += m->q1 * t[i] + 2 * ot[i] + 2 * ts * t[i] + e * m->sum[i] + n * e * t[i];
    m->q1 += 2 * ts + n * e;
    for (int64_t i = 0; i < c; i++)
        for (int64_t j = 0; j <= i; j++)
            m->outer[i * c + j] += m->sum[i] * t[j] + t[i] * m->sum[j] + n * t[i] * t[j];
    for (int64_t i = 0; i < c; i++) {
        m->sum[i] += n * t[i];
        m->shift[i] = shift[i];
    }
}

void adi_moments_centre(adi_moments *m)
{
    if (m->n == 0)
        return;
    double *mean = m->tile + 2 * m->c; /* the first two rows are recentre's */
    for (int64_t i = 0; i < m->c; i++)
        mean[i] = m->shift[i] + m->sum[i] / (double)m->n;
    adi_moments_recentre(m, mean);
}

void adi_moments_merge(adi_moments *m, const adi_moments *other, adi_moments *scratch)
{
    if (other->n == 0)
        return;
    if (m->n == 0) {
        adi_moments_copy(m, other);
        return;
    }
    adi_moments_copy(scratch, other);
    adi_moments_recentre(scratch, m->shift);
    const int64_t c = m->c;
    for (int64_t i = 0; i < c; i++) {
        m->sum[i] += scratch->sum[i];
        m->qsum[i] += scratch->qsum[i];
    }
    for (int64_t i = 0; i < c * c; i++)
        m->outer[i] += scratch->outer[i];
    m->q1 += scratch->q1;
    m->q2 += scratch->q2;
    m->n += scratch->n;
}
