/* conv2d on packed GEMM panels with implicit im2col. The kw * c floats that a row of the kernel
 * sees are contiguous in a row of the image, and one position further they begin stride * c floats
 * later. So a row of outputs is a product whose left side is the image itself or, where the kernel
 * reaches over the left or right edge, a copy of a few rows with zeros there. Rows above and below
 * the image are left out. */
#include <string.h>

#include "isa_cpu.h"

enum {
    LEAST_POSITIONS = 128, /* of a band, while there are channels to cut */
    MOST_POSITIONS = 512,
    COPY_BYTES = 2 << 20,  /* of a band's input: then large filters are not read too often */
    WANTED_TASKS = 8,       /* so that every thread has work */
    LEAST_COLUMNS = 64,
    ROW_POSITIONS = 64, /* of what has no rows of its own */
    PANEL_BYTES = 16 << 10 /* of the filters that all positions read: half of the nearest cache */
};

/* A task: `rows` rows of one image's result, `columns` of its channels. */
typedef struct banding {
    adi_conv2d_dims d;
    adi_conv2d_layout at;
    int64_t positions; /* of an image; the last row may be shorter */
    int64_t rows, bands, columns, column_groups;
    int64_t width; /* input columns that the kernel sees */
    int copied;
    int64_t depth; /* kw * c, in `parts` parts; or `kernel_rows` rows of the kernel at a time */
    int64_t parts, kernel_rows;
} banding;

/* Cut the positions of a 1x1 convolution with stride 1, which needs no rows, into rows of a good
 * length. */
static void straighten(banding *b)
{
    adi_conv2d_dims *d = &b->d;
    if (!adi_conv2d_is_pointwise_cpu(d) || !adi_conv2d_is_dense_cpu(d, &b->at))
        return;
    b->positions = d->n * d->h * d->w;
    d->n = 1;
    d->w = d->ow = b->at.w = ROW_POSITIONS;
    d->h = d->oh = b->at.h = adi_ceil_div(b->positions, ROW_POSITIONS);
}

static void cut_depth(banding *b, int64_t panels)
{
    const int64_t most = PANEL_BYTES / (panels * ADI_LANES * (int64_t)sizeof(float));
    b->depth = b->d.kw * b->d.c;
    b->parts = (b->depth + most / 2) / most;
    b->parts = b->parts < 1 ? 1 : b->parts;
    const int64_t groups = (b->d.kh * b->depth + most / 2) / most;
    b->kernel_rows =
        b->parts > 1 || b->d.kh == 0 ? 1 : adi_ceil_div(b->d.kh, groups < 1 ? 1 : groups);
}

static banding band(const adi_isa *isa, const adi_conv2d_dims *dims, const adi_conv2d_layout *at)
{
    banding b = {.d = *dims, .at = *at, .positions = dims->oh * dims->ow};
    straighten(&b);
    const adi_conv2d_dims *d = &b.d;
    b.width = (d->ow - 1) * d->stride + d->kw;
    b.copied = d->pad_left > 0 || b.width - d->pad_left > d->w;
    const int64_t row_bytes = b.width * d->c * (int64_t)sizeof(float);
    int64_t rows = adi_min(d->oh, adi_ceil_div(MOST_POSITIONS, d->ow));
    while (b.copied && rows > 1 && ((rows - 1) * d->stride + d->kh) * row_bytes > COPY_BYTES)
        rows--;
    const int64_t least = adi_min(rows, adi_ceil_div(LEAST_POSITIONS, d->ow));
    while (rows > least && d->n * adi_ceil_div(d->oh, rows) < WANTED_TASKS)
        rows--;
    const int64_t groups = adi_min(adi_ceil_div(WANTED_TASKS, d->n * adi_ceil_div(d->oh, rows)),
                                   adi_ceil_div(d->k, LEAST_COLUMNS));
    b.columns = adi_ceil_div(adi_ceil_div(d->k, groups), LEAST_COLUMNS) * LEAST_COLUMNS;
    b.column_groups = adi_ceil_div(d->k, b.columns);
    while (rows > 1 && d->n * adi_ceil_div(d->oh, rows) * b.column_groups < WANTED_TASKS)
        rows--;
    b.bands = adi_ceil_div(d->oh, rows);
    b.rows = adi_ceil_div(d->oh, b.bands); /* evenly */
    b.bands = adi_ceil_div(d->oh, b.rows);
    cut_depth(&b, isa->panels);
    return b;
}

