/* The reference backend: plain loops with double sums, one thread. It is the specification. */
#ifndef ADI_REF_H
#define ADI_REF_H

#include "backend.h"

size_t adi_conv2d_scratch_ref(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_conv2d_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *w,
                             const adi_epilogue *e, const adi_conv2d_dims *d);
adi_conv2d_algorithm adi_conv2d_choose_ref(const adi_conv2d_dims *d, adi_conv2d_algorithm wanted);
size_t adi_conv2d_packed_bytes_ref(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
void adi_conv2d_pack_ref(void *packed, const float *w, const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
size_t adi_conv2d_packed_scratch_ref(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm, int32_t num_threads);
ad_status adi_conv2d_packed_fwd_ref(const adi_exec *ex, float *y, const float *x, const void *packed,
                                    const adi_epilogue *e, const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
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
void adi_resample_row_ref(uint8_t *out, const uint8_t *in, const adi_resample *a, int64_t n, int64_t channels);
void adi_resample_rows_ref(uint8_t *out, const adi_resample_ring *ring, int64_t start, int64_t count,
                           const int32_t *weight, int64_t n);
ad_status adi_resize_fwd_ref(const adi_exec *ex, float *y, const float *x, const adi_resize_dims *d);
size_t adi_blur_scratch_ref(const adi_blur_dims *d, int32_t num_threads);
ad_status adi_blur_ref(const adi_exec *ex, float *map, const double *weights, const adi_blur_dims *d);
ad_status adi_row_sums_ref(const adi_exec *ex, float *sums, const float *x, int64_t rows, int64_t columns, int64_t c);
ad_status adi_mean_fwd_ref(const adi_exec *ex, double *mean, const float *x, adi_pc d);
size_t adi_mahalanobis_packed_bytes_ref(const double *a, int64_t c, int64_t r);
void adi_mahalanobis_pack_ref(void *packed, const double *a, int64_t c, int64_t r);
size_t adi_mahalanobis_scratch_ref(adi_pc d, int64_t r, int32_t num_threads);
ad_status adi_mahalanobis_fwd_ref(const adi_exec *ex, float *dist, const float *x, const float *mean,
                                  const void *packed, adi_pc d, int64_t r);
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

size_t adi_conv2d_bwd_data_scratch_ref(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_conv2d_bwd_data_ref(const adi_exec *ex, float *dx, const float *dy, const float *w,
                                  const adi_epilogue *e, const adi_conv2d_dims *d);
size_t adi_conv2d_bwd_weight_scratch_ref(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_conv2d_bwd_weight_ref(const adi_exec *ex, float *dw, const float *x, const float *dy,
                                    const adi_conv2d_dims *d);
ad_status adi_bias_bwd_ref(const adi_exec *ex, float *db, const float *dy, adi_pc d);
size_t adi_batchnorm_train_scratch_ref(adi_pc d, int32_t num_threads);
ad_status adi_batchnorm_stats_ref(const adi_exec *ex, double *mean, double *var, const float *x, adi_pc d);
ad_status adi_batchnorm_bwd_ref(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                                const float *dy, const float *x, const adi_batchnorm_batch *b,
                                adi_act act, adi_pc d);
ad_status adi_activation_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *y,
                                 adi_act act, adi_pc d);
ad_status adi_maxpool2d_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *x,
                                const adi_pool2d_dims *d);
ad_status adi_resize_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const adi_resize_dims *d);
ad_status adi_copy_channels_ref(const adi_exec *ex, float *y, int64_t y_stride, const float *x,
                                int64_t x_stride, adi_pc d);
ad_status adi_leaky_relu_fwd_ref(const adi_exec *ex, float *y, const float *x, double slope, int64_t n);
ad_status adi_leaky_relu_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *y, double slope,
                                 int64_t n);
ad_status adi_clamp_fwd_ref(const adi_exec *ex, float *y, const float *x, double limit, int64_t n);
ad_status adi_clamp_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *y, double limit,
                            int64_t n);
ad_status adi_gain_fwd_ref(const adi_exec *ex, float *y, const float *x, double factor, int64_t n);
ad_status adi_pad2d_fwd_ref(const adi_exec *ex, float *y, const float *x, const adi_pad2d_dims *d);
ad_status adi_pad2d_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const adi_pad2d_dims *d);
ad_status adi_permute_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *index, int32_t inverse,
                              adi_pc d);
