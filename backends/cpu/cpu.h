/* The cpu backend: threads over tiles whose size follows from the shape alone, so that the bits do
 * not depend on the number of threads. Kernels not listed here are those of ref. */
#ifndef ADI_CPU_H
#define ADI_CPU_H

#include "backend.h"

typedef struct adi_isa adi_isa; /* isa_cpu.h: the kernels of an instruction set */

enum { ADI_LANES = 16 }; /* channels that lie side by side where they are laid out for kernels: a panel */

static inline int64_t adi_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t adi_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Bytes in whole cache lines, so that threads' shares of the scratch do not share one. */
static inline size_t adi_whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* parallel_cpu.c: a loop over 0 .. count, shared by up to num_threads threads, in ranges that are
 * known beforehand (grain 0) or of `grain` turns each, taken as they come. With one thread, or
 * inside of such a loop, it is a plain call. Returns when all is done. */
typedef struct adi_share {
    int64_t begin, end;
    int32_t thread; /* 0 .. num_threads - 1, each one's alone: which part of the scratch to use */
} adi_share;

typedef void adi_shared_loop(void *call, adi_share s);
void adi_parallel_cpu(int32_t num_threads, int64_t count, int64_t grain, adi_shared_loop *turns,
                      void *call);
void adi_each_cpu(int32_t num_threads, int64_t count, void (*task)(void *user, int64_t i),
                  void *user);
/* A context begins, which wants this many threads; returns how many there are. */
int32_t adi_threads_begin_cpu(int32_t num_threads);
void adi_threads_end_cpu(void);

/* gemm_cpu.c: C[m,n] = A[m,k] B[k,n], row-major with leading dimensions, on the calling thread only. */
void adi_sgemm_cpu(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                   int64_t ldb, float *c, int64_t ldc);
/* C[m,n] = A^T B + beta C, where A is [k,m]. */
void adi_sgemm_tn_cpu(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float beta, float *c, int64_t ldc);
void adi_syrk_f64_cpu(double *s, const double *d, adi_pc dims);
const char *adi_blas_describe_cpu(void);
const char *adi_blas_warning_cpu(void);

/* epilogue_cpu.c: y[i, k0 .. k1) = act(y + bias + residual) for positions p0 .. p1 of rows of k. */
void adi_epilogue_cpu(float *y, const adi_epilogue *e, int64_t k, int64_t p0, int64_t p1, int64_t k0,
                      int64_t k1);

/* activation_cpu.c: n values in place. */
void adi_activate_cpu(float *y, int64_t n, adi_act act);

/* conv2d_cpu.c: a convolution with filters that are used once. Where results go: that of (oy, ox) to (top + step * oy,
 * left + step * ox) of a map of h x w, which the residual has the shape of too. Padding before may be negative. */
typedef struct adi_conv2d_place {
    int64_t h, w, top, left, step;
} adi_conv2d_place;

/* conv2d_tiles_cpu.c: on OpenBLAS, which packs the filters itself */
size_t adi_conv2d_tiles_scratch_cpu(const adi_conv2d_dims *d, const adi_conv2d_place *at, int32_t num_threads);
ad_status adi_conv2d_tiles_cpu(const adi_exec *ex, float *y, const float *x, const float *w, const adi_epilogue *e,
                               const adi_conv2d_dims *d, const adi_conv2d_place *at);
size_t adi_conv2d_placed_scratch_cpu(const adi_conv2d_dims *d, const adi_conv2d_place *at,
                                     int32_t num_threads);
ad_status adi_conv2d_placed_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                                const adi_epilogue *e, const adi_conv2d_dims *d,
                                const adi_conv2d_place *at);
/* Whether the input is its own unfolding. */
static inline int adi_conv2d_is_pointwise_cpu(const adi_conv2d_dims *d)
{
    return d->kh == 1 && d->kw == 1 && d->stride == 1 && d->pad_top == 0 && d->pad_left == 0 && d->oh == d->h &&
           d->ow == d->w;
}

