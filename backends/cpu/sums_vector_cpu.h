/* Sums over positions, and maxima over windows; a part of isa_vector_cpu.h. */

enum {
    HALF = VECTOR_FLOATS / 2,
    SUM_VECTORS = ADI_SUM_CHANNELS / HALF
};

typedef float half_vec __attribute__((vector_size(4 * HALF)));
typedef double double_vec __attribute__((vector_size(8 * HALF)));

/* sum[ADI_SUM_CHANNELS] over positions that lie `stride` floats apart, each channel in their
 * order. */
static void sum_positions(double *sum, const float *x, int64_t stride, int64_t positions)
{
    double_vec s[SUM_VECTORS];
    UNROLL for (int q = 0; q < SUM_VECTORS; q++)
        s[q] = (double_vec){0.0};
    for (int64_t p = 0; p < positions; p++, x += stride)
        UNROLL for (int q = 0; q < SUM_VECTORS; q++) {
            half_vec v;
            memcpy(&v, x + q * HALF, sizeof v);
            s[q] += __builtin_convertvector(v, double_vec);
        }
    memcpy(sum, s, sizeof s);
}

/* sum[r] += the squares of `columns` values of each of the rows, which are `stride` floats
 * apart. */
static void add_squares(double *sum, const float *y, int64_t rows, int64_t columns, int64_t stride)
{
    for (int64_t r = 0; r < rows; r++, y += stride) {
        double_vec s = {0.0};
        int64_t i = 0;
        for (; i + HALF <= columns; i += HALF) {
            half_vec v;
            memcpy(&v, y + i, sizeof v);
            const double_vec w = __builtin_convertvector(v, double_vec);
            s += w * w;
        }
        double all = 0.0;
        for (; i < columns; i++)
            all += (double)y[i] * y[i];
        UNROLL for (int q = 0; q < HALF; q++)
            all += s[q];
        sum[r] += all;
    }
}

/* The larger; a NaN comes in and stays, as in ref. */
INLINE vec larger(vec y, vec x)
{
    return choose((x > y) | (x != x), x, y);
}

/* y[channels] = the maximum over rows x columns positions; x_row and x_column floats from one to
 * the next. */
static void window_maximum(float *y, const float *x, int64_t channels, int64_t rows,
                           int64_t columns, int64_t x_row, int64_t x_column)
{
    const vec least = (vec){0.0f} - INFINITY;
    int64_t c = 0;
    for (; c + VECTOR_FLOATS <= channels; c += VECTOR_FLOATS) {
        vec best = least;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                best = larger(best, load(x + i * x_row + j * x_column + c));
        store(y + c, best);
    }
    for (; c < channels; c++) {
        float best = -INFINITY;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                const float v = x[i * x_row + j * x_column + c];
                best = v > best || v != v ? v : best;
            }
        y[c] = best;
    }
}
