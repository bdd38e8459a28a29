/* The kernels of the Winograd convolution, written once for vectors of VECTOR_FLOATS floats and
 * compiled once per instruction set: winograd_plain_cpu.c, winograd_avx2_cpu.c and
 * winograd_avx512_cpu.c define VECTOR_FLOATS, the ROWS x PANELS of 16 sums that a GEMM keeps in
 * registers, and KERNELS, the table's name. */
#include <string.h>

#include "winograd_cpu.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define CHECKED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CHECKED
#endif

#ifdef CHECKED /* a sanitizer's checks make unrolled code enormous */
#define INLINE static inline
#define UNROLL
#else
#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#endif

enum {
    LANES = ADI_WINOGRAD_LANES,
    PARTS = LANES / VECTOR_FLOATS,
    DEPTH = 8 /* panels of a sum at a time: then the filters that all tiles read stay in the nearest cache */
};

typedef float vec __attribute__((vector_size(4 * VECTOR_FLOATS)));
typedef int32_t mask __attribute__((vector_size(4 * VECTOR_FLOATS)));

INLINE vec load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

#include "winograd_transform_cpu.h"

/* ---- products ---- */

typedef vec sums[ROWS][PANELS * PARTS]; /* in registers */

/* s[r] += sum over i < n of a[r, i] b[i], where b is 16 wide in each of the panels. */
INLINE void add_products(sums s, const float *a, int64_t a_row, int64_t a_step, const float *b,
                         int64_t b_panel, int64_t n, int rows, int panels)
{
    for (int64_t i = 0; i < n; i++, a += a_step, b += LANES) {
        vec v[PANELS * PARTS];
        UNROLL for (int q = 0; q < panels * PARTS; q++)
            v[q] = load(b + q / PARTS * b_panel + q % PARTS * VECTOR_FLOATS);
        UNROLL for (int r = 0; r < rows; r++) {
            const float f = a[r * a_row];
            UNROLL for (int q = 0; q < panels * PARTS; q++)
                s[r][q] += f * v[q];
        }
    }
}

/* ROWS tiles of m, in one or PANELS panels: the sums over panels c0 .. c1 of v. */
INLINE void multiply_rows(float *m, int64_t m_panel, const float *v, const adi_winograd_layout *vl,
                          const float *u, int64_t u_panel, int64_t c0, int64_t c1, int panels)
{
    sums s;
    UNROLL for (int r = 0; r < ROWS; r++)
        UNROLL for (int q = 0; q < panels * PARTS; q++)
            s[r][q] = c0 ? load(m + q / PARTS * m_panel + r * LANES + q % PARTS * VECTOR_FLOATS)
                         : (vec){0.0f};
    for (int64_t c = c0; c < c1; c++)
        add_products(s, v + c * vl->rows * LANES, LANES, 1, u + c * LANES * LANES, u_panel, LANES,
                     ROWS, panels);
    UNROLL for (int r = 0; r < ROWS; r++)
        UNROLL for (int q = 0; q < panels * PARTS; q++)
            store(m + q / PARTS * m_panel + r * LANES + q % PARTS * VECTOR_FLOATS, s[r][q]);
}

INLINE void multiply_panels(float *m, const adi_winograd_layout *ml, const float *v,
                            const adi_winograd_layout *vl, const float *u,
                            const adi_winograd_layout *ul, int64_t tiles, int panels)
{
    for (int64_t c = 0; c < vl->panels; c += DEPTH)
        for (int64_t t = 0; t < tiles; t += ROWS)
            multiply_rows(m + t * LANES, ml->rows * LANES, v + t * LANES, vl, u, ul->rows * LANES,
                          c, adi_min(c + DEPTH, vl->panels), panels);
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
    add_products(part, v, 1, LANES, g, g_panel, tiles, rows, panels);
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

const adi_winograd_kernels KERNELS = {KERNELS_NAME, filter, filter_bwd, input,
                                      gradient,     output, multiply,   accumulate};
