/* Sums of a fit in a file. */
#include "stats/moments_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/number.h"

enum { NAME = 256 };
#define MOST 9e15 /* a double counts exactly up to here */

/* ---- Numbers: "n q1 q2" ---- */

static ad_status write_numbers(const char *name, int64_t n, double q1, double q2, adi_st_writer *w)
{
    char key[NAME], text[3 * ADI_REAL_TEXT], number[2][ADI_REAL_TEXT];
    snprintf(key, sizeof key, "adfeat.fit.%s", name);
    snprintf(text, sizeof text, "%" PRId64 " %s %s", n, adi_real_text(q1, number[0]),
             adi_real_text(q2, number[1]));
    return adi_st_writer_meta(w, key, text);
}

static ad_status read_numbers(const char *name, const adi_safetensors *file, int64_t *out_n,
                              double *out_q1, double *out_q2)
{
    char key[NAME];
    double v[3] = {-1.0, -1.0, -1.0};
    snprintf(key, sizeof key, "adfeat.fit.%s", name);
    const char *at = adi_st_meta(file, key);
    for (int i = 0; at && i < 3; i++) {
        char *end;
        v[i] = adi_strtod(at, &end);
        at = end != at && *end == (i < 2 ? ' ' : '\0') ? end + 1 : NULL;
        if (!(isfinite(v[i]) && v[i] >= 0.0))
            at = NULL;
    }
    if (!at || v[0] > MOST || v[0] != floor(v[0]))
        return adi_fail(AD_ERR_FORMAT, "the fit's metadata has no proper '%s'", key);
    *out_n = (int64_t)v[0];
    *out_q1 = v[1];
    *out_q2 = v[2];
    return AD_OK;
}

/* ---- Tensors ---- */

static ad_status find(const char *name, const char *part, adi_dtype dtype, int64_t rows,
                      int64_t columns, const adi_safetensors *file, const adi_st_tensor **out)
{
    char full[NAME];
    snprintf(full, sizeof full, "%s.%s", name, part);
    const adi_st_tensor *t = adi_st_find(file, full);
    if (!t || t->dtype != dtype || t->ndim != 2 || (rows >= 0 && t->shape[0] != rows) ||
        t->shape[1] != columns)
        return adi_fail(AD_ERR_FORMAT,
                        "the fit has no tensor '%s' of %s with %" PRId64 " columns", full,
                        adi_dtype_name(dtype), columns);
    *out = t;
    return AD_OK;
}

static ad_status put(const char *name, const char *part, adi_dtype dtype, int64_t rows,
                     int64_t columns, const void *data, adi_st_writer *w)
{
    char full[NAME];
    const int64_t shape[2] = {rows, columns};
    snprintf(full, sizeof full, "%s.%s", name, part);
    return adi_st_writer_tensor(w, full, dtype, 2, shape, data);
}

/* ---- Moments ---- */

/* What shows that no vectors have these sums, or NULL: sums of nothing are zero, and by
 * Cauchy-Schwarz no variance is negative and no correlation above 1. `slack` is for the rounding of
 * channels that never change. m->tile is scratch. */
static const char *find_fault(const adi_moments *m, int32_t fourth)
{
    const int64_t c = m->c;
    const double n = (double)m->n, more = 1.0 + 1e-6;
    double trace = 0.0, slack = 0.0;
    for (int64_t i = 0; m->n == 0 && i < c * (3 + c); i++)
        if (m->shift[i] != 0.0)
            return "there are no vectors, and sums of them";
    for (int64_t i = 0; i < c; i++) {
        const double *row = m->outer + i * c, noise = 1e-9 * m->shift[i], room = n * noise * noise;
        m->tile[i] = row[i] + room;
        trace += row[i];
        slack += room;
        if (!(row[i] >= -room && m->sum[i] * m->sum[i] <= more * n * m->tile[i]))
            return "a variance is negative";
        for (int64_t j = 0; j < i; j++)
            if (!(row[j] * row[j] <= more * m->tile[i] * m->tile[j]))
                return "a correlation is above 1";
    }
    if (!(fabs(m->q1 - trace) <= (more - 1.0) * trace + slack))
        return "the squares do not add up";
    const double most = more * (m->q1 + slack) * (m->q1 + slack);
    if (fourth && !(m->q2 <= most && m->q1 * m->q1 <= more * n * m->q2 + n * slack * slack))
        return "the fourth powers do not fit the squares";
    for (int64_t i = 0; fourth && i < c; i++)
        if (!(m->qsum[i] * m->qsum[i] <= more * (m->q2 + slack * slack) * m->tile[i]))
            return "the third powers do not fit the squares";
    return NULL;
}

static ad_status check(const adi_moments *m, const char *name, int32_t fourth)
{
    const char *fault = find_fault(m, fourth);
    if (fault)
        return adi_fail(AD_ERR_FORMAT, "tensor '%s.sums' of the fit, of %" PRId64 " vectors: %s",
                        name, m->n, fault);
    return AD_OK;
}

