/* The cpu backend: threads over tiles. The size of a tile follows from the shape alone, so that the
 * bits do not depend on the number of threads. A kernel that is slower here than in ref is
 * ref's. */
#ifndef ADI_CPU_H
#define ADI_CPU_H

#include "backend.h"

typedef struct adi_isa adi_isa; /* isa_cpu.h: the kernels of an instruction set */

enum { ADI_LANES = 16 }; /* columns of a packed GEMM panel: channels that lie side by side */

static inline int64_t adi_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t adi_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Round up to whole cache lines, so that the scratch of two threads shares none. */
static inline size_t adi_whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* ---- parallel_cpu.c ---- */

/* A range of iterations, and the thread that runs it. */
typedef struct adi_share {
    int64_t begin, end;
    int32_t thread; /* 0 .. num_threads - 1: which part of the scratch is this thread's */
} adi_share;

typedef void adi_loop_body(void *call, adi_share s);
/* Run iterations 0 .. count - 1 on up to num_threads threads and wait for them. With grain 0 every
 * thread gets one fixed range; else threads take ranges of `grain` iterations as they come. On one
 * thread, or inside of such a loop, it is a plain call. */
void adi_parallel_cpu(int32_t num_threads, int64_t count, int64_t grain, adi_loop_body *body,
                      void *call);
/* A context is created that wants num_threads: returns how many it gets. */
int32_t adi_threads_begin_cpu(int32_t num_threads);
void adi_threads_end_cpu(void);

/* ---- gemm_cpu.c, on the calling thread only ---- */

/* C[m,n] = A[m,k] B[k,n], row-major with leading dimensions. */
void adi_sgemm_cpu(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                   int64_t ldb, float *c, int64_t ldc);
/* C[m,n] = A^T B + beta C, where A is [k,m]. */
void adi_sgemm_tn_cpu(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float beta, float *c, int64_t ldc);
const char *adi_blas_describe_cpu(void);
const char *adi_blas_warning_cpu(void);

/* ---- Convolutions ---- */

/* Where a convolution writes: the result of (oy, ox) goes to position (top + step * oy,
 * left + step * ox) of a map of h x w. The residual has the shape of that map. The gradient of a
 * strided convolution is several such convolutions, whose padding may be negative. */
typedef struct adi_conv2d_layout {
    int64_t h, w, top, left, step;
} adi_conv2d_layout;

/* Whether results follow one another and fill a map of their own. */
static inline int adi_conv2d_is_dense_cpu(const adi_conv2d_dims *d, const adi_conv2d_layout *at)
{
    return at->step == 1 && at->top == 0 && at->left == 0 && at->h == d->oh && at->w == d->ow;
}

/* Whether the input is its own im2col matrix. */
static inline int adi_conv2d_is_pointwise_cpu(const adi_conv2d_dims *d)
{
    return d->kh == 1 && d->kw == 1 && d->stride == 1 && d->pad_top == 0 && d->pad_left == 0 &&
           d->oh == d->h && d->ow == d->w;
}

/* conv2d_cpu.c: a convolution with filters that are used once, written to a layout. */
size_t adi_conv2d_layout_scratch_cpu(const adi_conv2d_dims *d, const adi_conv2d_layout *at,
                                     int32_t num_threads);
ad_status adi_conv2d_layout_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                                    const adi_epilogue *e, const adi_conv2d_dims *d,
                                    const adi_conv2d_layout *at);
/* conv2d_blas_cpu.c: the same as im2col and GEMM, by tiles, on OpenBLAS, which packs the filters
 * itself. */
size_t adi_conv2d_blas_scratch_cpu(const adi_conv2d_dims *d, const adi_conv2d_layout *at,
                                   int32_t num_threads);
ad_status adi_conv2d_blas_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                              const adi_epilogue *e, const adi_conv2d_dims *d,
                              const adi_conv2d_layout *at);

/* Output positions that lie side by side in one row of the result. */
typedef struct adi_conv2d_run {
    int64_t n, oy, ox, count;
} adi_conv2d_run;

/* The run that begins at position p and does not go past `end`. */
static inline adi_conv2d_run adi_conv2d_run_cpu(const adi_conv2d_dims *d, int64_t p, int64_t end)
{
    const int64_t ox = p % d->ow, oy = p / d->ow;
    return (adi_conv2d_run){oy / d->oh, oy % d->oh, ox, adi_min(d->ow - ox, end - p)};
}

