/* The cpu backend: OpenMP over tiles whose size follows from the shape alone, so that the bits do not
 * depend on the number of threads. Kernels not listed here are those of ref. */
#ifndef ADI_CPU_H
#define ADI_CPU_H

#include "backend.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static inline int32_t adi_thread_index(void)
{
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

static inline int64_t adi_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t adi_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* gemm_cpu.c: C[m,n] = A[m,k] B[k,n], row-major with leading dimensions, on the calling thread only. */
void adi_sgemm_cpu(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                   int64_t ldb, float *c, int64_t ldc);
void adi_syrk_f64_cpu(double *s, const double *d, adi_pc dims);
const char *adi_blas_describe_cpu(void);
const char *adi_blas_warning_cpu(void);

/* epilogue_cpu.c: y[i, k0 .. k1) = act(y + bias + residual) for positions p0 .. p1 of rows of k. */
void adi_epilogue_cpu(float *y, const adi_epilogue *e, int64_t k, int64_t p0, int64_t p1, int64_t k0,
                      int64_t k1);

/* activation_cpu.c: n values in place. */
void adi_activate_cpu(float *y, int64_t n, adi_act act);

size_t adi_conv2d_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_conv2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                             const adi_epilogue *e, const adi_conv2d_dims *d);
ad_status adi_dwconv2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                               const adi_epilogue *e, const adi_conv2d_dims *d);
ad_status adi_batchnorm_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *scale,
                                const float *shift, adi_act act, adi_pc d);
ad_status adi_activation_fwd_cpu(const adi_exec *ex, float *y, const float *x, adi_act act, adi_pc d);
ad_status adi_add_fwd_cpu(const adi_exec *ex, float *y, const float *a, const float *b, adi_act act,
                          adi_pc d);
ad_status adi_mul_fwd_cpu(const adi_exec *ex, float *y, const float *a, const float *gate, adi_pc d);
ad_status adi_mean_fwd_cpu(const adi_exec *ex, double *mean, const float *x, adi_pc d);
ad_status adi_maxpool2d_fwd_cpu(const adi_exec *ex, float *y, const float *x,
                                const adi_pool2d_dims *d);
ad_status adi_resize_fwd_cpu(const adi_exec *ex, float *y, const float *x, const adi_resize_dims *d);
size_t adi_mahalanobis_scratch_cpu(adi_pc d, int64_t r, int32_t num_threads);
ad_status adi_mahalanobis_fwd_cpu(const adi_exec *ex, float *dist, const float *x, const float *mean,
                                  const float *at, adi_pc d, int64_t r);
ad_status adi_cholesky_f64_cpu(double *a, int64_t n);
ad_status adi_trinv_f64_cpu(double *l, int64_t n);
size_t adi_eigen_work_cpu(int64_t n);
ad_status adi_eigen_f64_cpu(double *a, double *values, int64_t n, double *work);
size_t adi_position_gaussian_add_scratch_cpu(const adi_position_dims *d, int64_t images,
                                             int32_t num_threads);
void adi_position_gaussian_add_cpu(const adi_exec *ex, double *sums, const float *x, const float *shift,
                                   int64_t images, const adi_position_dims *d);
size_t adi_position_gaussian_factor_scratch_cpu(const adi_position_dims *d, int32_t num_threads);
ad_status adi_position_gaussian_factor_cpu(const adi_exec *ex, float *factor, double *trace,
                                           const double *sums, int64_t n, const adi_position_scale *scale,
                                           const adi_position_dims *d);
size_t adi_position_gaussian_fwd_scratch_cpu(const adi_position_dims *d, int32_t num_threads);
ad_status adi_position_gaussian_fwd_cpu(const adi_exec *ex, float *dist, const float *x, const float *mean,
                                        const float *factor, const adi_position_dims *d);

#endif
