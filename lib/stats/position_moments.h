/* Streaming moments of one vector at each of many positions: what a Gaussian per position needs, in
 * memory that does not depend on how many images there are. */
#ifndef ADI_STATS_POSITION_MOMENTS_H
#define ADI_STATS_POSITION_MOMENTS_H

#include "stats/moments.h"

/* Images whose vectors wait to be added together: the sums, which are far larger than a cache, are
 * then read and written once for all of them. No result depends on the number. */
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
    int64_t n; /* vectors at each position, waiting ones included */
    int64_t waiting;
    double *sums;  /* [p, adi_position_sums(&d)] */
    float *shift;  /* [p, d] */
    float *batch;  /* [ADI_POSITION_BATCH, p, d] */
    void *scratch; /* of the kernels */
} adi_position_moments;

ad_status adi_position_moments_create(const adi_allocator *a, const adi_kernels *k,
                                      int32_t num_threads, const adi_position_dims *d,
                                      adi_position_moments **out_moments);
void adi_position_moments_destroy(adi_position_moments *m);
/* What create() allocates. */
size_t adi_position_moments_bytes(const adi_kernels *k, int32_t num_threads,
                                  const adi_position_dims *d);

/* Where the next image's vectors [p, d] are to be written; then they are added. Neither can fail.
 */
float *adi_position_moments_slot(const adi_position_moments *m);
void adi_position_moments_push(adi_position_moments *m, const adi_kernels *k, int32_t num_threads);
/* Add those that wait to the sums. */
void adi_position_moments_flush(adi_position_moments *m, const adi_kernels *k, int32_t num_threads);

/* m becomes the moments of both; other stays what it is. Both are flushed before. scratch: moments
 * of vectors of d, overwritten. */
void adi_position_moments_merge(adi_position_moments *m, const adi_position_moments *other,
                                adi_moments *scratch);
/* The moments of one position as those of vectors; `out` is of c == d. Fourth moments are 0 where
 * they were not asked for. */
void adi_position_moments_at(const adi_position_moments *m, int64_t position, adi_moments *out);

#endif
