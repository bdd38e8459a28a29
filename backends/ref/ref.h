/* The reference backend: plain loops with double sums, one thread. It is the specification. */
#ifndef ADI_REF_H
#define ADI_REF_H

#include "backend.h"

size_t adi_conv2d_scratch_ref(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_conv2d_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *w,
                             const adi_epilogue *e, const adi_conv2d_dims *d);
ad_status adi_dwconv2d_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *w,
                               const adi_epilogue *e, const adi_conv2d_dims *d);
ad_status adi_batchnorm_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *scale,
                                const float *shift, adi_act act, adi_pc d);
ad_status adi_activation_fwd_ref(const adi_exec *ex, float *y, const float *x, adi_act act, adi_pc d);
ad_status adi_add_fwd_ref(const adi_exec *ex, float *y, const float *a, const float *b, adi_act act,
                          adi_pc d);
ad_status adi_mul_fwd_ref(const adi_exec *ex, float *y, const float *a, const float *gate, adi_pc d);
ad_status adi_maxpool2d_fwd_ref(const adi_exec *ex, float *y, const float *x,
                                const adi_pool2d_dims *d);
ad_status adi_resize_fwd_ref(const adi_exec *ex, float *y, const float *x, const adi_resize_dims *d);
ad_status adi_mean_fwd_ref(const adi_exec *ex, double *mean, const float *x, adi_pc d);
size_t adi_mahalanobis_scratch_ref(adi_pc d, int64_t r, int32_t num_threads);
ad_status adi_mahalanobis_fwd_ref(const adi_exec *ex, float *dist, const float *x, const float *mean,
                                  const float *at, adi_pc d, int64_t r);
void adi_syrk_f64_ref(double *s, const double *d, adi_pc dims);
ad_status adi_cholesky_f64_ref(double *a, int64_t n);
ad_status adi_trinv_f64_ref(double *l, int64_t n);
size_t adi_eigen_work_ref(int64_t n);
ad_status adi_eigen_f64_ref(double *a, double *values, int64_t n, double *work);
size_t adi_position_gaussian_add_scratch_ref(const adi_position_dims *d, int64_t images,
                                             int32_t num_threads);
void adi_position_gaussian_add_ref(const adi_exec *ex, double *sums, const float *x, const float *shift,
                                   int64_t images, const adi_position_dims *d);
size_t adi_position_gaussian_factor_scratch_ref(const adi_position_dims *d, int32_t num_threads);
ad_status adi_position_gaussian_factor_ref(const adi_exec *ex, float *factor, double *trace,
                                           const double *sums, int64_t n, const adi_position_scale *scale,
                                           const adi_position_dims *d);
size_t adi_position_gaussian_fwd_scratch_ref(const adi_position_dims *d, int32_t num_threads);
ad_status adi_position_gaussian_fwd_ref(const adi_exec *ex, float *dist, const float *x, const float *mean,
                                        const float *factor, const adi_position_dims *d);

#endif
