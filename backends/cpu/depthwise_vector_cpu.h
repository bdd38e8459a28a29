/* A row of a depthwise convolution; a part of isa_vector_cpu.h. Sums run over the taps in order,
 * however columns and channels are cut. */

enum {
    DEPTHWISE_COLUMNS = VECTOR_FLOATS == 16 ? 8 : 4, /* whose sums are in registers */
    DEPTHWISE_VECTORS = 2                            /* of channels */
};

/* Compute columns from ox on and channels from c on, with taps kx0 .. kx1 of every kernel row. act:
 * NONE, RELU, RELU6 or SILU. */
INLINE void depthwise_block(const adi_depthwise_row *g, int64_t ox, int64_t c, int64_t kx0,
                            int64_t kx1, int columns, int vectors, adi_act act)
{
    vec s[DEPTHWISE_COLUMNS][DEPTHWISE_VECTORS];
    UNROLL for (int o = 0; o < columns; o++)
        UNROLL for (int q = 0; q < vectors; q++)
            s[o][q] = (vec){0.0f};
    const int64_t step = g->stride * g->x_column;
    const int64_t from = (ox * g->stride - g->pad_left) * g->x_column + c;
    for (int64_t ky = 0; ky < g->kh; ky++) {
        if (!g->rows[ky])
            continue;
        for (int64_t kx = kx0; kx < kx1; kx++) {
            const float *x = g->rows[ky] + from + kx * g->x_column,
                        *w = g->w + (ky * g->kw + kx) * g->w_tap + c;
            vec f[DEPTHWISE_VECTORS];
            UNROLL for (int q = 0; q < vectors; q++)
                f[q] = load(w + q * VECTOR_FLOATS);
            UNROLL for (int o = 0; o < columns; o++)
                UNROLL for (int q = 0; q < vectors; q++)
                    s[o][q] += load(x + o * step + q * VECTOR_FLOATS) * f[q];
        }
    }
    vec sum[DEPTHWISE_VECTORS];
    UNROLL for (int q = 0; q < vectors; q++)
        sum[q] = g->e.row_sums && ox > 0 ? load(g->e.row_sums + c + q * VECTOR_FLOATS)
                                         : (vec){0.0f};
    UNROLL for (int o = 0; o < columns; o++)
        UNROLL for (int q = 0; q < vectors; q++) {
            const int64_t channel = c + q * VECTOR_FLOATS, at = (ox + o) * g->y_column + channel;
            const vec v = activate(finish(s[o][q], g->e.bias ? g->e.bias + channel : NULL,
                                          g->e.residual ? g->e.residual + at : NULL, 0), act);
            store(g->y + at, v);
            sum[q] += opaque(v); /* the bits of adi_row_sums_cpu() */
        }
    UNROLL for (int q = 0; q < vectors; q++)
        if (g->e.row_sums)
            store(g->e.row_sums + c + q * VECTOR_FLOATS, sum[q]);
}

/* Compute columns first .. end, which see the whole kernel. */
INLINE void depthwise_columns(const adi_depthwise_row *g, int64_t first, int64_t end, int64_t c,
                              int vectors, adi_act act)
{
    for (int64_t ox = 0; ox < g->out_columns;) {
        if (ox >= first && ox + DEPTHWISE_COLUMNS <= end) {
            depthwise_block(g, ox, c, 0, g->kw, DEPTHWISE_COLUMNS, vectors, act);
            ox += DEPTHWISE_COLUMNS;
            continue;
        }
        const int64_t left = ox * g->stride - g->pad_left, kx0 = left < 0 ? -left : 0;
        depthwise_block(g, ox, c, kx0, adi_min(g->kw, g->columns - left), 1, vectors, act);
        ox++;
    }
}

/* Fewer channels than a vector has. */
static void depthwise_few(const adi_depthwise_row *g)
{
    for (int64_t ox = 0; ox < g->out_columns; ox++) {
        float *y = g->y + ox * g->y_column;
        for (int64_t c = 0; c < g->channels; c++) {
            float sum = 0.0f;
            for (int64_t ky = 0; ky < g->kh; ky++)
                for (int64_t kx = 0; kx < g->kw && g->rows[ky]; kx++) {
                    const int64_t ix = ox * g->stride - g->pad_left + kx;
                    if (ix >= 0 && ix < g->columns)
                        sum += g->rows[ky][ix * g->x_column + c] *
                               g->w[(ky * g->kw + kx) * g->w_tap + c];
                }
            sum += g->e.bias ? g->e.bias[c] : 0.0f;
            y[c] = sum + (g->e.residual ? g->e.residual[ox * g->y_column + c] : 0.0f);
        }
        activate_row(y, g->channels, g->e.act);
        for (int64_t c = 0; g->e.row_sums && c < g->channels; c++)
            g->e.row_sums[c] = (ox > 0 ? g->e.row_sums[c] : 0.0f) + y[c];
    }
}

INLINE void depthwise_all(const adi_depthwise_row *g, adi_act act)
{
    const int64_t first = (g->pad_left + g->stride - 1) / g->stride;
    const int64_t room = g->columns - g->kw + g->pad_left;
    const int64_t end = room < 0 ? 0 : adi_min(room / g->stride + 1, g->out_columns);
    int64_t c = 0;
    for (; c + DEPTHWISE_VECTORS * VECTOR_FLOATS <= g->channels;
         c += DEPTHWISE_VECTORS * VECTOR_FLOATS)
        depthwise_columns(g, first, end, c, DEPTHWISE_VECTORS, act);
    /* the last vector may repeat some channels, with the same bits */
    for (; c < g->channels; c += VECTOR_FLOATS)
        depthwise_columns(g, first, end, adi_min(c, g->channels - VECTOR_FLOATS), 1, act);
}

static void depthwise_row(const adi_depthwise_row *g)
{
    if (g->channels < VECTOR_FLOATS) {
        depthwise_few(g);
        return;
    }
    switch (g->e.act) {
    case ADI_ACT_NONE:
        depthwise_all(g, ADI_ACT_NONE);
        return;
    case ADI_ACT_RELU:
        depthwise_all(g, ADI_ACT_RELU);
        return;
    case ADI_ACT_RELU6:
        depthwise_all(g, ADI_ACT_RELU6);
        return;
    case ADI_ACT_SILU:
        depthwise_all(g, ADI_ACT_SILU);
        return;
    case ADI_ACT_SIGMOID:
        depthwise_all(g, ADI_ACT_SIGMOID);
        return;
    }
}
