/* Transforms of filters and of their gradients for the Winograd convolution; a part of
 * isa_vector_cpu.h, after winograd_transform_cpu.h, whose points they share. */

/* One over the products of differences between a point and the others: G's rows are divided by
 * these. */
#define OVER_N0 (1.0f / (A2 * B2))
#define OVER_NA (1.0f / (2.0f * A2 * (A2 - B2)))
#define OVER_NB (1.0f / (2.0f * B2 * (B2 - A2)))

/* t = G g */
INLINE void filter_line(vec t[6], const vec g[3])
{
    const vec even_a = OVER_NA * (g[0] + A2 * g[2]), odd_a = (OVER_NA * A1) * g[1];
    const vec even_b = OVER_NB * (g[0] + B2 * g[2]), odd_b = (OVER_NB * B1) * g[1];
    t[0] = OVER_N0 * g[0];
    t[1] = even_a + odd_a;
    t[2] = even_a - odd_a;
    t[3] = even_b + odd_b;
    t[4] = even_b - odd_b;
    t[5] = g[2];
}

/* t = G g of a 5x5 kernel */
INLINE void five_filter_line(vec t[6], const vec g[5])
{
    const vec even_a = OVER_NA * (g[0] + A2 * (g[2] + A2 * g[4]));
    const vec odd_a = (OVER_NA * A1) * (g[1] + A2 * g[3]);
    const vec even_b = OVER_NB * (g[0] + B2 * (g[2] + B2 * g[4]));
    const vec odd_b = (OVER_NB * B1) * (g[1] + B2 * g[3]);
    t[0] = OVER_N0 * g[0];
    t[1] = even_a + odd_a;
    t[2] = even_a - odd_a;
    t[3] = even_b + odd_b;
    t[4] = even_b - odd_b;
    t[5] = g[4];
}

/* t = G g of a small tile */
INLINE void small_filter_line(vec t[4], const vec g[3])
{
    const vec even = 0.5f * (g[0] + g[2]), odd = 0.5f * g[1];
    t[0] = g[0];
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = g[2];
}

/* g = G^T t */
INLINE void filter_bwd_line(vec g[3], const vec t[6])
{
    const vec sum_a = OVER_NA * (t[1] + t[2]), difference_a = (OVER_NA * A1) * (t[1] - t[2]);
    const vec sum_b = OVER_NB * (t[3] + t[4]), difference_b = (OVER_NB * B1) * (t[3] - t[4]);
    g[0] = OVER_N0 * t[0] + (sum_a + sum_b);
    g[1] = difference_a + difference_b;
    g[2] = (A2 * sum_a + B2 * sum_b) + t[5];
}

/* The same of a 5x5 kernel */
INLINE void five_filter_bwd_line(vec g[5], const vec t[6])
{
    const vec sum_a = OVER_NA * (t[1] + t[2]), difference_a = (OVER_NA * A1) * (t[1] - t[2]);
    const vec sum_b = OVER_NB * (t[3] + t[4]), difference_b = (OVER_NB * B1) * (t[3] - t[4]);
    g[0] = OVER_N0 * t[0] + (sum_a + sum_b);
    g[1] = difference_a + difference_b;
    g[2] = A2 * sum_a + B2 * sum_b;
    g[3] = A2 * difference_a + B2 * difference_b;
    g[4] = (A2 * A2 * sum_a + B2 * B2 * sum_b) + t[5];
}

INLINE void weight_line(vec t[6], const vec g[5], adi_winograd_form form)
{
    if (form == ADI_WINOGRAD_SMALL)
        small_filter_line(t, g);
    else if (form == ADI_WINOGRAD_FIVE)
        five_filter_line(t, g);
    else
        filter_line(t, g);
}

/* G g G^T of filters whose taps are `tap` floats apart. `form` is a constant. */
INLINE void filter_tile(float *u, int64_t point, const float *g, int64_t tap,
                        adi_winograd_form form)
{
    const int points = (int)adi_winograd_side(form), taps = (int)adi_winograd_taps(form);
    for (int q = 0; q < LANES; q += VECTOR_FLOATS) {
        vec t[5][6]; /* [column][row] */
        UNROLL for (int j = 0; j < taps; j++) {
            vec in[5];
            UNROLL for (int i = 0; i < taps; i++)
                in[i] = load(g + (i * taps + j) * tap + q);
            weight_line(t[j], in, form);
        }
        UNROLL for (int i = 0; i < points; i++) {
            vec in[5], out[6];
            UNROLL for (int j = 0; j < taps; j++)
                in[j] = t[j][i];
            weight_line(out, in, form);
            UNROLL for (int j = 0; j < points; j++)
                store(u + (i * points + j) * point + q, out[j]);
        }
    }
}

