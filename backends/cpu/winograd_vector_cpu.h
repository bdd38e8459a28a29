/* The products of the Winograd convolution; a part of isa_vector_cpu.h. */

enum {
    /* panels of a sum at a time: then the filters that all tiles read stay in the nearest cache */
    DEPTH = 8
};

/* Compute ROWS tiles of m, in one or PANELS panels: the sums over panels c0 .. c1 of v. Filters at
 * u + ahead are prefetched. */
INLINE void multiply_rows(float *m, int64_t m_panel, const float *v, const adi_winograd_layout *vl,
                          const float *u, int64_t u_panel, int64_t c0, int64_t c1, int panels,
                          int64_t ahead)
{
    sums s;
    UNROLL for (int r = 0; r < ROWS; r++)
        UNROLL for (int q = 0; q < panels * PARTS; q++)
            s[r][q] = c0 ? load(m + q / PARTS * m_panel + r * LANES + q % PARTS * VECTOR_FLOATS)
                         : (vec){0.0f};
    for (int64_t c = c0; c < c1; c++) {
        const float *filters = u + c * LANES * LANES;
        /* past u at the end */
        const float *next = (const float *)((uintptr_t)filters + (uintptr_t)ahead * sizeof *u);
        add_products(s, v + c * vl->rows * LANES, LANES, 1, filters, u_panel, LANES, ROWS, panels,
                     next);
    }
    UNROLL for (int r = 0; r < ROWS; r++)
        UNROLL for (int q = 0; q < panels * PARTS; q++)
            store(m + q / PARTS * m_panel + r * LANES + q % PARTS * VECTOR_FLOATS, s[r][q]);
}

INLINE void multiply_panels(float *m, const adi_winograd_layout *ml, const float *v,
                            const adi_winograd_layout *vl, const float *u,
                            const adi_winograd_layout *ul, int64_t tiles, int panels)
{
    const int64_t panel = ul->rows * LANES, depth = DEPTH * LANES * LANES;
    for (int64_t c = 0; c < vl->panels; c += DEPTH) {
        const int64_t ahead = c + DEPTH < vl->panels ? depth : panels * panel - c / DEPTH * depth;
        /* each prefetches another of the next panels */
        for (int64_t t = 0; t < tiles; t += ROWS)
            multiply_rows(m + t * LANES, ml->rows * LANES, v + t * LANES, vl, u, panel, c,
                          adi_min(c + DEPTH, vl->panels), panels,
                          ahead + t / ROWS % panels * panel);
    }
}

static void multiply(float *m, const adi_winograd_layout *ml, const float *v,
                     const adi_winograd_layout *vl, const float *u, const adi_winograd_layout *ul,
                     int64_t tiles)
{
    int64_t p = 0;
    for (; p + PANELS <= ml->panels; p += PANELS)
        multiply_panels(m + p * ml->rows * LANES, ml, v, vl, u + p * ul->rows * LANES, ul, tiles,
                        PANELS);
    for (; p < ml->panels; p++)
        multiply_panels(m + p * ml->rows * LANES, ml, v, vl, u + p * ul->rows * LANES, ul, tiles,
                        1);
}

/* `rows` channels of the sums, in one or PANELS panels. */
INLINE void accumulate_rows(float *s, int64_t s_panel, const float *v, const float *g,
                            int64_t g_panel, int64_t tiles, int rows, int panels)
{
    sums part = {{{0.0f}}};
    add_products(part, v, 1, LANES, g, g_panel, tiles, rows, panels, NULL);
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int q = 0; q < panels * PARTS; q++) {
            float *to = s + q / PARTS * s_panel + r * LANES + q % PARTS * VECTOR_FLOATS;
            store(to, load(to) + part[r][q]);
        }
}

INLINE void accumulate_panels(float *s, const adi_winograd_layout *sl, const float *v,
                              const adi_winograd_layout *vl, const float *g,
                              const adi_winograd_layout *gl, int64_t tiles, int panels)
{
    for (int64_t c = 0; c < vl->panels; c++, v += vl->rows * LANES) {
        int i = 0;
        for (; i + ROWS <= LANES; i += ROWS)
            accumulate_rows(s + (c * LANES + i) * LANES, sl->rows * LANES, v + i, g,
                            gl->rows * LANES, tiles, ROWS, panels);
        if (LANES % ROWS)
            accumulate_rows(s + (c * LANES + i) * LANES, sl->rows * LANES, v + i, g,
                            gl->rows * LANES, tiles, LANES % ROWS, panels);
    }
}

static void accumulate(float *s, const adi_winograd_layout *sl, const float *v,
                       const adi_winograd_layout *vl, const float *g, const adi_winograd_layout *gl,
                       int64_t tiles, int64_t p0, int64_t p1)
{
    int64_t p = p0;
    for (; p + PANELS <= p1; p += PANELS)
        accumulate_panels(s + p * sl->rows * LANES, sl, v, vl, g + p * gl->rows * LANES, gl, tiles,
                          PANELS);
    for (; p < p1; p++)
        accumulate_panels(s + p * sl->rows * LANES, sl, v, vl, g + p * gl->rows * LANES, gl, tiles,
                          1);
}
