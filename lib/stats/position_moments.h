/* Streaming moments of the vectors at each position, for a Gaussian per position, in memory that
 * does not depend on the number of images. */
#ifndef ADI_STATS_POSITION_MOMENTS_H
#define ADI_STATS_POSITION_MOMENTS_H

#include "stats/moments.h"

/* The number of images that are added together: the sums, far larger than a cache, are then read
 * and written once for all of them. No result depends on it. */
enum { ADI_POSITION_BATCH = 32 };

/* Sums about a point at every position, the first image's vector there. It lies among the vectors,
 * so that the mean may be thousands of standard deviations from zero and take no digit from the
 * covariance; differences of floats are exact in double; and unlike a mean of the first few it does
 * not depend on the batch. Other images then lie one or two standard deviations from it: centring
 * costs no digits either, unless the first image is itself an outlier, by k deviations, which costs
 * 2 log10(k) of sixteen. */
typedef struct adi_position_moments {
    const adi_allocator *allocator;
    adi_position_dims d;
    int64_t n; /* vectors at each position, those in the batch included */
    int64_t waiting;
    double *sums;  /* [p, adi_position_sums(&d)] */
    float *shift;  /* [p, d] */
    float *batch;  /* [ADI_POSITION_BATCH, p, d] */
    void *scratch; /* of the kernels */
} adi_position_moments;

ad_status adi_position_moments_create(const adi_allocator *a, const adi_host_kernels *k,
                                      int32_t num_threads, const adi_position_dims *d,
                                      adi_position_moments **out_moments);
void adi_position_moments_destroy(adi_position_moments *m);
/* The bytes that create() allocates. */
size_t adi_position_moments_bytes(const adi_host_kernels *k, int32_t num_threads,
                                  const adi_position_dims *d);

/* The place for the next image's vectors [p, d], and the call that adds them. Neither can fail. */
float *adi_position_moments_slot(const adi_position_moments *m);
void adi_position_moments_push(adi_position_moments *m, const adi_host_kernels *k,
                               int32_t num_threads);
/* Add the vectors of the batch to the sums. */
void adi_position_moments_flush(adi_position_moments *m, const adi_host_kernels *k,
                                int32_t num_threads);

/* Add the vectors of `other`, which is unchanged. Both must be flushed. scratch: moments of vectors
 * of length d, overwritten. */
void adi_position_moments_merge(adi_position_moments *m, const adi_position_moments *other,
                                adi_moments *scratch);
/* Copy the moments of one position to `out`, whose c is d. Fourth moments are 0 unless the sums
 * have them. */
void adi_position_moments_at(const adi_position_moments *m, int64_t position, adi_moments *out);

#endif
