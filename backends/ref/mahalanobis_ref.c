/* mahalanobis: squared distance of every position to one Gaussian, through a whitening matrix A.
 *   dist[p] = || A (x_p - mean) ||^2
 * A = L^-1 with covariance L L^T, or the scaled components of a PCA: dist cannot be negative.
 * x [P,C]; packed is A^T [C,R] in floats. */
#include "ref.h"

size_t adi_mahalanobis_packed_bytes_ref(const double *a, int64_t c, int64_t r)
{
    (void)a;
    return (size_t)(c * r) * sizeof(float);
}

void adi_mahalanobis_pack_ref(void *packed, const double *a, int64_t c, int64_t r)
{
    float *at = packed;
    for (int64_t i = 0; i < c; i++)
        for (int64_t j = 0; j < r; j++)
            at[i * r + j] = (float)a[j * c + i];
}

size_t adi_mahalanobis_scratch_ref(adi_pc d, int64_t r, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return (size_t)r * sizeof(double);
}

ad_status adi_mahalanobis_fwd_ref(const adi_exec *ex, float *dist, const float *x,
                                  const float *mean, const void *packed, adi_pc d, int64_t r)
{
    const float *at = packed;
    double *z = ex->scratch;
    for (int64_t p = 0; p < d.p; p++, x += d.c) {
        for (int64_t j = 0; j < r; j++)
            z[j] = 0.0;
        for (int64_t c = 0; c < d.c; c++) {
            const double v = (double)x[c] - mean[c];
            for (int64_t j = 0; j < r; j++)
                z[j] += v * at[c * r + j];
        }
        double sum = 0.0;
        for (int64_t j = 0; j < r; j++)
            sum += z[j] * z[j];
        dist[p] = (float)sum;
    }
    return AD_OK;
}
