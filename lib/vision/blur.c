/* Gaussian blur: its taps; the sums are a kernel's (backends/ref/blur_ref.c). */
#include "vision/blur.h"

#include <math.h>

#include "device/memory.h"

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

size_t adi_blur_scratch(const adi_kernels *kernels, int64_t h, int64_t w, double sigma,
                        int32_t num_threads)
{
    const adi_blur_dims d = {h, w, adi_blur_radius(sigma)};
    return d.radius ? kernels->blur_scratch(&d, num_threads) : 0;
}

ad_status adi_blur(const adi_kernels *kernels, const adi_exec *ex, float *map, int64_t h,
                   int64_t w, double sigma)
{
    const adi_blur_dims d = {h, w, adi_blur_radius(sigma)};
    double weights[ADI_BLUR_MAX_RADIUS + 1];
    if (d.radius < 1)
        return AD_OK; /* one tap of weight 1 */
    if (d.radius > ADI_BLUR_MAX_RADIUS)
        return adi_fail(AD_ERR_INVALID_ARGUMENT, "a blur of sigma %g: at most %d is possible",
                        sigma, ADI_BLUR_MAX_SIGMA);
    gaussian(weights, d.radius, sigma);
    const ad_status status = kernels->blur(ex, adi_mem_host_f32(map), weights, &d);
    if (status != AD_OK)
        return adi_fail(status, "blurring a %lldx%lld map failed in the backend", (long long)w,
                        (long long)h);
    return AD_OK;
}
