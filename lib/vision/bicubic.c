/* Bicubic enlargement by a whole factor. There are as many sets of weights as the factor; every
 * position uses all of them. */
#include "vision/bicubic.h"

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

/* Output i lies behind input i / factor + first[i % factor] and has the weights of i % factor. */
typedef struct places {
    double weight[ADI_BICUBIC_MAX_FACTOR][4];
    int64_t first[ADI_BICUBIC_MAX_FACTOR];
} places;

static void find_places(places *p, int32_t factor)
{
    for (int32_t i = 0; i < factor; i++) {
        const double at = (double)(2 * i + 1 - factor) / (double)(2 * factor), first = floor(at);
        p->first[i] = (int64_t)first;
        weigh(at - first, p->weight[i]);
    }
}

void adi_bicubic_enlarge(float *out, const float *in, int64_t h, int64_t w, int32_t factor)
{
    places p;
    find_places(&p, factor);
    for (int64_t y = 0; y < h * factor; y++) {
        const int64_t y0 = y / factor + p.first[y % factor];
        const double *wy = p.weight[y % factor];
        for (int64_t x = 0; x < w * factor; x++) {
            const int64_t x0 = x / factor + p.first[x % factor];
            const double *wx = p.weight[x % factor];
            double sum = 0.0;
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
