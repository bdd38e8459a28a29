/* Bilinear with aligned corners: output i of n lies at i (m - 1) / (n - 1) of m inputs, or at the
 * first where n is 1. */
#include "vision/aligned.h"

/* The input before output i, the one after, and the share of the latter. */
typedef struct place {
    int64_t before, after;
    double share;
} place;

static place place_of(int64_t i, int64_t outputs, int64_t inputs)
{
    const double at = outputs > 1 ? (double)(i * (inputs - 1)) / (double)(outputs - 1) : 0.0;
    const int64_t before = (int64_t)at;
    return (place){before, before + 1 < inputs ? before + 1 : before, at - (double)before};
}

static double between(const float *row, place p)
{
    return row[p.before] + p.share * ((double)row[p.after] - row[p.before]);
}

void adi_aligned_resize(float *out, int64_t side, const float *in, int64_t h, int64_t w)
{
    for (int64_t y = 0; y < side; y++) {
        const place row = place_of(y, side, h);
        const float *above = in + row.before * w, *below = in + row.after * w;
        for (int64_t x = 0; x < side; x++, out++) {
            const place p = place_of(x, side, w);
            const double top = between(above, p), bottom = between(below, p);
            *out = (float)(top + row.share * (bottom - top));
        }
    }
}
