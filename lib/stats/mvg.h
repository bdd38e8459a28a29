/* One multivariate Gaussian of feature vectors: mean, Ledoit-Wolf covariance, and the whitening
 * matrix through which Mahalanobis distances are taken. */
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
    ADI_MVG_RMS /* root mean square distance of the vectors it was fitted on */
};

/* distance^2(x) = | whitening (x - mean) |^2 */
typedef struct adi_mvg {
    const adi_allocator *allocator;
    int64_t c, r;
    double *mean;      /* [c] */
    double *whitening; /* [r, c] */
    double stats[2];   /* by adi_mvg_stat */
} adi_mvg;

/* Fit from centred moments. `sample` gives the shrinkage where components are selected (the fourth
 * moment of the kept components is not in the moments); it may be NULL for ADI_REDUCE_NONE. `what`
 * names the vectors in sentences. moments are not changed. */
ad_status adi_mvg_fit(const adi_allocator *a, const adi_kernels *k, const adi_moments *moments,
                      const adi_sample *sample, const adi_mvg_options *options, const char *what,
                      adi_mvg *out_mvg);
ad_status adi_mvg_alloc(const adi_allocator *a, int64_t c, int64_t r, adi_mvg *out_mvg);
void adi_mvg_free(adi_mvg *mvg);
/* Distance squared of one vector, in double. */
double adi_mvg_distance2(const adi_mvg *mvg, const double *x);
/* Root mean square distance of vectors with these (centred) moments. scratch: c doubles. */
double adi_mvg_rms(const adi_mvg *mvg, const adi_moments *centred, double *scratch);

/* pca.c: which components to keep. `values` descending, r of them positive; n vectors of length c.
 * The kept ones are *first .. *first + *count - 1. AD_ERR_NUMERIC where nothing is left. */
ad_status adi_pca_select(const double *values, int64_t c, int64_t n, adi_reduce mode,
                         double threshold, int64_t *out_first, int64_t *out_count);

/* Ledoit and Wolf's shrinkage (scikit-learn's expression): trace and squared Frobenius norm of the
 * biased covariance of n vectors of length p, and the mean of their fourth powers |x|^4. */
double adi_ledoit_wolf(double trace, double frobenius2, double mean_fourth, int64_t p, int64_t n);

#endif
