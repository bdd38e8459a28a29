/* Winograd convolution F(4x4, 3x3), F(2x2, 3x3) and F(2x2, 5x5) (Lavin and Gray, "Fast Algorithms
 * for Convolutional Neural Networks", arXiv:1509.09308): forms, layouts and kernels.
 *
 * A 3x3 convolution is cut into tiles of 4 x 4 outputs, each made from a patch of 6 x 6 inputs, or
 * of 2 x 2 from 4 x 4; a 5x5 convolution into tiles of 2 x 2 outputs from 6 x 6. For a patch d, a
 * filter g and a tile y of one channel, where . multiplies elementwise:
 *   forward          y = A^T [sum over c of (G g G^T) . (B^T d B)] A
 *   data gradient    the same with the filter turned by 180 degrees and its channels exchanged
 *   weight gradient  dg = G^T [sum over tiles of (B^T d B) . (A dy A^T)] G
 * At each of the 36 or 16 points that is a small GEMM.
 *
 * The Toom-Cook points are 0, +-3/4, +-3/2 and infinity: the coefficients of A and B are exact in
 * float, and errors are a fifth of those with the paper's points 0, +-1, +-2. Small tiles have 0,
 * +-1 and infinity. Patches of 6 x 6 have the same transform for both kernels.
 *
 * An output takes 2.25 products a channel, with small tiles 4, where the definition takes 9; with a
 * 5x5 kernel 9 instead of 25. But filters become 4 times as large, with small tiles 1.8 times:
 * small tiles are better for images of few tiles, where the time goes into reading filters.
 * Training has no small tiles.
 *
 * A NaN or an infinity in a patch makes its whole tile NaN, not only the outputs that read it. */
#ifndef ADI_WINOGRAD_TILES_CPU_H
#define ADI_WINOGRAD_TILES_CPU_H

#include "cpu.h"

typedef enum adi_winograd_form {
    ADI_WINOGRAD_NONE,
    ADI_WINOGRAD_LARGE, /* F(4x4, 3x3) */
    ADI_WINOGRAD_SMALL, /* F(2x2, 3x3) */
    ADI_WINOGRAD_FIVE   /* F(2x2, 5x5) */
} adi_winograd_form;

/* The side of a tile of outputs, of a kernel, and of a patch of inputs and points. */
static inline int64_t adi_winograd_outputs(adi_winograd_form form)
{
    return form == ADI_WINOGRAD_LARGE ? 4 : 2;
}

static inline int64_t adi_winograd_taps(adi_winograd_form form)
{
    return form == ADI_WINOGRAD_FIVE ? 5 : 3;
}

static inline int64_t adi_winograd_side(adi_winograd_form form)
{
    return form == ADI_WINOGRAD_SMALL ? 4 : 6;
}

enum {
    /* rows are padded to multiples of this, which is a multiple of every kernel's */
    ADI_WINOGRAD_TILES = 24
};

/* Transformed data: [points][panels][rows][16 channels], a row being a tile, or of a filter an
 * input channel. From one point to the next it is an odd number of pages and a line: a transform
 * writes all points at once, and at a round distance these would share a few sets of the cache and
 * of the page table's cache. */
typedef struct adi_winograd_layout {
    adi_winograd_form form;
    int64_t points, panels, rows, point; /* point: floats from one to the next */
} adi_winograd_layout;

static inline adi_winograd_layout adi_winograd_layout_cpu(adi_winograd_form form, int64_t channels,
                                                          int64_t rows)
{
    const int64_t panels = adi_ceil_div(channels, ADI_LANES);
    const int64_t page = 4096 / (int64_t)sizeof(float);
    const int64_t pages = adi_ceil_div(panels * rows * ADI_LANES, page) | 1;
    const int64_t side = adi_winograd_side(form);
    return (adi_winograd_layout){form, side * side, panels, rows, pages * page + ADI_LANES};
}

static inline size_t adi_winograd_bytes_cpu(const adi_winograd_layout *l)
{
    return (size_t)(l->points * l->point) * sizeof(float);
}

/* n images cut into tiles: with tiles of o x o outputs, the patch of a tile begins at (o row - top,
 * o column - left). */
typedef struct adi_winograd_images {
    adi_winograd_form form;
    int64_t h, w, c;
    int64_t tile_rows, tile_columns;
    int64_t top, left;
} adi_winograd_images;

/* The kernels of an instruction set. Tiles t0 .. t1 of all images lie in rows 0 .. t1 - t0;
 * transforms of the input pad with zeros to a multiple of ADI_WINOGRAD_TILES. */
typedef struct adi_winograd_kernels {
    /* u = G g G^T of filters [taps, taps, c, k], of 16 channels from c0 on; c in the rows of u and
     * k in its panels, or, `turned` for the data gradient, the other way round */
    void (*filter)(float *u, const adi_winograd_layout *l, const float *w, int64_t c, int64_t k,
                   int turned, int64_t c0);
    /* dw = G^T s G for one channel, a row of s */
    void (*filter_bwd)(float *dw, int64_t c, int64_t k, const float *s,
                       const adi_winograd_layout *l, int64_t row);
    /* v = B^T d B of patches of 6 x 6 or 4 x 4, panels p0 .. p1 */
    void (*input)(float *v, const adi_winograd_layout *l, const float *x,
                  const adi_winograd_images *im, int64_t t0, int64_t t1, int64_t p0, int64_t p1);
    /* v = A dy A^T of tiles of outputs */
    void (*gradient)(float *v, const adi_winograd_layout *l, const float *dy,
                     const adi_winograd_images *im, int64_t t0, int64_t t1);
    /* y = act(A^T m A + bias + residual), panels p0 .. p1 */
    void (*output)(float *y, const adi_epilogue *e, const adi_winograd_images *im, const float *m,
                   const adi_winograd_layout *l, int64_t t0, int64_t t1, int64_t p0, int64_t p1);
    /* At one point: m = v u; m and v have `tiles` rows of interest. */
    void (*multiply)(float *m, const adi_winograd_layout *ml, const float *v,
                     const adi_winograd_layout *vl, const float *u, const adi_winograd_layout *ul,
                     int64_t tiles);
    /* At one point, panels p0 .. p1 of s and g: s += v^T g over the first `tiles` rows. */
    void (*accumulate)(float *s, const adi_winograd_layout *sl, const float *v,
                       const adi_winograd_layout *vl, const float *g, const adi_winograd_layout *gl,
                       int64_t tiles, int64_t p0, int64_t p1);
} adi_winograd_kernels;

#endif