ad_status adi_moments_write(const adi_moments *m, const char *name, adi_st_writer *w)
{
    ADI_TRY(write_numbers(name, m->n, m->q1, m->q2, w));
    return put(name, "sums", ADI_F64, 3 + m->c, m->c, m->shift, w);
}

ad_status adi_moments_read(adi_moments *m, const char *name, const adi_safetensors *file)
{
    const adi_st_tensor *t = NULL;
    ADI_TRY(read_numbers(name, file, &m->n, &m->q1, &m->q2));
    ADI_TRY(find(name, "sums", ADI_F64, 3 + m->c, m->c, file, &t));
    ADI_TRY(adi_st_read_f64(file, t, m->shift));
    return check(m, name, 1);
}

ad_status adi_position_moments_write(const adi_position_moments *m, const char *name,
                                     adi_st_writer *w)
{
    ADI_TRY(write_numbers(name, m->n, 0.0, 0.0, w));
    ADI_TRY(put(name, "shift", ADI_F32, m->d.p, m->d.d, m->shift, w));
    return put(name, "sums", ADI_F64, m->d.p, adi_position_sums(&m->d), m->sums, w);
}

static ad_status check_positions(const adi_position_moments *m, const char *name, adi_moments *one)
{
    for (int64_t p = 0; p < m->d.p; p++) {
        adi_position_moments_at(m, p, one);
        ADI_TRY(check(one, name, m->d.fourth));
    }
    return AD_OK;
}

ad_status adi_position_moments_read(adi_position_moments *m, const char *name,
                                    const adi_safetensors *file)
{
    const adi_st_tensor *shift = NULL, *sums = NULL;
    double unused;
    ADI_TRY(read_numbers(name, file, &m->n, &unused, &unused));
    ADI_TRY(find(name, "shift", ADI_F32, m->d.p, m->d.d, file, &shift));
    ADI_TRY(find(name, "sums", ADI_F64, m->d.p, adi_position_sums(&m->d), file, &sums));
    ADI_TRY(adi_st_read_f32(file, shift, m->shift));
    ADI_TRY(adi_st_read_f64(file, sums, m->sums));
    adi_moments one;
    ADI_TRY(adi_moments_init(&one, m->allocator, m->d.d));
    const ad_status status = check_positions(m, name, &one);
    adi_moments_free(&one);
    return status;
}

/* ---- Samples ---- */

_Static_assert(sizeof(adi_sample_entry) == 2 * sizeof(int64_t), "an entry is a row of two");

ad_status adi_sample_write(const adi_sample *s, const char *name, adi_st_writer *w)
{
    if (s->count == 0)
        return AD_OK;
    ADI_TRY(put(name, "keys", ADI_I64, s->count, 2, s->heap, w));
    return put(name, "vectors", ADI_F32, s->count, s->c, s->vectors, w);
}

/* Every row of the vectors once, and no key above its parent's. */
static ad_status check_heap(const adi_sample *s, const char *name)
{
    uint8_t *seen = adi_calloc(s->allocator, (size_t)s->count, 1);
    ad_status status = seen ? AD_OK : adi_fail_memory();
    for (int64_t i = 0; status == AD_OK && i < s->count; i++) {
        const adi_sample_entry *e = &s->heap[i];
        if (e->slot < 0 || e->slot >= s->count || seen[e->slot]++ ||
            e->key > s->heap[i ? (i - 1) / 2 : 0].key)
            status = adi_fail(AD_ERR_FORMAT, "tensor '%s.keys' of the fit is in no order: row %"
                              PRId64, name, i);
    }
    adi_free(s->allocator, seen);
    return status;
}

ad_status adi_sample_read(adi_sample *s, const char *name, const adi_safetensors *file)
{
    char full[NAME];
    const adi_st_tensor *keys = NULL, *vectors = NULL;
    snprintf(full, sizeof full, "%s.keys", name);
    if (!adi_st_find(file, full))
        return AD_OK;
    ADI_TRY(find(name, "keys", ADI_I64, -1, 2, file, &keys));
    const int64_t count = keys->shape[0];
    if (count < 1 || count > s->limit)
        return adi_fail(AD_ERR_FORMAT, "tensor '%s' of the fit has %" PRId64 " rows, 1 to %" PRId64
                        " are possible", full, count, s->limit);
    ADI_TRY(find(name, "vectors", ADI_F32, count, s->c, file, &vectors));
    ADI_TRY(adi_sample_reserve(s, count));
    ADI_TRY(adi_st_read_i64(file, keys, (int64_t *)(void *)s->heap));
    ADI_TRY(adi_st_read_f32(file, vectors, s->vectors));
    s->count = count;
    return check_heap(s, name);
}
