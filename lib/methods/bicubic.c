/* Bicubic enlargement by a whole factor: as many sets of weights as the factor, each for every position. */
#include "methods/bicubic.h"

#include <math.h>

#define A (-0.75)

/* Weights of the four values at -1, 0, 1, 2 for a place t in [0, 1) behind value 0 (Keys 1981). */
static void weigh(double t, double weight[4])
{
    const double u = 1.0 - t;
    weight[0] = ((A * (t + 1.0) - 5.0 * A) * (t + 1.0) + 8.0 * A) * (t + 1.0) - 4.0 * A;
    weight[1] = ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0;
    weight[2] = ((A + 2.0) * u - (A + 3.0)) * u * u + 1.0;
    weight[3] = ((A * (u + 1.0) - 5.0 * A) * (u + 1.0) + 8.0 * A) * (u + 1.0) - 4.0 * A;
}

static int64_t inside(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Output i of a line lies behind input *out_first, as (2i + 1 - factor) / (2 factor) says. */
static void place(int64_t i, int32_t factor, int64_t *out_first, double weight[4])
{
    const double at = (double)(2 * i + 1 - factor) / (double)(2 * factor), first = floor(at);
    *out_first = (int64_t)first;
    weigh(at - first, weight);
}

void adi_bicubic_enlarge(float *out, const float *in, int64_t h, int64_t w, int32_t factor)
{
    for (int64_t y = 0; y < h * factor; y++) {
        int64_t y0, x0;
        double wy[4], wx[4];
        place(y, factor, &y0, wy);
        for (int64_t x = 0; x < w * factor; x++) {
            double sum = 0.0;
            place(x, factor, &x0, wx);
            for (int64_t i = 0; i < 4; i++) {
                const float *row = in + inside(y0 - 1 + i, h) * w;
                double line = 0.0;
                for (int64_t j = 0; j < 4; j++)
                    line += wx[j] * row[inside(x0 - 1 + j, w)];
                sum += wy[i] * line;
            }
            *out++ = (float)sum;
        }
    }
}
