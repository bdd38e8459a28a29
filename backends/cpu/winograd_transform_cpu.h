/* The transforms of patches and tiles of the Winograd convolution; a part of isa_vector_cpu.h. */

enum {
    GROUP = 4, /* panels of a tile that are transformed together: 256 bytes of each position */
    AHEAD = 4  /* tiles whose transforms are fetched into the cache before they are written */
};

/* The points a and b, and constants made of them. */
#define A1 0.75f
#define A2 (A1 * A1)
#define A3 (A2 * A1)
#define B1 1.5f
#define B2 (B1 * B1)
#define B3 (B2 * B1)

/* t = B^T d */
INLINE void input_line(vec t[6], const vec d[6])
{
    const vec even_a = d[4] - B2 * d[2], odd_a = d[3] - B2 * d[1];
    const vec even_b = d[4] - A2 * d[2], odd_b = d[3] - A2 * d[1];
    t[0] = (d[4] - (A2 + B2) * d[2]) + (A2 * B2) * d[0];
    t[1] = even_a + A1 * odd_a;
    t[2] = even_a - A1 * odd_a;
    t[3] = even_b + B1 * odd_b;
    t[4] = even_b - B1 * odd_b;
    t[5] = (d[5] - (A2 + B2) * d[3]) + (A2 * B2) * d[1];
}

/* t = A y of tiles of 2 x 2, of 5x5 kernels */
INLINE void five_gradient_line(vec t[6], const vec y[2])
{
    t[0] = y[0];
    t[1] = y[0] + A1 * y[1];
    t[2] = y[0] - A1 * y[1];
    t[3] = y[0] + B1 * y[1];
    t[4] = y[0] - B1 * y[1];
    t[5] = y[1];
}

/* t = A y */
INLINE void gradient_line(vec t[6], const vec y[4])
{
    const vec even_a = y[0] + A2 * y[2], odd_a = y[1] + A2 * y[3];
    const vec even_b = y[0] + B2 * y[2], odd_b = y[1] + B2 * y[3];
    t[0] = y[0];
    t[1] = even_a + A1 * odd_a;
    t[2] = even_a - A1 * odd_a;
    t[3] = even_b + B1 * odd_b;
    t[4] = even_b - B1 * odd_b;
    t[5] = y[3];
}

/* y = A^T m */
INLINE void output_line(vec y[4], const vec m[6])
{
    const vec sum_a = m[1] + m[2], difference_a = m[1] - m[2];
    const vec sum_b = m[3] + m[4], difference_b = m[3] - m[4];
    y[0] = m[0] + (sum_a + sum_b);
    y[1] = A1 * difference_a + B1 * difference_b;
    y[2] = A2 * sum_a + B2 * sum_b;
    y[3] = (A3 * difference_a + B3 * difference_b) + m[5];
}

/* The same of a 5x5 kernel */
INLINE void five_output_line(vec y[2], const vec m[6])
{
    y[0] = m[0] + ((m[1] + m[2]) + (m[3] + m[4]));
    y[1] = (A1 * (m[1] - m[2]) + B1 * (m[3] - m[4])) + m[5];
}

/* F(2x2, 3x3), with the points 0, 1, -1 and infinity: t = B^T d */
INLINE void small_input_line(vec t[4], const vec d[4])
{
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[3] - d[1];
}

/* y = A^T m */
INLINE void small_output_line(vec y[2], const vec m[4])
{
    y[0] = m[0] + (m[1] + m[2]);
    y[1] = (m[1] - m[2]) + m[3];
}

/* The kinds of transforms: B^T d B of patches of 6 x 6, for large tiles or 5x5 kernels, or of 4 x 4
 * for small tiles; A dy A^T for large tiles or 5x5 kernels. */
enum { PATCHES, SMALL_PATCHES, FIVE_PATCHES, GRADIENTS, FIVE_GRADIENTS };

INLINE int side_of(int kind)
{
    return kind == PATCHES || kind == FIVE_PATCHES ? 6 : kind == FIVE_GRADIENTS ? 2 : 4;
}

INLINE void transform_line(vec t[6], const vec d[6], int kind)
{
    if (kind == PATCHES || kind == FIVE_PATCHES)
        input_line(t, d);
    else if (kind == SMALL_PATCHES)
        small_input_line(t, d);
    else if (kind == FIVE_GRADIENTS)
        five_gradient_line(t, d);
    else
        gradient_line(t, d);
}