/* im2col_cpu.c: make rows [p1 - p0, (ky1 - ky0) * kw * c] of the im2col matrix, for output
 * positions p0 .. p1 and kernel rows ky0 .. ky1. */
void adi_im2col_cpu(float *rows, const float *x, const adi_conv2d_dims *d, int64_t ky0, int64_t ky1,
                    int64_t p0, int64_t p1);

/* epilogue_cpu.c: y[i, k0 .. k1) = act(y + bias + residual) for positions p0 .. p1 of k
 * channels. */
void adi_epilogue_cpu(float *y, const adi_epilogue *e, int64_t k, int64_t p0, int64_t p1,
                      int64_t k0, int64_t k1);

/* winograd_cpu.c, winograd_wgrad_cpu.c: 3x3 with stride 1, of any size. adi_winograd_suits_cpu
 * returns whether that is faster. One scratch function for the first two, one for the last. */
int adi_winograd_suits_cpu(const adi_conv2d_dims *d);
adi_conv2d_scratch_fn adi_winograd_scratch_cpu, adi_winograd_wgrad_scratch_cpu;
adi_conv2d_fn adi_winograd_fwd_cpu, adi_winograd_bwd_data_cpu;
adi_conv2d_bwd_weight_fn adi_winograd_bwd_weight_cpu;

/* ---- Small pieces ---- */

/* activation_cpu.c: n values in place. */
void adi_activate_cpu(float *y, int64_t n, adi_act act);
/* sum_cpu.c: the sum in double of a[i] * b[i]. */
double adi_dot_cpu(const float *a, const float *b, int64_t n);
/* l2norm_cpu.c: 1 / max(|x|, ADI_LEAST_LENGTH_CPU). */
#define ADI_LEAST_LENGTH_CPU 1e-12
double adi_inverse_length_cpu(const float *x, int64_t c);

/* ---- The kernels, in the order of the table ---- */

adi_parallel_for_fn adi_parallel_for_cpu;

adi_conv2d_fn adi_conv2d_fwd_cpu, adi_dwconv2d_fwd_cpu, adi_conv2d_bwd_data_cpu;
adi_conv2d_scratch_fn adi_conv2d_scratch_cpu, adi_conv2d_bwd_data_scratch_cpu,
    adi_conv2d_bwd_weight_scratch_cpu;
adi_conv2d_bwd_weight_fn adi_conv2d_bwd_weight_cpu;
adi_bias_bwd_fn adi_bias_bwd_cpu;
adi_conv2d_choose_fn adi_conv2d_choose_cpu;
adi_conv2d_packed_bytes_fn adi_conv2d_packed_bytes_cpu;
adi_conv2d_pack_fn adi_conv2d_pack_cpu;
adi_conv2d_packed_scratch_fn adi_conv2d_packed_scratch_cpu;
adi_conv2d_packed_fwd_fn adi_conv2d_packed_fwd_cpu;
adi_conv2d_gated_suits_fn adi_conv2d_gated_suits_cpu;
adi_conv2d_scratch_fn adi_conv2d_gated_scratch_cpu;
adi_conv2d_gated_fwd_fn adi_conv2d_gated_fwd_cpu;
adi_expand_dw_suits_fn adi_expand_dw_suits_cpu;
adi_conv2d_scratch_fn adi_expand_dw_scratch_cpu;
adi_expand_dw_fwd_fn adi_expand_dw_fwd_cpu;

adi_batchnorm_fwd_fn adi_batchnorm_fwd_cpu;
adi_activation_fwd_fn adi_activation_fwd_cpu;
adi_activation_bwd_fn adi_activation_bwd_cpu;
adi_add_fwd_fn adi_add_fwd_cpu;
adi_mul_fwd_fn adi_mul_fwd_cpu;
adi_scalar_fwd_fn adi_leaky_relu_fwd_cpu, adi_clamp_fwd_cpu;
adi_gain_fwd_fn adi_gain_fwd_cpu;
adi_scalar_bwd_fn adi_leaky_relu_bwd_cpu, adi_clamp_bwd_cpu;
adi_mask2d_fn adi_mask2d_cpu;
adi_scaled_difference_fn adi_scaled_difference_cpu;
adi_weighted_difference_fn adi_weighted_difference_cpu;

