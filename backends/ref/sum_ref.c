/* Sums over n values, in double, one after another: of x, of squares, squared errors and products.
 * scaled_difference: y = alpha (a - b) [+ y], which for alpha = 2 / n is the gradient of a mean
 * squared error by a. */
#include "ref.h"

size_t adi_sum_scratch_ref(int64_t n, int32_t num_threads)
{
    (void)n;
    (void)num_threads;
    return 0;
}

ad_status adi_sum_ref(const adi_exec *ex, adi_f64 *out, const adi_f32 *x, int64_t n)
{
    (void)ex;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    out[0] = sum;
    return AD_OK;
}

ad_status adi_sum_squares_ref(const adi_exec *ex, adi_f64 *out, const adi_f32 *x, int64_t n)
{
    (void)ex;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    out[0] = sum;
    return AD_OK;
}

ad_status adi_sum_squared_error_ref(const adi_exec *ex, adi_f64 *out, const adi_f32 *a,
                                    const adi_f32 *b, int64_t n)
{
    (void)ex;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double e = (double)a[i] - b[i];
        sum += e * e;
    }
    out[0] = sum;
    return AD_OK;
}

ad_status adi_sum_products_ref(const adi_exec *ex, adi_f64 *out, const adi_f32 *a,
                               const adi_f32 *b, int64_t n)
{
    (void)ex;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    out[0] = sum;
    return AD_OK;
}

ad_status adi_scaled_difference_ref(const adi_exec *ex, float *y, const float *a, const float *b,
                                    float alpha, int32_t accumulate, int64_t n)
{
    (void)ex;
    for (int64_t i = 0; i < n; i++) {
        const double v = alpha * ((double)a[i] - b[i]);
        y[i] = (float)(accumulate ? v + y[i] : v); /* what is not accumulated to is not read */
    }
    return AD_OK;
}

ad_status adi_weighted_sum_ref(const adi_exec *ex, adi_f64 *out, const adi_f32 *weight,
                               const adi_f32 *x, const adi_f32 *minus, double scale, int64_t n)
{
    double sum = 0.0;
    (void)ex;
    for (int64_t i = 0; i < n; i++)
        sum += weight[i] * (scale * x[i] - (minus ? minus[i] : 0.0f));
    out[0] = sum;
    return AD_OK;
}
