/* Gaussians at positions: distances, and sums of outer products; a part of isa_vector_cpu.h. */

/* |W v|^2, where the columns of W are packed one after the other (column c: rows c .. d - 1). z:
 * ADI_DISTANCE_FLOATS(d). A vector that begins in a column may reach into the next one, or past the
 * matrix but not past `end`: what it adds goes to z[d] and on, which is cleared. */
static float packed_distance(float *restrict z, const float *v, const float *w, int64_t d,
                             const float *end)
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

/* Load or store row r of a packed triangle from column j on; entries above the diagonal are
 * skipped. */
INLINE void load_outer(double_vec *s, const double *row, int64_t there)
{
    double edge[OUTER_VECTORS * HALF] = {0.0};
    if (there >= OUTER_VECTORS * HALF) {
        memcpy(s, row, sizeof edge);
        return;
    }
    for (int64_t j = 0; j < there; j++)
        edge[j] = row[j];
    memcpy(s, edge, sizeof edge);
}

INLINE void store_outer(double *row, const double_vec *s, int64_t there)
{
    double edge[OUTER_VECTORS * HALF];
    if (there >= OUTER_VECTORS * HALF) {
        memcpy(row, s, sizeof edge);
        return;
    }
    memcpy(edge, s, sizeof edge);
    for (int64_t j = 0; j < there; j++)
        row[j] = edge[j];
}

/* Rows i .. i + rows, columns from j on. */
INLINE void outer_block(double *triangle, const double *z, int64_t stride, int64_t vectors,
                        int64_t i, int64_t j, int rows)
{
    double_vec s[OUTER_ROWS][OUTER_VECTORS];
    UNROLL for (int r = 0; r < rows; r++)
        load_outer(s[r], triangle + adi_triangle(i + r) + j, i + r + 1 - j);
    for (int64_t b = 0; b < vectors; b++, z += stride) {
        double_vec x[OUTER_VECTORS];
        memcpy(x, z + j, sizeof x);
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int q = 0; q < OUTER_VECTORS; q++)
                s[r][q] += z[i + r] * x[q];
    }
    UNROLL for (int r = 0; r < rows; r++)
        store_outer(triangle + adi_triangle(i + r) + j, s[r], i + r + 1 - j);
}

/* triangle[adi_triangle(d)] += sum over vectors of z z^T, vector after vector; z's rows are
 * ADI_OUTER_STRIDE(d) apart and 0 from d on. */
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

/* sum[d] += z, and where qsum is there qsum[d] += |z|^2 z and qsum[d] += |z|^4, vector after
 * vector. */
static void add_vector_sums(double *restrict sum, double *restrict qsum, const double *z,
                            int64_t vectors, int64_t d)
{
    const int64_t stride = ADI_OUTER_STRIDE(d);
    for (int64_t b = 0; b < vectors; b++, z += stride) {
        double_vec squares[OUTER_VECTORS] = {{0.0}};
        double q = 0.0;
        for (int64_t i = 0; i < stride && qsum; i += OUTER_VECTORS * HALF)
            UNROLL for (int p = 0; p < OUTER_VECTORS; p++) {
                double_vec x;
                memcpy(&x, z + i + p * HALF, sizeof x);
                squares[p] += x * x;
            }
        for (int p = 1; p < OUTER_VECTORS; p++)
            squares[0] += squares[p];
        for (int i = 0; i < HALF; i++)
            q += squares[0][i];
        for (int64_t i = 0; i < d; i++)
            sum[i] += z[i];
        for (int64_t i = 0; i < d && qsum; i++)
            qsum[i] += q * z[i];
        if (qsum)
            qsum[d] += q * q;
    }
}
