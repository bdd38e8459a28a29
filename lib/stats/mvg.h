/* A multivariate Gaussian of feature vectors: mean, Ledoit-Wolf covariance, and the whitening
 * matrix that Mahalanobis distances are computed with. */
#ifndef ADI_STATS_MVG_H
#define ADI_STATS_MVG_H

#include "stats/moments.h"
#include "stats/sample.h"

typedef enum adi_reduce { ADI_REDUCE_NONE, ADI_REDUCE_PCA, ADI_REDUCE_NPCA } adi_reduce;

typedef struct adi_mvg_options {
    adi_reduce reduce;
    double threshold; /* cumulative variance */
    int32_t ddof;     /* covariance divisor n - ddof */
} adi_mvg_options;

enum adi_mvg_stat {
    ADI_MVG_SHRINKAGE,
    ADI_MVG_RMS /* root mean square distance of the vectors it was fitted to */
};

/* distance^2(x) = | whitening (x - mean) |^2 */
typedef struct adi_mvg {
    const adi_allocator *allocator;
    int64_t c, r;
    double *mean;      /* [c] */
    double *whitening; /* [r, c] */
    double stats[2];   /* by adi_mvg_stat */
} adi_mvg;

/* Fit to centred moments, which are not changed. `sample` is needed where components are selected,
 * whose fourth moment the moments do not have; NULL for ADI_REDUCE_NONE. `what` names the vectors
 * in messages. */
ad_status adi_mvg_fit(const adi_allocator *a, const adi_host_kernels *k, const adi_moments *moments,
                      const adi_sample *sample, const adi_mvg_options *options, const char *what,
                      adi_mvg *out_mvg);
ad_status adi_mvg_alloc(const adi_allocator *a, int64_t c, int64_t r, adi_mvg *out_mvg);
void adi_mvg_free(adi_mvg *mvg);
/* The squared Mahalanobis distance of one vector, in double. */
double adi_mvg_distance2(const adi_mvg *mvg, const double *x);
/* The root mean square distance of vectors with these centred moments. scratch: c doubles. */
double adi_mvg_rms(const adi_mvg *mvg, const adi_moments *centred, double *scratch);

/* pca.c: choose the principal components *out_first .. *out_first + *out_count - 1 by the
 * eigenvalues of n vectors' covariance, values[c] in descending order. AD_ERR_NUMERIC if none is
 * left. */
ad_status adi_pca_select(const double *values, int64_t c, int64_t n, adi_reduce mode,
                         double threshold, int64_t *out_first, int64_t *out_count);

/* Ledoit and Wolf's shrinkage in scikit-learn's form, from trace and squared Frobenius norm of the
 * biased covariance of n vectors of length p, and the mean of |x|^4. */
double adi_ledoit_wolf(double trace, double frobenius2, double mean_fourth, int64_t p, int64_t n);

#endif
