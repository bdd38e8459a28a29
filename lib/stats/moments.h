/* Streaming moments of vectors, from which mean, covariance and Ledoit-Wolf shrinkage are computed:
 * one pass, in memory that does not depend on the number of vectors. */
#ifndef ADI_STATS_MOMENTS_H
#define ADI_STATS_MOMENTS_H

#include "backend.h"
#include "core/alloc.h"
#include "core/error.h"

/* Sums over vectors x, of d = x - shift and q = |d|^2. The shift is the mean of the first vectors
 * added: so close to the mean that recentring loses no digits. */
typedef struct adi_moments {
    const adi_allocator *allocator;
    int64_t c; /* length of a vector */
    int64_t n; /* vectors added */
    double *shift;
    double *sum;   /* sum of d          [c] */
    double *qsum;  /* sum of q d        [c] */
    double *outer; /* sum of d d^T      [c, c], lower triangle */
    double *tile;  /* ADI_MOMENTS_TILE vectors being added */
    double q1, q2; /* sums of q and q^2 */
} adi_moments;

enum { ADI_MOMENTS_TILE = 128 };

ad_status adi_moments_init(adi_moments *m, const adi_allocator *a, int64_t c);
void adi_moments_free(adi_moments *m);
size_t adi_moments_bytes(int64_t c);
/* Add vectors x [count, c]. Cannot fail. */
void adi_moments_add_f32(adi_moments *m, const adi_host_kernels *k, const float *x, int64_t count);
void adi_moments_add_f64(adi_moments *m, const adi_host_kernels *k, const double *x, int64_t count);
/* Add the vectors of `other`, which is unchanged. scratch: moments of the same c, overwritten. */
void adi_moments_merge(adi_moments *m, const adi_moments *other, adi_moments *scratch);
void adi_moments_copy(adi_moments *to, const adi_moments *from);
/* Move the sums to another point. */
void adi_moments_recentre(adi_moments *m, const double *shift);
/* Move the sums to the mean, so that sum is 0 and outer / n is the covariance. */
void adi_moments_centre(adi_moments *m);

#endif