/* Transform one tile and panel. */
INLINE void transform(float *v, int64_t point, const float *d, int64_t row, int64_t column,
                      int kind)
{
    const int side = side_of(kind), points = kind == SMALL_PATCHES ? 4 : 6;
    for (int part = 0; part < PARTS; part++, v += VECTOR_FLOATS, d += VECTOR_FLOATS) {
        vec t[6][6]; /* [column][row]: columns are done */
        UNROLL for (int j = 0; j < side; j++) {
            vec in[6];
            UNROLL for (int i = 0; i < side; i++)
                in[i] = load(d + i * row + j * column);
            transform_line(t[j], in, kind);
        }
        UNROLL for (int i = 0; i < points; i++) {
            vec in[6], out[6];
            UNROLL for (int j = 0; j < side; j++)
                in[j] = t[j][i];
            transform_line(out, in, kind);
            UNROLL for (int j = 0; j < points; j++) {
                store(v + (i * points + j) * point, out[j]);
                if (part == 0)
                    prefetch(v, (i * points + j) * point + AHEAD * LANES);
            }
        }
    }
}

/* Prefetch what the tile to the right reads besides this one's patch. */
INLINE void prefetch_right(const float *d, int64_t row, int64_t column, int kind)
{
    const int side = side_of(kind), tile = kind == PATCHES || kind == GRADIENTS ? 4 : 2;
    UNROLL for (int i = 0; i < side; i++)
        UNROLL for (int j = side - tile; j < side; j++)
            prefetch(d, i * row + (tile + j) * column);
}

/* The position of a tile: its patch begins at (y, x) of image n. */
typedef struct tile_place {
    int64_t n, y, x;
} tile_place;

INLINE tile_place place(const adi_winograd_images *im, int64_t t)
{
    const int64_t column = t % im->tile_columns, row = t / im->tile_columns % im->tile_rows;
    const int64_t outputs = adi_winograd_outputs(im->form);
    return (tile_place){t / im->tile_columns / im->tile_rows, outputs * row - im->top,
                        outputs * column - im->left};
}

/* Copy a patch that reaches over an edge, or a panel with fewer channels, with zeros outside. */
INLINE void copy_patch(float *patch, const float *x, const adi_winograd_images *im,
                       const tile_place *at, int64_t channels, int side)
{
    for (int64_t i = 0; i < side; i++)
        for (int64_t j = 0; j < side; j++, patch += LANES) {
            const int64_t iy = at->y + i, ix = at->x + j;
            const int inside = iy >= 0 && iy < im->h && ix >= 0 && ix < im->w;
            const int64_t from = inside ? (iy * im->w + ix) * im->c : 0;
            if (inside && channels == LANES) {
                memcpy(patch, x + from, LANES * sizeof *patch);
                continue;
            }
            memset(patch, 0, LANES * sizeof *patch);
            if (inside)
                memcpy(patch, x + from, (size_t)channels * sizeof *patch);
        }
}

INLINE void transform_tiles(float *v, const adi_winograd_layout *l, const float *x,
                            const adi_winograd_images *im, int64_t t0, int64_t t1, int64_t first,
                            int64_t end, int kind)
{
    const int side = side_of(kind);
    float patch[36 * LANES];
    for (int64_t p0 = first; p0 < end; p0 += GROUP)
        for (int64_t t = t0; t < t1; t++) {
            const tile_place at = place(im, t);
            const int whole =
                at.y >= 0 && at.x >= 0 && at.y + side <= im->h && at.x + side <= im->w;
            const float *image = x + at.n * im->h * im->w * im->c;
            for (int64_t p = p0; p < adi_min(p0 + GROUP, end); p++) {
                const int64_t channels = adi_min(LANES, im->c - p * LANES);
                float *to = v + (p * l->rows + t - t0) * LANES;
                if (whole && channels == LANES) {
                    const float *from = image + (at.y * im->w + at.x) * im->c + p * LANES;
                    prefetch_right(from, im->w * im->c, im->c, kind);
                    transform(to, l->point, from, im->w * im->c, im->c, kind);
                } else {
                    copy_patch(patch, image + p * LANES, im, &at, channels, side);
                    transform(to, l->point, patch, side * LANES, LANES, kind);
                }
            }
        }
    const int64_t tiles = t1 - t0;
    const int64_t filled = adi_ceil_div(tiles, ADI_WINOGRAD_TILES) * ADI_WINOGRAD_TILES;
    for (int64_t z = 0; z < l->points; z++)
        for (int64_t p = first; p < end; p++)
            memset(v + z * l->point + (p * l->rows + tiles) * LANES, 0,
                   (size_t)((filled - tiles) * LANES) * sizeof *v);
}

static void input(float *v, const adi_winograd_layout *l, const float *x,
                  const adi_winograd_images *im, int64_t t0, int64_t t1, int64_t p0, int64_t p1)
{
    if (im->form == ADI_WINOGRAD_SMALL)
        transform_tiles(v, l, x, im, t0, t1, p0, p1, SMALL_PATCHES);
    else if (im->form == ADI_WINOGRAD_FIVE)
        transform_tiles(v, l, x, im, t0, t1, p0, p1, FIVE_PATCHES);
    else
        transform_tiles(v, l, x, im, t0, t1, p0, p1, PATCHES);
}

