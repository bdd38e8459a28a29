/* mean: mean[c] = (sum over positions of x[p,c]) / P, the global average pool of NHWC features.
 * globalavgpool2d: the same over an image, from the sums of its rows.
 * bias, backward: db[c] = sum over positions of dy[p,c]. */
#include "ref.h"

ad_status adi_mean_fwd_ref(const adi_exec *ex, double *mean, const float *x, adi_pc d)
{
    (void)ex;
    for (int64_t c = 0; c < d.c; c++)
        mean[c] = 0.0;
    for (int64_t p = 0; p < d.p; p++, x += d.c)
        for (int64_t c = 0; c < d.c; c++)
            mean[c] += x[c];
    for (int64_t c = 0; c < d.c; c++)
        mean[c] /= (double)d.p;
    return AD_OK;
}

ad_status adi_globalavgpool2d_fwd_ref(const adi_exec *ex, float *y, const float *sums,
                                      int64_t columns, const adi_npc *d)
{
    (void)ex;
    for (int64_t n = 0; n < d->n; n++)
        for (int64_t c = 0; c < d->c; c++) {
            double sum = 0.0;
            for (int64_t p = 0; p < d->p; p++)
                sum += sums[(n * d->p + p) * d->c + c];
            *y++ = (float)(sum / (double)d->p / (double)columns);
        }
    return AD_OK;
}

ad_status adi_bias_bwd_ref(const adi_exec *ex, float *db, const float *dy, adi_pc d)
{
    (void)ex;
    for (int64_t c = 0; c < d.c; c++) {
        double sum = 0.0;
        for (int64_t p = 0; p < d.p; p++)
            sum += dy[p * d.c + c];
        db[c] = (float)sum;
    }
    return AD_OK;
}

ad_status adi_row_sums_ref(const adi_exec *ex, float *sums, const float *x, int64_t rows,
                           int64_t columns, int64_t c)
{
    (void)ex;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = 0; i < c; i++) {
            double sum = 0.0;
            for (int64_t column = 0; column < columns; column++)
                sum += x[(row * columns + column) * c + i];
            sums[row * c + i] = (float)sum;
        }
    return AD_OK;
}
