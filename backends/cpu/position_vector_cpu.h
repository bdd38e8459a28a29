/* Gaussians at positions: distances, and sums of outer products; a part of isa_vector_cpu.h. */

/* |W v|^2, where W's columns lie packed one after the other, column c its rows c .. d - 1. z: ADI_DISTANCE_FLOATS(d).
 * Vectors that begin in a column may end in the next one, or behind the matrix but before `end`: what they add goes to
 * z[d] and on, and is cleared. */
static float packed_distance(float *restrict z, const float *v, const float *w, int64_t d, const float *end)
{
    memset(z, 0, (size_t)ADI_DISTANCE_FLOATS(d) * sizeof *z);
    for (int64_t c = 0; c < d; c++) {
        const float f = v[c];
        float *rows = z + c;
        int64_t i = 0;
        for (; i < d - c && end - (w + i) >= VECTOR_FLOATS; i += VECTOR_FLOATS)
            store(rows + i, load(rows + i) + f * load(w + i));
        for (; i < d - c; i++) /* of the last position alone */
            rows[i] += f * w[i];
        w += d - c;
    }
    memset(z + d, 0, VECTOR_FLOATS * sizeof *z);
    double_vec sum = {0.0};
    for (int64_t i = 0; i < d; i += HALF) {
        half_vec h;
        memcpy(&h, z + i, sizeof h);
        const double_vec x = __builtin_convertvector(h, double_vec);
        sum += x * x;
    }
    double total = 0.0;
    for (int i = 0; i < HALF; i++)
        total += sum[i];
    return (float)total;
}

enum { OUTER_ROWS = 4, OUTER_VECTORS = 2 }; /* of sums in registers */

/* Rows i .. i + rows, columns from j on, of the packed triangle; what is above the diagonal is not there. */
INLINE void outer_block(double *triangle, const double *z, int64_t stride, int64_t vectors, int64_t i, int64_t j, int rows)
{
    double_vec s[OUTER_ROWS][OUTER_VECTORS];
    UNROLL for (int r = 0; r < rows; r++) {
        double row[OUTER_VECTORS * HALF] = {0.0};
        const int64_t there = adi_min(i + r + 1 - j, OUTER_VECTORS * HALF);
        if (there > 0)
            memcpy(row, triangle + adi_triangle(i + r) + j, (size_t)there * sizeof *row);
        memcpy(s[r], row, sizeof row);
    }
    for (int64_t b = 0; b < vectors; b++, z += stride) {
        double_vec x[OUTER_VECTORS];
        memcpy(x, z + j, sizeof x);
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int q = 0; q < OUTER_VECTORS; q++)
                s[r][q] += z[i + r] * x[q];
    }
    UNROLL for (int r = 0; r < rows; r++) {
        const int64_t there = adi_min(i + r + 1 - j, OUTER_VECTORS * HALF);
        if (there > 0)
            memcpy(triangle + adi_triangle(i + r) + j, s[r], (size_t)there * sizeof *triangle);
    }
}

/* triangle[adi_triangle(d)] += sum over vectors of z z^T, vector after vector; z's rows are ADI_OUTER_STRIDE(d) apart and
 * 0 from d on. */
static void add_outer_products(double *triangle, const double *z, int64_t vectors, int64_t d)
{
    const int64_t stride = ADI_OUTER_STRIDE(d);
    int64_t i = 0;
    for (; i + OUTER_ROWS <= d; i += OUTER_ROWS)
        for (int64_t j = 0; j < i + OUTER_ROWS; j += OUTER_VECTORS * HALF)
            outer_block(triangle, z, stride, vectors, i, j, OUTER_ROWS);
    for (; i < d; i++)
        for (int64_t j = 0; j <= i; j += OUTER_VECTORS * HALF)
            outer_block(triangle, z, stride, vectors, i, j, 1);
}