/* Copy filters of `taps` taps between 16 channels of c and 16 of k to [taps][rows][lanes]; rows are
 * c's or, turned by 180 degrees, k's. Missing channels are 0. */
INLINE void copy_filters(float (*g)[LANES][LANES], const float *w, int64_t taps, int64_t c,
                         int64_t k, int64_t c0, int64_t k0, int turned)
{
    const int64_t c_left = adi_min(LANES, c - c0), k_left = adi_min(LANES, k - k0);
    memset(g, 0, (size_t)taps * sizeof *g);
    for (int64_t tap = 0; tap < taps; tap++)
        for (int64_t i = 0; i < c_left; i++) {
            const float *from = w + (tap * c + c0 + i) * k + k0;
            if (!turned)
                memcpy(g[tap][i], from, (size_t)k_left * sizeof *from);
            else
                for (int64_t j = 0; j < k_left; j++)
                    g[taps - 1 - tap][j][i] = from[j];
        }
}

static void filter(float *u, const adi_winograd_layout *l, const float *w, int64_t c, int64_t k,
                   int turned, int64_t c0)
{
    const int64_t taps = adi_winograd_taps(l->form) * adi_winograd_taps(l->form);
    float g[25][LANES][LANES];
    for (int64_t k0 = 0; k0 < k; k0 += LANES) {
        copy_filters(g, w, taps, c, k, c0, k0, turned);
        const int64_t panel = (turned ? c0 : k0) / LANES, row = turned ? k0 : c0;
        for (int64_t i = 0; i < LANES; i++) {
            float *to = u + (panel * l->rows + row + i) * LANES;
            if (l->form == ADI_WINOGRAD_SMALL)
                filter_tile(to, l->point, g[0][i], LANES * LANES, ADI_WINOGRAD_SMALL);
            else if (l->form == ADI_WINOGRAD_FIVE)
                filter_tile(to, l->point, g[0][i], LANES * LANES, ADI_WINOGRAD_FIVE);
            else
                filter_tile(to, l->point, g[0][i], LANES * LANES, ADI_WINOGRAD_LARGE);
        }
    }
}

INLINE void weight_bwd_line(vec g[5], const vec t[6], adi_winograd_form form)
{
    if (form == ADI_WINOGRAD_FIVE)
        five_filter_bwd_line(g, t);
    else
        filter_bwd_line(g, t);
}

/* G^T s G of one row and panel of s. `form` is a constant. */
INLINE void filter_bwd_tile(float (*g)[LANES], const float *s, int64_t point,
                            adi_winograd_form form)
{
    const int taps = (int)adi_winograd_taps(form);
    for (int q = 0; q < LANES; q += VECTOR_FLOATS) {
        vec t[6][5]; /* [column][row] */
        UNROLL for (int j = 0; j < 6; j++) {
            vec in[6];
            UNROLL for (int i = 0; i < 6; i++)
                in[i] = load(s + (i * 6 + j) * point + q);
            weight_bwd_line(t[j], in, form);
        }
        UNROLL for (int i = 0; i < taps; i++) {
            const vec in[6] = {t[0][i], t[1][i], t[2][i], t[3][i], t[4][i], t[5][i]};
            vec out[5];
            weight_bwd_line(out, in, form);
            UNROLL for (int j = 0; j < taps; j++)
                store(g[i * taps + j] + q, out[j]);
        }
    }
}

static void filter_bwd(float *dw, int64_t c, int64_t k, const float *s,
                       const adi_winograd_layout *l, int64_t row)
{
    const int64_t taps = adi_winograd_taps(l->form) * adi_winograd_taps(l->form);
    for (int64_t p = 0; p < l->panels; p++) {
        float g[25][LANES];
        const float *from = s + (p * l->rows + row) * LANES;
        if (l->form == ADI_WINOGRAD_FIVE)
            filter_bwd_tile(g, from, l->point, ADI_WINOGRAD_FIVE);
        else
            filter_bwd_tile(g, from, l->point, ADI_WINOGRAD_LARGE);
        const int64_t lanes = adi_min(LANES, k - p * LANES);
        for (int64_t tap = 0; tap < taps; tap++)
            memcpy(dw + (tap * c + row) * k + p * LANES, g[tap], (size_t)lanes * sizeof *dw);
    }
}
