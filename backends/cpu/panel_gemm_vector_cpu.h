/* GEMM with packed panels; a part of isa_vector_cpu.h. Sums run over the depth in order, however
 * rows and columns are cut: the bits of a row depend on that row alone. */

/* A copy of the results, biases and residuals of a panel that is not whole; missing columns are
 * 0. */
typedef struct gemm_edge {
    float y[ROWS][PANELS * LANES], bias[PANELS * LANES], residual[ROWS][PANELS * LANES];
} gemm_edge;

/* Copy n columns; multiples of eight, the usual case, without a call of memcpy. */
INLINE void copy_columns(float *restrict to, const float *restrict from, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        memcpy(to + i, from + i, 8 * sizeof *to);
    for (; i < n; i++)
        to[i] = from[i];
}

INLINE void finish_block(const sums s, float *y, int64_t y_row, const float *bias,
                         const float *residual, int rows, int panels, adi_act act)
{
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int q = 0; q < panels * PARTS; q++) {
            const int64_t at = r * y_row + q * VECTOR_FLOATS;
            const vec v = finish(s[r][q], bias ? bias + q * VECTOR_FLOATS : NULL,
                                 residual ? residual + at : NULL, 0);
            store(y + at, activate(v, act));
        }
}

/* Compute a block of rows and panels, of which `columns` columns exist; edge NULL: all. */
INLINE void gemm_block(const adi_panel_gemm *g, gemm_edge *edge, int64_t row, int64_t panel,
                       int rows, int panels, int64_t columns)
{
    const int64_t first = row * g->y_row + panel * LANES;
    const float *bias = g->last && g->e.bias ? g->e.bias + panel * LANES : NULL;
    const float *residual = g->last && g->e.residual ? g->e.residual + first : NULL;
    float *y = g->y + first;
    int64_t y_row = g->y_row;
    if (edge) {
        for (int r = 0; r < rows && !g->first; r++)
            copy_columns(edge->y[r], y + r * y_row, columns);
        for (int r = 0; r < rows && residual; r++)
            copy_columns(edge->residual[r], residual + r * y_row, columns);
        y = edge->y[0];
        bias = bias ? edge->bias : NULL;
        residual = residual ? edge->residual[0] : NULL;
        y_row = PANELS * LANES;
    }
    sums s;
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int q = 0; q < panels * PARTS; q++)
            s[r][q] = g->first ? (vec){0.0f} : load(y + r * y_row + q * VECTOR_FLOATS);
    const float *a = g->a + row * g->a_row, *b = g->b + panel * g->b_panel;
    for (int64_t i = 0; i < g->pieces; i++, a += g->a_piece, b += g->b_piece)
        add_products(s, a, g->a_row, 1, b, g->b_panel, g->depth, rows, panels, NULL);
    if (g->last && g->e.act == ADI_ACT_SILU) /* SiLU while the sums are in registers */
        finish_block(s, y, y_row, bias, residual, rows, panels, ADI_ACT_SILU);
    else if (g->last && g->e.act == ADI_ACT_RELU)
        finish_block(s, y, y_row, bias, residual, rows, panels, ADI_ACT_RELU);
    else
        finish_block(s, y, y_row, bias, residual, rows, panels, ADI_ACT_NONE);
    if (g->last && (g->e.act == ADI_ACT_RELU6 || g->e.act == ADI_ACT_SIGMOID))
        for (int r = 0; r < rows; r++)
            activate_row(y + r * y_row, columns, g->e.act);
    for (int r = 0; r < rows && edge; r++)
        copy_columns(g->y + first + r * g->y_row, edge->y[r], columns);
}

INLINE void gemm_rows(const adi_panel_gemm *g, gemm_edge *edge, int64_t panel, int panels,
                      int64_t columns)
{
    int64_t row = 0;
    for (; row + ROWS <= g->rows; row += ROWS)
        gemm_block(g, edge, row, panel, ROWS, panels, columns);
    for (; ROWS > 4 && row + 4 <= g->rows; row += 4)
        gemm_block(g, edge, row, panel, ROWS > 4 ? 4 : 1, panels, columns);
    for (; ROWS > 2 && row + 2 <= g->rows; row += 2)
        gemm_block(g, edge, row, panel, ROWS > 2 ? 2 : 1, panels, columns);
    for (; row < g->rows; row++)
        gemm_block(g, edge, row, panel, 1, panels, columns);
}

INLINE void gemm_panels(const adi_panel_gemm *g, int64_t panel, int panels)
{
    const int64_t columns = adi_min(panels * LANES, g->columns - panel * LANES);
    if (columns == panels * LANES) {
        gemm_rows(g, NULL, panel, panels, panels * LANES);
        return;
    }
    gemm_edge edge;
    memset(&edge, 0, sizeof edge);
    if (g->last && g->e.bias)
        copy_columns(edge.bias, g->e.bias + panel * LANES, columns);
    gemm_rows(g, &edge, panel, panels, columns);
}

static void panel_gemm(const adi_panel_gemm *g)
{
    const int64_t panels = adi_ceil_div(g->columns, LANES);
    int64_t p = 0;
    for (; p + PANELS <= panels; p += PANELS)
        gemm_panels(g, p, PANELS);
    for (; p < panels; p++)
        gemm_panels(g, p, 1);
}