adi_copy_channels_fn adi_copy_channels_cpu;
adi_permute_fwd_fn adi_permute_fwd_cpu;
adi_pad2d_fn adi_pad2d_fwd_cpu, adi_pad2d_bwd_cpu;
adi_posenc2d_fwd_fn adi_posenc2d_fwd_cpu;
adi_maxpool2d_fwd_fn adi_maxpool2d_fwd_cpu;
adi_maxpool2d_bwd_fn adi_maxpool2d_bwd_cpu;
adi_resize_fn adi_resize_fwd_cpu, adi_resize_bwd_cpu;
adi_resample_row_fn adi_resample_row_cpu;
adi_resample_rows_fn adi_resample_rows_cpu;
adi_blur_scratch_fn adi_blur_scratch_cpu;
adi_blur_fn adi_blur_cpu;

adi_row_sums_fn adi_row_sums_cpu;
adi_mean_fwd_fn adi_mean_fwd_cpu;
adi_globalavgpool2d_fwd_fn adi_globalavgpool2d_fwd_cpu;
adi_gather_channels_fn adi_gather_channels_cpu;
adi_sum_scratch_fn adi_sum_scratch_cpu;
adi_sum_fn adi_sum_cpu, adi_sum_squares_cpu;
adi_sum_pairs_fn adi_sum_squared_error_cpu, adi_sum_products_cpu;

adi_batchnorm_train_scratch_fn adi_batchnorm_train_scratch_cpu;
adi_batchnorm_stats_fn adi_batchnorm_stats_cpu;
adi_batchnorm_bwd_fn adi_batchnorm_bwd_cpu;
adi_npc_scratch_fn adi_groupnorm_scratch_cpu, adi_softfuse_scratch_cpu;
adi_groupnorm_fwd_fn adi_groupnorm_fwd_cpu;
adi_groupnorm_bwd_add_fn adi_groupnorm_bwd_add_cpu;
adi_l2norm_fwd_fn adi_l2norm_fwd_cpu;
adi_l2norm_bwd_fn adi_l2norm_bwd_cpu;
adi_srugate_fwd_fn adi_srugate_fwd_cpu;
adi_srugate_bwd_fn adi_srugate_bwd_cpu;
adi_softfuse_fwd_fn adi_softfuse_fwd_cpu;
adi_softfuse_bwd_fn adi_softfuse_bwd_cpu;
adi_simam_fwd_fn adi_simam_fwd_cpu;
adi_simam_bwd_fn adi_simam_bwd_cpu;

adi_coupling_fwd_fn adi_coupling_fwd_cpu;
adi_coupling_bwd_fn adi_coupling_bwd_cpu;
adi_logdet_fwd_fn adi_logdet_fwd_cpu;
adi_logdet_bwd_fn adi_logdet_bwd_cpu;

adi_distance_fwd_fn adi_cosine_fwd_cpu, adi_cosdist_fwd_cpu, adi_sqdist_fwd_cpu;
adi_distance_bwd_fn adi_cosine_bwd_cpu, adi_cosdist_bwd_cpu;
adi_mahalanobis_packed_bytes_fn adi_mahalanobis_packed_bytes_cpu;
adi_mahalanobis_pack_fn adi_mahalanobis_pack_cpu;
adi_mahalanobis_scratch_fn adi_mahalanobis_scratch_cpu;
adi_mahalanobis_fwd_fn adi_mahalanobis_fwd_cpu;

adi_syrk_add_f64_fn adi_syrk_add_f64_cpu;
adi_triangular_f64_fn adi_cholesky_f64_cpu, adi_trinv_f64_cpu;
adi_eigen_work_fn adi_eigen_work_cpu;
adi_eigen_f64_fn adi_eigen_f64_cpu;
adi_position_gaussian_add_scratch_fn adi_position_gaussian_add_scratch_cpu;
adi_position_gaussian_add_fn adi_position_gaussian_add_cpu;
adi_position_gaussian_scratch_fn adi_position_gaussian_factor_scratch_cpu;
adi_position_gaussian_factor_fn adi_position_gaussian_factor_cpu;
adi_position_gaussian_scratch_fn adi_position_gaussian_fwd_scratch_cpu;
adi_position_gaussian_fwd_fn adi_position_gaussian_fwd_cpu;

adi_sgd_step_fn adi_sgd_step_cpu;
adi_adam_step_fn adi_adam_step_cpu;

#endif
