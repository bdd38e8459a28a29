/* A Gaussian at every position from streamed moments: how much of the scatter and how much of the
 * unit matrix goes into each covariance, the factors of their inverses, and what the fitted images
 * score. */
#ifndef ADI_STATS_POSITION_GAUSSIAN_H
#define ADI_STATS_POSITION_GAUSSIAN_H

#include "stats/position_moments.h"

typedef struct adi_position_fit {
    int32_t shrink; /* 1: Ledoit and Wolf; 0: scatter / (n - 1) + ridge I */
    int32_t unused;
    double ridge;
} adi_position_fit;

/* Fit to flushed moments. mean [p, d] and factor [p, d (d + 1) / 2] are the caller's, laid out as
 * the kernel position_gaussian_fwd takes them. *out_rms is the root mean square distance over
 * positions and the vectors there. AD_ERR_NUMERIC gives in *out_position the first position whose
 * covariance is singular, without a sentence: only the caller knows where that is. */
ad_status adi_position_gaussian_fit(const adi_allocator *a, const adi_kernels *k,
                                    int32_t num_threads, const adi_position_moments *m,
                                    const adi_position_fit *fit, float *mean, float *factor,
                                    double *out_rms, int64_t *out_position);
/* Bytes that the fit allocates while it runs. */
size_t adi_position_gaussian_bytes(const adi_position_dims *d, int32_t num_threads);

#endif
