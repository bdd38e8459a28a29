/* Fold batch norm into the convolution before it: one multiply-add less for each value. The
 * products are taken in double and rounded once. */
#include <math.h>

#include "nn/network.h"

ad_status adi_batchnorm_affine(const float *const raw[4], int64_t c, double eps, double *scale,
                               double *shift)
{
    for (int64_t i = 0; i < c; i++) {
        const double variance = (double)raw[3][i] + eps;
        if (!(variance > 0.0))
            return AD_ERR_NUMERIC;
        scale[i] = raw[0][i] / sqrt(variance);
        shift[i] = raw[1][i] - raw[2][i] * scale[i];
    }
    return AD_OK;
}

/* output channels at a time, so that whole cache lines are written */
enum { TILE = 16 };

/* Return the index in HWIO of element (o, i, y, x) of OIHW. */
static int64_t hwio_index(const int64_t *s, int32_t depthwise, int64_t o, int64_t i, int64_t yx)
{
    return depthwise ? yx * s[0] + o : (yx * s[1] + i) * s[0] + o;
}

void adi_fold_weight(float *hwio, const float *oihw, const int64_t *shape, int32_t depthwise,
                     const double *scale)
{
    const int64_t area = shape[2] * shape[3];
    for (int64_t first = 0; first < shape[0]; first += TILE) {
        const int64_t end = first + TILE < shape[0] ? first + TILE : shape[0];
        for (int64_t i = 0; i < shape[1]; i++)
            for (int64_t yx = 0; yx < area; yx++)
                for (int64_t o = first; o < end; o++) {
                    const double v = oihw[(o * shape[1] + i) * area + yx];
                    hwio[hwio_index(shape, depthwise, o, i, yx)] =
                        (float)(scale ? v * scale[o] : v);
                }
    }
}

void adi_scale_transposed(float *hwio, const int64_t *shape, const double *scale)
{
    for (int64_t i = 0; i < shape[1] * shape[2] * shape[3]; i++)
        for (int64_t o = 0; o < shape[0]; o++)
            hwio[i * shape[0] + o] = (float)(scale[i % shape[1]] * hwio[i * shape[0] + o]);
}

void adi_unfold_weight(float *oihw, const float *hwio, const int64_t *shape, int32_t depthwise)
{
    const int64_t area = shape[2] * shape[3];
    for (int64_t o = 0; o < shape[0]; o++)
        for (int64_t i = 0; i < shape[1]; i++)
            for (int64_t yx = 0; yx < area; yx++)
                oihw[(o * shape[1] + i) * area + yx] = hwio[hwio_index(shape, depthwise, o, i, yx)];
}
