/* Streaming moments of vectors: everything that a mean, a covariance and the Ledoit-Wolf shrinkage
 * need, in one pass and in memory that does not depend on how many vectors there are. */
#ifndef ADI_STATS_MOMENTS_H
#define ADI_STATS_MOMENTS_H

#include "backend.h"
#include "core/alloc.h"
#include "core/error.h"

/* Sums over vectors x of d = x - shift and q = |d|^2. The shift is the mean of the first vectors
 * added: near enough to the mean that nothing is lost when it is moved there. */
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
/* Cannot fail. x: [count, c] */
void adi_moments_add_f32(adi_moments *m, const adi_kernels *k, const float *x, int64_t count);
void adi_moments_add_f64(adi_moments *m, const adi_kernels *k, const double *x, int64_t count);
/* m becomes the moments of both; other is unchanged. scratch: moments of the same c, overwritten.
 */
void adi_moments_merge(adi_moments *m, const adi_moments *other, adi_moments *scratch);
void adi_moments_copy(adi_moments *to, const adi_moments *from);
/* Express the sums about another point. */
void adi_moments_recentre(adi_moments *m, const double *shift);
/* The same about their own mean, so that sum is 0 and outer / n is the covariance. */
void adi_moments_centre(adi_moments *m);

#endif