/* Whether results go side by side to a map of their own. */
static inline int adi_conv2d_in_place_cpu(const adi_conv2d_dims *d, const adi_conv2d_place *at)
{
    return at->step == 1 && at->top == 0 && at->left == 0 && at->h == d->oh && at->w == d->ow;
}

/* conv2d_unfold_cpu.c: positions that lie side by side in a row of the result. */
typedef struct adi_conv2d_run {
    int64_t n, oy, ox, count;
} adi_conv2d_run;

/* The run that begins at p and does not go past end. */
static inline adi_conv2d_run adi_conv2d_run_cpu(const adi_conv2d_dims *d, int64_t p, int64_t end)
{
    const int64_t ox = p % d->ow, oy = p / d->ow;
    return (adi_conv2d_run){oy / d->oh, oy % d->oh, ox, adi_min(d->ow - ox, end - p)};
}

/* rows[p1 - p0, (ky1 - ky0) * kw * c]: what the kernel rows ky0 .. ky1 see of x at positions p0 .. p1. */
void adi_conv2d_unfold_cpu(float *rows, const float *x, const adi_conv2d_dims *d, int64_t ky0, int64_t ky1,
                           int64_t p0, int64_t p1);

/* sum_cpu.c: the sum in double of a[i] * b[i]. */
double adi_dot_cpu(const float *a, const float *b, int64_t n);

/* l2norm_cpu.c: 1 / max(|x|, ADI_LEAST_LENGTH_CPU). */
#define ADI_LEAST_LENGTH_CPU 1e-12
double adi_inverse_length_cpu(const float *x, int64_t c);

size_t adi_conv2d_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_conv2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                             const adi_epilogue *e, const adi_conv2d_dims *d);
adi_conv2d_algorithm adi_conv2d_choose_cpu(const adi_conv2d_dims *d, adi_conv2d_algorithm wanted);
size_t adi_conv2d_packed_bytes_cpu(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
void adi_conv2d_pack_cpu(void *packed, const float *w, const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
size_t adi_conv2d_packed_scratch_cpu(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm, int32_t num_threads);
ad_status adi_conv2d_packed_fwd_cpu(const adi_exec *ex, float *y, const float *x, const void *packed,
                                    const adi_epilogue *e, const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);

/* winograd_cpu.c, winograd_wgrad_cpu.c: 3x3 with stride 1, the kernels of conv2d_fwd, conv2d_bwd_data and
 * conv2d_bwd_weight. Any size will do; `suits` says where they are the faster ones. One scratch for the first
 * two, one for the last. */
int adi_winograd_suits_cpu(const adi_conv2d_dims *d);
size_t adi_winograd_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_winograd_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w, const adi_epilogue *e,
                               const adi_conv2d_dims *d);
ad_status adi_winograd_bwd_data_cpu(const adi_exec *ex, float *dx, const float *dy, const float *w,
                                    const adi_epilogue *e, const adi_conv2d_dims *d);
size_t adi_winograd_wgrad_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_winograd_bwd_weight_cpu(const adi_exec *ex, float *dw, const float *x, const float *dy,
                                      const adi_conv2d_dims *d);

/* conv2d_gated_cpu.c */
int adi_conv2d_gated_suits_cpu(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
size_t adi_conv2d_gated_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_conv2d_gated_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *gate, const void *packed,
                                   const adi_epilogue *e, const adi_conv2d_dims *d);
ad_status adi_dwconv2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                               const adi_epilogue *e, const adi_conv2d_dims *d);
int adi_expand_dw_suits_cpu(const adi_conv2d_dims *first, const adi_conv2d_dims *d, adi_conv2d_algorithm wanted);
size_t adi_expand_dw_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_expand_dw_fwd_cpu(const adi_exec *ex, float *y, const float *x, const adi_expansion *first,
                                const float *w, const adi_epilogue *e, const adi_conv2d_dims *d);
ad_status adi_batchnorm_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *scale,
                                const float *shift, adi_act act, adi_pc d);
ad_status adi_activation_fwd_cpu(const adi_exec *ex, float *y, const float *x, adi_act act, adi_pc d);
ad_status adi_add_fwd_cpu(const adi_exec *ex, float *y, const float *a, const float *b, adi_act act,
                          adi_pc d);
