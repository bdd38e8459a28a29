/* The only file that calls LAPACK. Our matrices are row-major: the lower triangle of ours is the
 * upper triangle of the column-major matrix that LAPACK sees, and its eigenvector columns are our
 * rows. */
#include "cpu.h"

#include <math.h>
#include <string.h>

#include "blas_cpu.h"

/* The Fortran entry points that OpenBLAS exports; the trailing sizes are the hidden string
 * lengths. */
extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);
extern void dtrtri_(const char *uplo, const char *diag, const int *n, double *a, const int *lda,
                    int *info, size_t, size_t);
extern void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda,
                    double *w, double *work, const int *lwork, int *iwork, const int *liwork,
                    int *info, size_t, size_t);

/* LAPACK may loop for ever on NaN. */
static int lower_is_finite(const double *a, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++)
            if (!isfinite(a[i * n + j]))
                return 0;
    return 1;
}

ad_status adi_cholesky_f64_cpu(double *a, int64_t n)
{
    if (adi_blas_ready_cpu() != AD_OK)
        return AD_ERR_OUT_OF_MEMORY;
    if (!lower_is_finite(a, n))
        return AD_ERR_NUMERIC;
    const int size = (int)n;
    int info = 0;
    const int threads = adi_blas_begin_cpu();
    dpotrf_("U", &size, a, &size, &info, 1);
    adi_blas_end_cpu(threads);
    if (info != 0)
        return AD_ERR_NUMERIC;
    for (int64_t i = 0; i < n; i++)
        memset(a + i * n + i + 1, 0, (size_t)(n - i - 1) * sizeof *a);
    return AD_OK;
}

ad_status adi_trinv_f64_cpu(double *l, int64_t n)
{
    if (adi_blas_ready_cpu() != AD_OK)
        return AD_ERR_OUT_OF_MEMORY;
    const int size = (int)n;
    int info = 0;
    const int threads = adi_blas_begin_cpu();
    dtrtri_("U", "N", &size, l, &size, &info, 1, 1);
    adi_blas_end_cpu(threads);
    return info == 0 ? AD_OK : AD_ERR_NUMERIC;
}

static int64_t real_work(int64_t n)
{
    return 1 + 6 * n + 2 * n * n; /* dsyevd's documented minimum with vectors */
}

static int64_t integer_work(int64_t n)
{
    return 3 + 5 * n;
}

size_t adi_eigen_work_cpu(int64_t n)
{
    return (size_t)(real_work(n) +
                    adi_ceil_div(integer_work(n) * (int64_t)sizeof(int), sizeof(double)));
}

ad_status adi_eigen_f64_cpu(double *a, double *values, int64_t n, double *work)
{
    if (adi_blas_ready_cpu() != AD_OK)
        return AD_ERR_OUT_OF_MEMORY;
    if (!lower_is_finite(a, n))
        return AD_ERR_NUMERIC;
    const int size = (int)n, lwork = (int)real_work(n), liwork = (int)integer_work(n);
    int info = 0;
    const int threads = adi_blas_begin_cpu();
    dsyevd_("V", "U", &size, a, &size, values, work, &lwork, (int *)(void *)(work + lwork), &liwork,
            &info, 1, 1);
    adi_blas_end_cpu(threads);
    return info == 0 ? AD_OK : AD_ERR_NUMERIC;
}
