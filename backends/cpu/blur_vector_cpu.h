/* Rows of a Gaussian blur; a part of isa_vector_cpu.h. */

/* y[n] = x[0] weights[0] + sum over k = radius .. 1 of (x[-k] + x[k]) weights[k] for n positions,
 * where position i of tap k lies at rows[radius + k] + i: rows of a map, or one row further on.
 * Double sums, the outermost tap first. */
static void blur_row(float *y, const float *const *rows, const double *weights, int64_t radius,
                     int64_t n)
{
    int64_t i = 0;
    for (; i + HALF <= n; i += HALF) {
        half_vec a, b;
        memcpy(&a, rows[radius] + i, sizeof a);
        double_vec sum = __builtin_convertvector(a, double_vec) * weights[0];
        for (int64_t k = radius; k > 0; k--) {
            memcpy(&a, rows[radius - k] + i, sizeof a);
            memcpy(&b, rows[radius + k] + i, sizeof b);
            sum +=
                (__builtin_convertvector(a, double_vec) + __builtin_convertvector(b, double_vec)) *
                weights[k];
        }
        const half_vec out = __builtin_convertvector(sum, half_vec);
        memcpy(y + i, &out, sizeof out);
    }
    for (; i < n; i++) {
        double sum = (double)rows[radius][i] * weights[0];
        for (int64_t k = radius; k > 0; k--)
            sum += ((double)rows[radius - k][i] + (double)rows[radius + k][i]) * weights[k];
        y[i] = (float)sum;
    }
}