ad_status adi_mul_fwd_cpu(const adi_exec *ex, float *y, const float *a, const float *gate, adi_pc d);
size_t adi_blur_scratch_cpu(const adi_blur_dims *d, int32_t num_threads);
ad_status adi_blur_cpu(const adi_exec *ex, float *map, const double *weights, const adi_blur_dims *d);
ad_status adi_row_sums_cpu(const adi_exec *ex, float *sums, const float *x, int64_t rows, int64_t columns, int64_t c);
ad_status adi_mean_fwd_cpu(const adi_exec *ex, double *mean, const float *x, adi_pc d);
ad_status adi_maxpool2d_fwd_cpu(const adi_exec *ex, float *y, const float *x,
                                const adi_pool2d_dims *d);
void adi_resample_row_cpu(uint8_t *out, const uint8_t *in, const adi_resample *a, int64_t n, int64_t channels);
void adi_resample_rows_cpu(uint8_t *out, const adi_resample_ring *ring, int64_t start, int64_t count,
                           const int32_t *weight, int64_t n);
ad_status adi_resize_fwd_cpu(const adi_exec *ex, float *y, const float *x, const adi_resize_dims *d);
size_t adi_mahalanobis_packed_bytes_cpu(const double *a, int64_t c, int64_t r);
void adi_mahalanobis_pack_cpu(void *packed, const double *a, int64_t c, int64_t r);
size_t adi_mahalanobis_scratch_cpu(adi_pc d, int64_t r, int32_t num_threads);
ad_status adi_mahalanobis_fwd_cpu(const adi_exec *ex, float *dist, const float *x, const float *mean,
                                  const void *packed, adi_pc d, int64_t r);
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

size_t adi_conv2d_bwd_data_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_conv2d_bwd_data_cpu(const adi_exec *ex, float *dx, const float *dy, const float *w,
                                  const adi_epilogue *e, const adi_conv2d_dims *d);
size_t adi_conv2d_bwd_weight_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads);
ad_status adi_conv2d_bwd_weight_cpu(const adi_exec *ex, float *dw, const float *x, const float *dy,
                                    const adi_conv2d_dims *d);
ad_status adi_bias_bwd_cpu(const adi_exec *ex, float *db, const float *dy, adi_pc d);
size_t adi_batchnorm_train_scratch_cpu(adi_pc d, int32_t num_threads);
ad_status adi_batchnorm_stats_cpu(const adi_exec *ex, double *mean, double *var, const float *x, adi_pc d);
ad_status adi_batchnorm_bwd_cpu(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                                const float *dy, const float *x, const adi_batchnorm_batch *b, adi_act act,
                                adi_pc d);
ad_status adi_activation_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *y,
                                 adi_act act, adi_pc d);
ad_status adi_maxpool2d_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *x,
                                const adi_pool2d_dims *d);
ad_status adi_resize_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const adi_resize_dims *d);
ad_status adi_copy_channels_cpu(const adi_exec *ex, float *y, int64_t y_stride, const float *x,
                                int64_t x_stride, adi_pc d);
ad_status adi_leaky_relu_fwd_cpu(const adi_exec *ex, float *y, const float *x, double slope, int64_t n);
ad_status adi_leaky_relu_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *y, double slope,
                                 int64_t n);
ad_status adi_clamp_fwd_cpu(const adi_exec *ex, float *y, const float *x, double limit, int64_t n);
ad_status adi_clamp_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *y, double limit,
                            int64_t n);
ad_status adi_gain_fwd_cpu(const adi_exec *ex, float *y, const float *x, double factor, int64_t n);
ad_status adi_pad2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const adi_pad2d_dims *d);
ad_status adi_pad2d_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const adi_pad2d_dims *d);
ad_status adi_permute_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *index, int32_t inverse,
                              adi_pc d);
ad_status adi_posenc2d_fwd_cpu(const adi_exec *ex, float *y, const adi_pad2d_dims *d);
ad_status adi_coupling_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *st, int32_t inverse,
                               const adi_coupling_dims *d);
