/* resize: bilinear, align_corners = false. A task is some rows and columns of the result, in
 * backward a row of dx. Positions and weights are double as in ref, the blend is float. Finding
 * columns takes longer than blending, so it is done once for all rows of a task. Maps of one
 * channel are blended down the columns first. */
#include "cpu.h"

#include <math.h>
#include <string.h>

enum {
    ROWS = 32,
    COLUMNS = 256 /* of a task */,
    LINE = 512 /* input columns that are blended first */
};

typedef struct tap {
    int64_t i0, i1; /* i0 < 0: outside */
    float f;
} tap;

static tap source(int64_t o, int64_t in, int64_t out, int64_t whole, int64_t before)
{
    const double s =
        ((double)o + 0.5) * (double)(whole ? whole : in) / (double)out - 0.5 - (double)before;
    if (s < -0.5 || s > (double)in - 0.5)
        return (tap){-1, -1, 0.0f};
    const double inside = fmax(0.0, s);
    const int64_t i0 = adi_min((int64_t)inside, in - 1);
    return (tap){i0, adi_min(i0 + 1, in - 1), i0 < in - 1 ? (float)(inside - (double)i0) : 0.0f};
}

static float blend(float a, float b, float f)
{
    return (1.0f - f) * a + f * b;
}

static void blend_line(float *restrict out, const float *restrict a, const float *restrict b,
                       float f, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = blend(a[i], b[i], f);
}

/* The columns of a task: the position of each, and which of them are inside. */
typedef struct columns {
    int64_t first, end;
    tap u[COLUMNS];
} columns;

static void find_columns(columns *k, const adi_resize_dims *d, int64_t from, int64_t count)
{
    k->first = count;
    k->end = 0;
    for (int64_t i = 0; i < count; i++) {
        k->u[i] = source(from + i, d->w, d->ow, d->whole_w, d->left);
        if (k->u[i].i0 < 0)
            continue;
        k->first = adi_min(k->first, i);
        k->end = i + 1;
    }
}

/* Columns of one row, a channel each; a and b are the rows of the input that it lies between. */
static void one_channel(float *out, const float *a, const float *b, const tap *v, const columns *k,
                        int64_t low, int64_t high)
{
    float line[LINE];
    blend_line(line, a + low, b + low, v->f, high - low);
    for (int64_t i = k->first; i < k->end; i++)
        out[i] = blend(line[k->u[i].i0 - low], line[k->u[i].i1 - low], k->u[i].f);
}

static void channels(float *out, const float *a, const float *b, const tap *v, const columns *k,
                     int64_t c)
{
    for (int64_t i = k->first; i < k->end; i++) {
        const int64_t at0 = k->u[i].i0 * c, at1 = k->u[i].i1 * c;
        for (int64_t j = 0; j < c; j++) {
            const float top = blend(a[at0 + j], a[at1 + j], k->u[i].f);
            out[i * c + j] = blend(top, blend(b[at0 + j], b[at1 + j], k->u[i].f), v->f);
        }
    }
}

static void zero(float *out, int64_t from, int64_t end, int64_t c)
{
    if (end > from)
        memset(out + from * c, 0, (size_t)((end - from) * c) * sizeof *out);
}

static void resize_part(float *y, const float *x, const adi_resize_dims *d, int64_t row,
                        int64_t row_end, int64_t from, int64_t count)
{
    columns k;
    find_columns(&k, d, from, count);
    const int any = k.first < k.end;
    const int64_t low = any ? k.u[k.first].i0 : 0, high = any ? k.u[k.end - 1].i1 + 1 : 0;
    for (; row < row_end; row++) {
        const tap v = source(row, d->h, d->oh, d->whole_h, d->top);
        float *out = y + row * d->y_stride + from * d->c;
        if (v.i0 < 0 || !any) {
            zero(out, 0, count, d->c);
            continue;
        }
        zero(out, 0, k.first, d->c);
        zero(out, k.end, count, d->c);
        const float *a = x + v.i0 * d->w * d->c, *b = x + v.i1 * d->w * d->c;
        if (d->c == 1 && high - low <= LINE)
            one_channel(out, a, b, &v, &k, low, high);
        else
            channels(out, a, b, &v, &k, d->c);
    }
}

typedef struct resize_tasks_call {
    float *y;
    const float *x;
    const adi_resize_dims *d;
    int64_t across;
} resize_tasks_call;

static void resize_tasks(void *call, adi_share s)
{
    const resize_tasks_call *k = call;
    const adi_resize_dims *d = k->d;
    for (int64_t i = s.begin; i < s.end; i++) {
        const int64_t row = i / k->across * ROWS, from = i % k->across * COLUMNS;
        resize_part(k->y, k->x, d, row, adi_min(row + ROWS, d->oh), from,
                    adi_min(COLUMNS, d->ow - from));
    }
}

ad_status adi_resize_fwd_cpu(const adi_exec *ex, float *y, const float *x, const adi_resize_dims *d)
{
    const int64_t across = adi_ceil_div(d->ow, COLUMNS);
    adi_parallel_cpu(ex->num_threads, across * adi_ceil_div(d->oh, ROWS), 0, resize_tasks,
                     &(resize_tasks_call){y, x, d, across});
    return AD_OK;
}

/* Output rows that may read input row i: those of i - 1 <= s < i + 1, and one more at either end
 * against rounding. */
static void readers(int64_t i, int64_t in, int64_t out, int64_t *first, int64_t *last)
{
    const double scale = (double)out / (double)in;
    *first = (int64_t)fmax(0.0, floor(((double)i - 0.5) * scale - 0.5) - 1.0);
    *last = (int64_t)fmin((double)out - 1.0, ceil(((double)i + 1.5) * scale - 0.5) + 1.0);
}

static void add_scaled(float *restrict dx, const float *restrict dy, float by, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        dx[i] += by * dy[i];
}

typedef struct resize_bwd_rows_call {
    float *dx;
    const float *dy;
    const adi_resize_dims *d;
} resize_bwd_rows_call;

static void resize_bwd_rows(void *call, adi_share s)
{
    const resize_bwd_rows_call *k = call;
    const adi_resize_dims *d = k->d;
    for (int64_t row = s.begin; row < s.end; row++) {
        float *to = k->dx + row * d->w * d->c;
        int64_t first, last;
        readers(row, d->h, d->oh, &first, &last);
        memset(to, 0, (size_t)(d->w * d->c) * sizeof *to);
        for (int64_t oy = first; oy <= last; oy++) {
            const tap v = source(oy, d->h, d->oh, 0, 0);
            if (v.i0 != row && v.i1 != row)
                continue;
            const float wy = (v.i0 == row ? 1.0f - v.f : 0.0f) + (v.i1 == row ? v.f : 0.0f);
            for (int64_t ox = 0; ox < d->ow; ox++) {
                const tap u = source(ox, d->w, d->ow, 0, 0);
                const float *from = k->dy + oy * d->y_stride + ox * d->c;
                add_scaled(to + u.i0 * d->c, from, wy * (1.0f - u.f), d->c);
                add_scaled(to + u.i1 * d->c, from, wy * u.f, d->c);
            }
        }
    }
}

ad_status adi_resize_bwd_cpu(const adi_exec *ex, float *dx, const float *dy,
                             const adi_resize_dims *d)
{
    adi_parallel_cpu(ex->num_threads, d->h, 0, resize_bwd_rows, &(resize_bwd_rows_call){dx, dy, d});
    return AD_OK;
}
