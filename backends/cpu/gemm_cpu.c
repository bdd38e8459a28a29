/* Products by BLAS, one thread for each call. */
#include "blas_cpu.h"
#include "cpu.h"

#include <cblas.h>

void adi_sgemm_cpu(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                   int64_t ldb, float *c, int64_t ldc)
{
    const int threads = adi_blas_begin_cpu();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1.0f, a,
                (int)lda, b, (int)ldb, 0.0f, c, (int)ldc);
    adi_blas_end_cpu(threads);
}

void adi_sgemm_tn_cpu(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float beta, float *c, int64_t ldc)
{
    const int threads = adi_blas_begin_cpu();
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1.0f, a, (int)lda,
                b, (int)ldb, beta, c, (int)ldc);
    adi_blas_end_cpu(threads);
}

void adi_syrk_add_f64_cpu(double *s, const double *d, adi_pc dims)
{
    const int threads = adi_blas_begin_cpu();
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)dims.c, (int)dims.p, 1.0, d,
                (int)dims.c, 1.0, s, (int)dims.c);
    adi_blas_end_cpu(threads);
}

const char *adi_blas_describe_cpu(void)
{
    return openblas_get_config();
}

const char *adi_blas_warning_cpu(void)
{
    if (openblas_get_parallel() != OPENBLAS_THREAD)
        return NULL;
    return "OpenBLAS is a pthreads build, whose threads compete with the library's own: install "
           "the "
           "OpenMP build (libopenblas0-openmp) or set OPENBLAS_NUM_THREADS=1";
}
