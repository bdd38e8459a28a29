/* Products with packed panels; a part of isa_vector_cpu.h. A sum runs over the depth in its order, however rows and
 * columns are cut: the bits of a row depend on nothing but the row. */

/* What a block reads and writes beside the factors, copied where a panel is not whole. */
typedef struct gemm_edge {
    float y[ROWS][LANES], bias[LANES], residual[ROWS][LANES];
} gemm_edge;

INLINE void copy_edge(gemm_edge *edge, const adi_panel_gemm *g, const float *y, const float *bias,
                      const float *residual, int rows, int64_t columns)
{
    const size_t bytes = (size_t)columns * sizeof *y;
    memset(edge, 0, sizeof *edge);
    if (bias)
        memcpy(edge->bias, bias, bytes);
    for (int r = 0; r < rows; r++) {
        if (y)
            memcpy(edge->y[r], y + r * g->y_row, bytes);
        if (residual)
            memcpy(edge->residual[r], residual + r * g->y_row, bytes);
    }
}

/* A block of rows and panels. `columns` of them are there: fewer than all only of one panel. */
INLINE void gemm_block(const adi_panel_gemm *g, int64_t row, int64_t panel, int rows, int panels, int64_t columns)
{
    const int whole = columns == panels * LANES;
    const int64_t first = row * g->y_row + panel * LANES;
    const float *bias = g->last && g->e.bias ? g->e.bias + panel * LANES : NULL;
    const float *residual = g->last && g->e.residual ? g->e.residual + first : NULL;
    float *y = g->y + first;
    int64_t y_row = g->y_row;
    gemm_edge edge;
    if (!whole) {
        copy_edge(&edge, g, g->first ? NULL : y, bias, residual, rows, columns);
        y = edge.y[0];
        bias = bias ? edge.bias : NULL;
        residual = residual ? edge.residual[0] : NULL;
        y_row = LANES;
    }
    sums s;
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int q = 0; q < panels * PARTS; q++)
            s[r][q] = g->first ? (vec){0.0f} : load(y + r * y_row + q * VECTOR_FLOATS);
    const float *a = g->a + row * g->a_row, *b = g->b + panel * g->b_panel;
    for (int64_t i = 0; i < g->pieces; i++, a += g->a_piece, b += g->b_piece)
        add_products(s, a, g->a_row, 1, b, g->b_panel, g->depth, rows, panels);
    const int with_relu = g->last && g->e.act == ADI_ACT_RELU;
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int q = 0; q < panels * PARTS; q++) {
            const int64_t at = r * y_row + q * VECTOR_FLOATS;
            store(y + at, finish(s[r][q], bias ? bias + q * VECTOR_FLOATS : NULL, residual ? residual + at : NULL,
                                 with_relu));
        }
    if (g->last && g->e.act > ADI_ACT_RELU)
        for (int r = 0; r < rows; r++)
            activate_row(y + r * y_row, columns, g->e.act);
    if (!whole)
        for (int r = 0; r < rows; r++)
            memcpy(g->y + first + r * g->y_row, edge.y[r], (size_t)columns * sizeof *y);
}

INLINE void gemm_panels(const adi_panel_gemm *g, int64_t panel, int panels, int64_t columns)
{
    int64_t row = 0;
    for (; row + ROWS <= g->rows; row += ROWS)
        gemm_block(g, row, panel, ROWS, panels, columns);
    for (; ROWS > 4 && row + 4 <= g->rows; row += 4)
        gemm_block(g, row, panel, ROWS > 4 ? 4 : 1, panels, columns);
    for (; ROWS > 2 && row + 2 <= g->rows; row += 2)
        gemm_block(g, row, panel, ROWS > 2 ? 2 : 1, panels, columns);
    for (; row < g->rows; row++)
        gemm_block(g, row, panel, 1, panels, columns);
}

static void panel_gemm(const adi_panel_gemm *g)
{
    const int64_t whole = g->columns / LANES;
    int64_t p = 0;
    for (; p + PANELS <= whole; p += PANELS)
        gemm_panels(g, p, PANELS, PANELS * LANES);
    for (; p < whole; p++)
        gemm_panels(g, p, 1, LANES);
    if (g->columns % LANES)
        gemm_panels(g, p, 1, g->columns % LANES);
}