ad_status adi_coupling_bwd_cpu(const adi_exec *ex, float *dx, float *dst, const float *dy, const float *x,
                               const float *st, const adi_coupling_dims *d);
ad_status adi_logdet_fwd_cpu(const adi_exec *ex, float *y, const float *st, const adi_coupling_dims *d);
ad_status adi_logdet_bwd_cpu(const adi_exec *ex, float *dst, const float *dy, const float *st,
                             const adi_coupling_dims *d);
size_t adi_groupnorm_scratch_cpu(const adi_npc *d);
ad_status adi_groupnorm_fwd_cpu(const adi_exec *ex, float *y, const float *x, const adi_groupnorm *g, const adi_npc *d);
ad_status adi_groupnorm_bwd_cpu(const adi_exec *ex, float *dx, float *dweight, float *dbias, const float *dy,
                                const float *x, const adi_groupnorm *g, const adi_npc *d);
ad_status adi_srugate_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *h, const float *w,
                              int32_t soft, adi_pc d);
ad_status adi_srugate_bwd_cpu(const adi_exec *ex, float *dx, float *dt, const float *dy, const float *x, const float *h,
                              const float *w, int32_t soft, adi_pc d);
size_t adi_softfuse_scratch_cpu(const adi_npc *d);
ad_status adi_softfuse_fwd_cpu(const adi_exec *ex, float *y, const float *a, const float *b, int32_t joint,
                               const adi_npc *d);
ad_status adi_softfuse_bwd_cpu(const adi_exec *ex, float *da, float *db, const float *dy, const float *a,
                               const float *b, int32_t joint, const adi_npc *d);
ad_status adi_simam_fwd_cpu(const adi_exec *ex, float *y, const float *x, double lambda, const adi_npc *d);
ad_status adi_simam_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *x, double lambda,
                            const adi_npc *d);
ad_status adi_mask2d_cpu(const adi_exec *ex, float *y, const float *x, uint64_t key, double rate, adi_pc d);
ad_status adi_cosine_fwd_cpu(const adi_exec *ex, float *dist, const float *a, const float *b, adi_pc d);
ad_status adi_cosine_bwd_cpu(const adi_exec *ex, float *da, const float *a, const float *b, float scale, adi_pc d);
ad_status adi_sqdist_fwd_cpu(const adi_exec *ex, float *dist, const float *a, const float *b, adi_pc d);
ad_status adi_weighted_difference_cpu(const adi_exec *ex, float *y, const float *a, const float *b,
                                      const float *weight, double alpha, adi_pc d);
ad_status adi_l2norm_fwd_cpu(const adi_exec *ex, float *y, const float *x, adi_pc d);
ad_status adi_l2norm_bwd_cpu(const adi_exec *ex, float *dx, const float *dy, const float *x, adi_pc d);
ad_status adi_cosdist_fwd_cpu(const adi_exec *ex, float *dist, const float *s, const float *t, adi_pc d);
ad_status adi_cosdist_bwd_cpu(const adi_exec *ex, float *ds, const float *s, const float *t, float scale,
                              adi_pc d);
size_t adi_sum_scratch_cpu(int64_t n, int32_t num_threads);
double adi_sum_cpu(const adi_exec *ex, const float *x, int64_t n);
double adi_sum_squares_cpu(const adi_exec *ex, const float *x, int64_t n);
double adi_sum_products_cpu(const adi_exec *ex, const float *a, const float *b, int64_t n);
double adi_sum_squared_error_cpu(const adi_exec *ex, const float *a, const float *b, int64_t n);
ad_status adi_scaled_difference_cpu(const adi_exec *ex, float *y, const float *a, const float *b,
                                    float alpha, int32_t accumulate, int64_t n);
ad_status adi_sgd_step_cpu(const adi_exec *ex, float *w, float *velocity, const float *g, const adi_sgd *o,
                           int64_t n);
ad_status adi_adam_step_cpu(const adi_exec *ex, float *w, float *m, float *v, const float *g,
                            const adi_adam *o, int64_t n);

#endif