ad_status adi_posenc2d_fwd_ref(const adi_exec *ex, float *y, const adi_pad2d_dims *d);
ad_status adi_coupling_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *st, int32_t inverse,
                               const adi_coupling_dims *d);
ad_status adi_coupling_bwd_ref(const adi_exec *ex, float *dx, float *dst, const float *dy, const float *x,
                               const float *st, const adi_coupling_dims *d);
ad_status adi_logdet_fwd_ref(const adi_exec *ex, float *y, const float *st, const adi_coupling_dims *d);
ad_status adi_logdet_bwd_ref(const adi_exec *ex, float *dst, const float *dy, const float *st,
                             const adi_coupling_dims *d);
size_t adi_groupnorm_scratch_ref(const adi_npc *d);
ad_status adi_groupnorm_fwd_ref(const adi_exec *ex, float *y, const float *x, const adi_groupnorm *g, const adi_npc *d);
ad_status adi_groupnorm_bwd_ref(const adi_exec *ex, float *dx, float *dweight, float *dbias, const float *dy,
                                const float *x, const adi_groupnorm *g, const adi_npc *d);
ad_status adi_srugate_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *h, const float *w,
                              int32_t soft, adi_pc d);
ad_status adi_srugate_bwd_ref(const adi_exec *ex, float *dx, float *dt, const float *dy, const float *x, const float *h,
                              const float *w, int32_t soft, adi_pc d);
size_t adi_softfuse_scratch_ref(const adi_npc *d);
ad_status adi_softfuse_fwd_ref(const adi_exec *ex, float *y, const float *a, const float *b, int32_t joint,
                               const adi_npc *d);
ad_status adi_softfuse_bwd_ref(const adi_exec *ex, float *da, float *db, const float *dy, const float *a,
                               const float *b, int32_t joint, const adi_npc *d);
ad_status adi_simam_fwd_ref(const adi_exec *ex, float *y, const float *x, double lambda, const adi_npc *d);
ad_status adi_simam_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *x, double lambda,
                            const adi_npc *d);
ad_status adi_mask2d_ref(const adi_exec *ex, float *y, const float *x, uint64_t key, double rate, adi_pc d);
ad_status adi_cosine_fwd_ref(const adi_exec *ex, float *dist, const float *a, const float *b, adi_pc d);
ad_status adi_cosine_bwd_ref(const adi_exec *ex, float *da, const float *a, const float *b, float scale, adi_pc d);
ad_status adi_sqdist_fwd_ref(const adi_exec *ex, float *dist, const float *a, const float *b, adi_pc d);
ad_status adi_weighted_difference_ref(const adi_exec *ex, float *y, const float *a, const float *b,
                                      const float *weight, double alpha, adi_pc d);
/* max(|x|, ADI_LEAST_LENGTH_REF), or NaN. */
#define ADI_LEAST_LENGTH_REF 1e-12
double adi_l2norm_length_ref(const float *x, int64_t c);
ad_status adi_l2norm_fwd_ref(const adi_exec *ex, float *y, const float *x, adi_pc d);
ad_status adi_l2norm_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *x, adi_pc d);
ad_status adi_cosdist_fwd_ref(const adi_exec *ex, float *dist, const float *s, const float *t, adi_pc d);
ad_status adi_cosdist_bwd_ref(const adi_exec *ex, float *ds, const float *s, const float *t, float scale,
                              adi_pc d);
size_t adi_sum_scratch_ref(int64_t n, int32_t num_threads);
double adi_sum_ref(const adi_exec *ex, const float *x, int64_t n);
double adi_sum_squares_ref(const adi_exec *ex, const float *x, int64_t n);
double adi_sum_products_ref(const adi_exec *ex, const float *a, const float *b, int64_t n);
double adi_sum_squared_error_ref(const adi_exec *ex, const float *a, const float *b, int64_t n);
ad_status adi_scaled_difference_ref(const adi_exec *ex, float *y, const float *a, const float *b,
                                    float alpha, int32_t accumulate, int64_t n);
ad_status adi_sgd_step_ref(const adi_exec *ex, float *w, float *velocity, const float *g, const adi_sgd *o,
                           int64_t n);
ad_status adi_adam_step_ref(const adi_exec *ex, float *w, float *m, float *v, const float *g,
                            const adi_adam *o, int64_t n);

#endif