static size_t copy_bytes(const banding *b)
{
    const int64_t rows = (b->rows - 1) * b->d.stride + b->d.kh;
    return b->copied ? adi_whole_lines((size_t)(rows * b->width * b->d.c) * sizeof(float)) : 0;
}

size_t adi_conv2d_panels_scratch_cpu(const adi_conv2d_dims *d, const adi_conv2d_layout *at,
                                     int32_t num_threads)
{
    size_t most = 0;
    const adi_isa *isa;
    for (int32_t i = 0; (isa = adi_isa_cpu(i)); i++) { /* whichever will run */
        const banding b = band(isa, d, at);
        const size_t bytes = copy_bytes(&b);
        most = bytes > most ? bytes : most;
    }
    return most * (size_t)num_threads;
}

/* Copy input rows iy0 .. iy1 of an image, with zeros to their left and right. */
static void copy_rows(float *to, const float *x, const adi_conv2d_dims *d, int64_t width,
                      int64_t iy0, int64_t iy1)
{
    const int64_t left = d->pad_left > 0 ? adi_min(d->pad_left, width) : 0;
    const int64_t from = left - d->pad_left;
    int64_t there = adi_min(width - left, d->w - from);
    there = there < 0 ? 0 : there;
    const int64_t right = width - left - there;
    for (int64_t iy = iy0; iy < iy1; iy++, to += width * d->c) {
        memset(to, 0, (size_t)(left * d->c) * sizeof *to);
        if (there > 0)
            memcpy(to + left * d->c, x + (iy * d->w + from) * d->c,
                   (size_t)(there * d->c) * sizeof *to);
        memset(to + (left + there) * d->c, 0, (size_t)(right * d->c) * sizeof *to);
    }
}

