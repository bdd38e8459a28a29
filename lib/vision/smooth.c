/* Gaussian blur as scipy.ndimage.gaussian_filter does it on float32: down the columns, then along
 * the rows, double sums from the outermost tap inwards, float32 between the two. */
#include "vision/vision.h"

#include <assert.h>
#include <math.h>

enum {
    BLOCK = 64, /* positions worked on at once, so that the sums stay near and vectorise */
    MAX_RADIUS = 4 * ADI_BLUR_MAX_SIGMA + 1
};

int64_t adi_blur_radius(double sigma)
{
    return sigma > 0.0 ? (int64_t)(4.0 * sigma + 0.5) : 0;
}

/* weights[k] of the taps at distance k on either side. */
static void gaussian(double *weights, int64_t radius, double sigma)
{
    double sum = 0.0;
    for (int64_t k = radius; k >= 0; k--) {
        weights[k] = exp(-0.5 / (sigma * sigma) * (double)(k * k));
        sum += k ? 2.0 * weights[k] : weights[k];
    }
    for (int64_t k = 0; k <= radius; k++)
        weights[k] /= sum;
}

/* d c b a | a b c d | d c b a, going on for as long as the radius asks. */
static int64_t mirror(int64_t i, int64_t n)
{
    i %= 2 * n;
    if (i < 0)
        i += 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

static void blur_down(float *out, const float *in, int64_t h, int64_t w, const double *weights,
                      int64_t radius)
{
    double sum[BLOCK];
    for (int64_t y = 0; y < h; y++) {
        for (int64_t x = 0; x < w; x += BLOCK) {
            const int64_t n = w - x < BLOCK ? w - x : BLOCK;
            const float *centre = in + y * w + x;
            for (int64_t i = 0; i < n; i++)
                sum[i] = (double)centre[i] * weights[0];
            for (int64_t k = radius; k > 0; k--) {
                const float *above = in + mirror(y - k, h) * w + x;
                const float *below = in + mirror(y + k, h) * w + x;
                for (int64_t i = 0; i < n; i++)
                    sum[i] += ((double)above[i] + (double)below[i]) * weights[k];
            }
            for (int64_t i = 0; i < n; i++)
                out[y * w + x + i] = (float)sum[i];
        }
    }
}

static void blur_across(float *out, const float *in, int64_t h, int64_t w, const double *weights,
                        int64_t radius)
{
    double sum[BLOCK];
    double line[BLOCK + 2 * MAX_RADIUS]; /* a stretch of the row, borders filled in */
    for (int64_t y = 0; y < h; y++, in += w, out += w) {
        for (int64_t x = 0; x < w; x += BLOCK) {
            const int64_t n = w - x < BLOCK ? w - x : BLOCK;
            for (int64_t i = 0; i < n + 2 * radius; i++) {
                const int64_t from = x + i - radius;
                line[i] = (double)in[from >= 0 && from < w ? from : mirror(from, w)];
            }
            const double *centre = line + radius;
            for (int64_t i = 0; i < n; i++)
                sum[i] = centre[i] * weights[0];
            for (int64_t k = radius; k > 0; k--)
                for (int64_t i = 0; i < n; i++)
                    sum[i] += (centre[i - k] + centre[i + k]) * weights[k];
            for (int64_t i = 0; i < n; i++)
                out[x + i] = (float)sum[i];
        }
    }
}

void adi_blur(float *map, int64_t h, int64_t w, double sigma, float *tmp)
{
    const int64_t radius = adi_blur_radius(sigma);
    assert(radius <= MAX_RADIUS);
    if (radius < 1 || radius > MAX_RADIUS)
        return; /* one tap of weight 1 */
    double weights[MAX_RADIUS + 1];
    gaussian(weights, radius, sigma);
    blur_down(tmp, map, h, w, weights, radius);
    blur_across(map, tmp, h, w, weights, radius);
}