static void gradient(float *v, const adi_winograd_layout *l, const float *dy,
                     const adi_winograd_images *im, int64_t t0, int64_t t1)
{
    if (im->form == ADI_WINOGRAD_FIVE)
        transform_tiles(v, l, dy, im, t0, t1, 0, l->panels, FIVE_GRADIENTS);
    else
        transform_tiles(v, l, dy, im, t0, t1, 0, l->panels, GRADIENTS);
}

INLINE void result_line(vec y[4], const vec m[6], adi_winograd_form form)
{
    if (form == ADI_WINOGRAD_SMALL)
        small_output_line(y, m);
    else if (form == ADI_WINOGRAD_FIVE)
        five_output_line(y, m);
    else
        output_line(y, m);
}

/* y = relu(A^T m A + bias + residual) of one tile and panel; positions of y and residual are `row`
 * and `column` floats apart. `form` is a constant. */
INLINE void output_tile(float *y, const float *bias, const float *residual, int with_relu,
                        int64_t row, int64_t column, const float *m, int64_t point,
                        adi_winograd_form form)
{
    const int points = (int)adi_winograd_side(form), size = (int)adi_winograd_outputs(form);
    for (int64_t q = 0; q < LANES; q += VECTOR_FLOATS) {
        vec t[6][4]; /* [column][row] */
        UNROLL for (int j = 0; j < points; j++) {
            vec in[6];
            UNROLL for (int i = 0; i < points; i++)
                in[i] = load(m + (i * points + j) * point + q);
            result_line(t[j], in, form);
        }
        UNROLL for (int i = 0; i < size; i++) {
            vec in[6], out[4];
            UNROLL for (int j = 0; j < points; j++)
                in[j] = t[j][i];
            result_line(out, in, form);
            UNROLL for (int j = 0; j < size; j++) {
                const int64_t at = i * row + j * column + q;
                store(y + at, finish(out[j], bias ? bias + q : NULL,
                                     residual ? residual + at : NULL, with_relu));
            }
        }
    }
}

/* Write the rows, columns and channels of a tile that exist; residual has the layout of y. */
INLINE void output_part(float *y, const adi_epilogue *e, const float *bias, const float *residual,
                        int64_t row, int64_t column, const float *m, int64_t point, int64_t rows,
                        int64_t columns, int64_t channels, adi_winograd_form form)
{
    const int64_t size = adi_winograd_outputs(form);
    float tile[16 * LANES];
    output_tile(tile, NULL, NULL, 0, size * LANES, LANES, m, point, form);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            float *to = tile + (i * size + j) * LANES;
            const int64_t at = i * row + j * column;
            for (int64_t c = 0; c < channels; c++) {
                to[c] += bias ? bias[c] : 0.0f;
                to[c] += residual ? residual[at + c] : 0.0f;
            }
            activate_row(to, channels, e->act);
            memcpy(y + at, to, (size_t)channels * sizeof *y);
        }
}

INLINE void output_tiles(float *y, const adi_epilogue *e, const adi_winograd_images *im,
                         const float *m, const adi_winograd_layout *l, int64_t t0, int64_t t1,
                         int64_t first, int64_t end, adi_winograd_form form)
{
    const int64_t row = im->w * im->c, size = adi_winograd_outputs(form);
    const int simple = e->act == ADI_ACT_NONE || e->act == ADI_ACT_RELU;
    for (int64_t p0 = first; p0 < end; p0 += GROUP)
        for (int64_t t = t0; t < t1; t++) {
            const tile_place at = place(im, t);
            const int64_t rows = adi_min(size, im->h - at.y), columns = adi_min(size, im->w - at.x);
            const int64_t corner = ((at.n * im->h + at.y) * im->w + at.x) * im->c;
            for (int64_t p = p0; p < adi_min(p0 + GROUP, end); p++) {
                const int64_t channels = adi_min(LANES, im->c - p * LANES), to = corner + p * LANES;
                const float *from = m + (p * l->rows + t - t0) * LANES;
                const float *bias = e->bias ? e->bias + p * LANES : NULL;
                const float *residual = e->residual ? e->residual + to : NULL;
                if (rows * columns * channels == size * size * LANES && simple)
                    output_tile(y + to, bias, residual, e->act == ADI_ACT_RELU, row, im->c, from,
                                l->point, form);
                else
                    output_part(y + to, e, bias, residual, row, im->c, from, l->point, rows,
                                columns, channels, form);
            }
        }
}

static void output(float *y, const adi_epilogue *e, const adi_winograd_images *im, const float *m,
                   const adi_winograd_layout *l, int64_t t0, int64_t t1, int64_t first, int64_t end)
{
    if (im->form == ADI_WINOGRAD_SMALL)
        output_tiles(y, e, im, m, l, t0, t1, first, end, ADI_WINOGRAD_SMALL);
    else if (im->form == ADI_WINOGRAD_FIVE)
        output_tiles(y, e, im, m, l, t0, t1, first, end, ADI_WINOGRAD_FIVE);
    else
        output_tiles(y, e, im, m, l, t0, t1, first, end, ADI_WINOGRAD_LARGE);
}
