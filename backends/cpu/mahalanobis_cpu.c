/* mahalanobis: a tile of positions is centred and whitened, and the squares of its rows are summed.
 * The rows of the whitening matrix are packed in groups, each as wide as its last value that is not
 * 0: for a triangle that saves half. */
#include "isa_cpu.h"

enum {
    TILE = 64,             /* positions */
    GROUP = 2 * ADI_LANES, /* rows of the matrix */
    DEPTH = 128            /* columns at a time: a group's stay in the nearest cache */
};

/* Groups, then each one's panels: [2][depth][16]. */
typedef struct group {
    int64_t depth, offset; /* floats from the end of the groups */
} group;

static size_t head_bytes(int64_t r)
{
    return adi_whole_lines((size_t)adi_ceil_div(r, GROUP) * sizeof(group));
}

/* Return the columns of rows j0 .. j1 of a [r, c] up to the last that is not 0; the last group has
 * all columns, so that a NaN in any channel reaches the sum. */
static int64_t depth_of(const double *a, int64_t c, int64_t r, int64_t j0, int64_t j1)
{
    int64_t depth = j1 == r ? c : 1;
    for (int64_t j = j0; j < j1; j++)
        for (int64_t i = c; i > depth; i--)
            if (a[j * c + i - 1] != 0.0)
                depth = i;
    return depth;
}

size_t adi_mahalanobis_packed_bytes_cpu(const double *a, int64_t c, int64_t r)
{
    int64_t floats = 0;
    for (int64_t j = 0; j < r; j += GROUP)
        floats += GROUP * depth_of(a, c, r, j, adi_min(j + GROUP, r));
    return head_bytes(r) + (size_t)floats * sizeof(float);
}

void adi_mahalanobis_pack_cpu(void *packed, const double *a, int64_t c, int64_t r)
{
    group *g = packed;
    float *data = (float *)(void *)((char *)packed + head_bytes(r));
    int64_t offset = 0;
    for (int64_t j0 = 0; j0 < r; j0 += GROUP, g++) {
        *g = (group){depth_of(a, c, r, j0, adi_min(j0 + GROUP, r)), offset};
        float *to = data + offset;
        for (int64_t j = j0; j < j0 + GROUP; j++)
            for (int64_t i = 0; i < g->depth; i++)
                to[((j - j0) / ADI_LANES * g->depth + i) * ADI_LANES + j % ADI_LANES] =
                    j < r ? (float)a[j * c + i] : 0.0f;
        offset += GROUP * g->depth;
    }
}

typedef struct tile {
    float *centred, *white; /* [TILE, c], [TILE, GROUP] */
    double *sum;            /* [TILE] */
} tile;

static size_t tile_bytes(int64_t c)
{
    return adi_whole_lines((size_t)(TILE * c) * sizeof(float)) + TILE * GROUP * sizeof(float) +
           TILE * sizeof(double);
}

static tile tile_at(void *block, int64_t c)
{
    char *white = (char *)block + adi_whole_lines((size_t)(TILE * c) * sizeof(float));
    return (tile){block, (float *)(void *)white,
                  (double *)(void *)(white + TILE * GROUP * sizeof(float))};
}

size_t adi_mahalanobis_scratch_cpu(adi_pc d, int64_t r, int32_t num_threads)
{
    (void)r;
    return tile_bytes(d.c) * (size_t)num_threads;
}

static void whiten(const adi_isa *isa, const tile *t, int64_t rows, const float *panels,
                   const group *g, int64_t c, int64_t columns)
{
    /* a panel is a matrix of 16 columns; missing columns are 0 */
    if (!adi_has_vectors_cpu()) {
        for (int64_t j = 0; j < columns; j += ADI_LANES)
            adi_sgemm_cpu(rows, ADI_LANES, g->depth, t->centred, c, panels + j * g->depth,
                          ADI_LANES, t->white + j, GROUP);
        return;
    }
    for (int64_t i = 0; i < g->depth; i += DEPTH) {
        const adi_panel_gemm part = {.rows = rows,
                                     .columns = columns,
                                     .pieces = 1,
                                     .depth = adi_min(DEPTH, g->depth - i),
                                     .a = t->centred + i,
                                     .b = panels + i * ADI_LANES,
                                     .y = t->white,
                                     .a_row = c,
                                     .b_panel = g->depth * ADI_LANES,
                                     .y_row = GROUP,
                                     .first = i == 0,
                                     .last = i + DEPTH >= g->depth,
                                     .e = {NULL, NULL, ADI_ACT_NONE, NULL}};
        isa->panel_gemm(&part);
    }
}

typedef struct distance_tiles_call {
    const adi_exec *ex;
    float *dist;
    const float *x, *mean, *data;
    adi_pc d;
    int64_t r;
    const adi_isa *isa;
    const group *g;
} distance_tiles_call;

static void distance_tiles(void *call, adi_share s)
{
    const distance_tiles_call *k = call;
    const adi_pc d = k->d;
    for (int64_t p0 = s.begin * TILE; p0 < s.end * TILE; p0 += TILE) {
        const int64_t rows = adi_min(TILE, d.p - p0);
        const tile t = tile_at((char *)k->ex->scratch + tile_bytes(d.c) * (size_t)s.thread, d.c);
        for (int64_t p = 0; p < rows; p++) {
            for (int64_t c = 0; c < d.c; c++)
                t.centred[p * d.c + c] = k->x[(p0 + p) * d.c + c] - k->mean[c];
            t.sum[p] = 0.0;
        }
        for (int64_t j = 0; j < k->r; j += GROUP) {
            const int64_t columns = adi_min(GROUP, k->r - j);
            whiten(k->isa, &t, rows, k->data + k->g[j / GROUP].offset, &k->g[j / GROUP], d.c,
                   columns);
            k->isa->add_squares(t.sum, t.white, rows, columns, GROUP);
        }
        for (int64_t p = 0; p < rows; p++)
            k->dist[p0 + p] = (float)t.sum[p];
    }
}

ad_status adi_mahalanobis_fwd_cpu(const adi_exec *ex, float *dist, const float *x,
                                  const float *mean, const void *packed, adi_pc d, int64_t r)
{
    const adi_isa *isa = adi_isa_cpu(0);
    const group *g = packed;
    const float *data = (const float *)(const void *)((const char *)packed + head_bytes(r));
    adi_parallel_cpu(ex->num_threads, adi_ceil_div(d.p, TILE), 1, distance_tiles,
                     &(distance_tiles_call){ex, dist, x, mean, data, d, r, isa, g});
    return AD_OK;
}