static int64_t clip(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* The input of a task: its rows begin at input row `top` and are `row` floats apart. */
typedef struct source {
    const float *a;
    int64_t top, row;
} source;

/* A part of a task: all its rows, as many channels as the kernel keeps in registers, and a part of
 * the depth: rows ky0 .. ky1 of the kernel, `depth` floats of each from `from` on. */
typedef struct portion {
    int64_t r0, r1, k0, k1, ky0, ky1, from, depth;
    int32_t first, last;
} portion;

static void add_portion(const adi_isa *isa, float *y, const source *s, const float *panels,
                        const adi_epilogue *e, const banding *b, int64_t n, const portion *p)
{
    const adi_conv2d_dims *d = &b->d;
    const int64_t total = d->kh * b->depth;
    for (int64_t oy = p->r0; oy < p->r1; oy++) {
        const int64_t iy = oy * d->stride - d->pad_top;
        const int64_t ky0 = clip(-iy, p->ky0, p->ky1), ky1 = clip(d->h - iy, ky0, p->ky1);
        const int64_t to =
            ((n * b->at.h + b->at.top + oy * b->at.step) * b->at.w + b->at.left) * d->k + p->k0;
        const adi_panel_gemm g = {
            .rows = adi_min(d->ow, b->positions - oy * d->ow),
            .columns = p->k1 - p->k0,
            .pieces = ky1 - ky0,
            .depth = p->depth,
            .a = ky1 > ky0 ? s->a + (iy + ky0 - s->top) * s->row + p->from
                           : s->a, /* which nobody reads then */
            .b = panels + p->k0 * total + (ky0 * b->depth + p->from) * ADI_LANES,
            .y = y + to,
            .a_row = d->stride * d->c,
            .a_piece = s->row,
            .b_piece = b->depth * ADI_LANES,
            .b_panel = total * ADI_LANES,
            .y_row = b->at.step * d->k,
            .first = p->first,
            .last = p->last,
            .e = {e->bias ? e->bias + p->k0 : NULL, e->residual ? e->residual + to : NULL, e->act,
                  NULL},
        };
        isa->panel_gemm(&g);
    }
}

static void run_task(const adi_isa *isa, float *y, const source *s, const float *panels,
                     const adi_epilogue *e, const banding *b, int64_t n, portion p, int64_t k_end)
{
    const int64_t step = isa->panels * ADI_LANES, k_begin = p.k0;
    /* once for a kernel without rows, which gives zeros */
    for (int64_t ky = 0; ky == 0 || ky < b->d.kh; ky += b->kernel_rows)
        for (int64_t part = 0; part < b->parts; part++) {
            p.ky0 = ky;
            p.ky1 = adi_min(ky + b->kernel_rows, b->d.kh);
            p.from = b->depth * part / b->parts;
            p.depth = b->depth * (part + 1) / b->parts - p.from;
            p.first = ky == 0 && part == 0;
            p.last = p.ky1 == b->d.kh && part == b->parts - 1;
            for (p.k0 = k_begin; p.k0 < k_end; p.k0 += step) {
                p.k1 = adi_min(p.k0 + step, k_end);
                add_portion(isa, y, s, panels, e, b, n, &p);
            }
        }
}

typedef struct run_tasks_call {
    const adi_exec *ex;
    const adi_isa *isa;
    float *y;
    const float *x, *panels;
    const adi_epilogue *e;
    banding b;
    const adi_conv2d_dims *d;
    size_t own_bytes;
} run_tasks_call;

static void run_tasks(void *call, adi_share share)
{
    const run_tasks_call *k = call;
    const banding b = k->b;
    const adi_conv2d_dims *d = k->d;
    for (int64_t i = share.begin; i < share.end; i++) {
        const int64_t n = i / b.bands % d->n, r0 = i % b.bands * b.rows;
        const int64_t k0 = i / b.bands / d->n * b.columns;
        const portion p = {.r0 = r0, .r1 = adi_min(r0 + b.rows, d->oh), .k0 = k0};
        const int64_t iy0 = clip(p.r0 * d->stride - d->pad_top, 0, d->h);
        const int64_t iy1 = clip((p.r1 - 1) * d->stride - d->pad_top + d->kh, iy0, d->h);
        const float *image = k->x + n * d->h * d->w * d->c;
        source s = {image, iy0, d->w * d->c};
        if (b.copied) {
            float *own =
                (float *)(void *)((char *)k->ex->scratch + k->own_bytes * (size_t)share.thread);
            copy_rows(own, image, d, b.width, iy0, iy1);
            s.a = own;
            s.row = b.width * d->c;
        } else {
            s.a += (iy0 * d->w - d->pad_left) * d->c;
        }
        run_task(k->isa, k->y, &s, k->panels, k->e, &b, n, p, adi_min(k0 + b.columns, d->k));
    }
}

ad_status adi_conv2d_panels_cpu(const adi_isa *isa, const adi_exec *ex, float *y, const float *x,
                                const float *panels, const adi_epilogue *e,
                                const adi_conv2d_dims *dims, const adi_conv2d_layout *at)
{
    const banding b = band(isa, dims, at);
    const adi_conv2d_dims *d = &b.d;
    const size_t own_bytes = copy_bytes(&b);
    adi_parallel_cpu(ex->num_threads, d->n * b.bands * b.column_groups, 1, run_tasks,
                     &(run_tasks_call){ex, isa, y, x, panels, e, b, d, own_bytes});
    return AD_OK;
}
