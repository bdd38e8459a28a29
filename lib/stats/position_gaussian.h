/* A Gaussian at every position, from streamed moments: shrunk covariances, the factors of their
 * inverses, and the root mean square distance of the training images. */
#ifndef ADI_STATS_POSITION_GAUSSIAN_H
#define ADI_STATS_POSITION_GAUSSIAN_H

#include "stats/position_moments.h"

typedef struct adi_position_fit {
    int32_t shrink; /* 1: Ledoit and Wolf; 0: scatter / (n - 1) + ridge I */
    int32_t unused;
    double ridge;
} adi_position_fit;

/* Fit to flushed moments. mean [p, d] and factor [p, d (d + 1) / 2] are laid out as the kernel
 * position_gaussian_fwd takes them. *out_rms is the root mean square distance over all positions
 * and vectors. On AD_ERR_NUMERIC *out_position is the first position whose covariance is singular;
 * the caller, which knows where that is, writes the message. */
ad_status adi_position_gaussian_fit(const adi_allocator *a, const adi_host_kernels *k,
                                    int32_t num_threads, const adi_position_moments *m,
                                    const adi_position_fit *fit, float *mean, float *factor,
                                    double *out_rms, int64_t *out_position);
/* Bytes that the fit allocates while it runs. */
size_t adi_position_gaussian_bytes(const adi_position_dims *d, int32_t num_threads);

#endif
