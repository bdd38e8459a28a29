/* The interface between the library and a backend: the types of the kernels and the table of them.
 * A backend includes this header and its own folder, nothing from lib/.
 *
 * Layouts. Activations are float32 NHWC; a "position" is one (n, h, w), and its c channels are
 * contiguous. Weights of convolutions are [kh, kw, c, k] (HWIO), so that a convolution is a
 * row-major GEMM of the im2col matrix and the weights. Matrices of the statistics are row-major
 * doubles; symmetric ones are stored whole.
 *
 * Contract. It holds for every kernel; the comment of a kernel names its exceptions.
 *   outputs   are overwritten, whatever they hold. A kernel named *_add adds to its output.
 *   aliasing  An output overlaps no other argument. "In place" in a comment: it may be the input.
 *   NULL      No pointer is NULL, except in the epilogue of a convolution.
 *   scratch   A kernel with a *_scratch function uses that many bytes of ex->scratch, any other
 *             kernel none. Scratch is not initialised and holds nothing of use afterwards.
 *   threads   A kernel that takes `ex` uses up to ex->num_threads threads, others one. Any number
 *             of threads may call kernels at once, with scratch and outputs of their own.
 *   bits      follow from the shape and the values, not from the number of threads.
 *   checks    The caller checks arguments: a kernel gets shapes that fit together, and checks
 *             nothing.
 *   errors    A kernel returns a status and writes no message: the caller knows what it was doing.
 */
#ifndef ADI_BACKEND_H
#define ADI_BACKEND_H

#include "kernel_args.h"

/* ---- Threads ---- */

/* Run task(user, i) for i = 0 .. count - 1, each once, on up to num_threads threads. Kernels that a
 * task calls run on one thread. */
typedef void adi_parallel_for_fn(int32_t num_threads, int64_t count,
                                 void (*task)(void *user, int64_t i), void *user);

/* ---- Convolutions ---- */

/* y = act(conv(x, w) + bias + residual). dwconv2d_fwd is depthwise: k == c, w is [kh, kw, c].
 * conv2d_bwd_data, whose d is the forward convolution's, is the gradient dx [n, h, w, c] of
 * conv2d_fwd (here y) from dy (here x), plus bias and residual, through act: that is also the
 * forward of a transposed convolution. */
typedef ad_status adi_conv2d_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x, const adi_f32 *w,
                                const adi_epilogue *e, const adi_conv2d_dims *d);
typedef size_t adi_conv2d_scratch_fn(const adi_conv2d_dims *d, int32_t num_threads);

/* The same with filters that are packed once. conv2d_choose returns the algorithm for a shape:
 * `wanted`, if that can do it. conv2d_packed_bytes returns the size of its packed filters, or 0 if
 * it takes w itself as `packed`; then conv2d_pack does nothing. The bits of an image do not depend
 * on n, except with ADI_CONV2D_BLAS. */
typedef adi_conv2d_algorithm adi_conv2d_choose_fn(const adi_conv2d_dims *d,
                                                  adi_conv2d_algorithm wanted);
typedef size_t adi_conv2d_packed_bytes_fn(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
typedef void adi_conv2d_pack_fn(void *packed, const float *w, const adi_conv2d_dims *d,
                                adi_conv2d_algorithm algorithm);
typedef size_t adi_conv2d_packed_scratch_fn(const adi_conv2d_dims *d,
                                            adi_conv2d_algorithm algorithm, int32_t num_threads);
typedef ad_status adi_conv2d_packed_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                           const void *packed, const adi_epilogue *e,
                                           const adi_conv2d_dims *d,
                                           adi_conv2d_algorithm algorithm);

/* The convolution of one image whose channels are multiplied by gate[c] (squeeze-excitation), with
 * packed filters. conv2d_gated_suits returns whether the kernel takes filters packed for
 * `algorithm`. All three may be NULL in the table. */
typedef int adi_conv2d_gated_suits_fn(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
typedef ad_status adi_conv2d_gated_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                          const adi_f32 *gate, const void *packed,
                                          const adi_epilogue *e, const adi_conv2d_dims *d);

/* The depthwise convolution of a pointwise one, act(first(x)), without storing the result between.
 * expand_dw_suits returns whether that is faster; `wanted` is what conv2d_choose was asked for. All
 * three may be NULL in the table. */
typedef int adi_expand_dw_suits_fn(const adi_conv2d_dims *first, const adi_conv2d_dims *d,
                                   adi_conv2d_algorithm wanted);
typedef ad_status adi_expand_dw_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                       const adi_expansion *first, const adi_f32 *w,
                                       const adi_epilogue *e, const adi_conv2d_dims *d);

/* dw [kh, kw, c, k] = the sum over positions of x and dy. */
typedef ad_status adi_conv2d_bwd_weight_fn(const adi_exec *ex, adi_f32 *dw, const adi_f32 *x,
                                           const adi_f32 *dy, const adi_conv2d_dims *d);
/* db[c] = the sum over positions of dy. */
typedef ad_status adi_bias_bwd_fn(const adi_exec *ex, adi_f32 *db, const adi_f32 *dy, adi_pc d);

/* ---- One value in, one value out ---- */

/* y = act(x * scale[c] + shift[c]): batch norm that is not folded into a convolution. In place. */
typedef ad_status adi_batchnorm_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                       const adi_f32 *scale, const adi_f32 *shift, adi_act act,
                                       adi_pc d);
/* In place. */
typedef ad_status adi_activation_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                        adi_act act, adi_pc d);
/* dx from the result y of activation_fwd. act: RELU, RELU6 or SIGMOID, else AD_ERR_UNSUPPORTED.
 * In place: dx may be dy. */
typedef ad_status adi_activation_bwd_fn(const adi_exec *ex, adi_f32 *dx, const adi_f32 *dy,
                                        const adi_f32 *y, adi_act act, adi_pc d);
/* y = act(a + b). In place: y may be a or b. */
typedef ad_status adi_add_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *a, const adi_f32 *b,
                                 adi_act act, adi_pc d);
/* y[p, c] = a[p, c] * gate[c]: squeeze-excitation. In place: y may be a. */
typedef ad_status adi_mul_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *a,
                                 const adi_f32 *gate, adi_pc d);
/* n values and a number. In place.
 * leaky_relu_fwd: y = x, or slope x where x is negative.
 * clamp_fwd: y = x between -limit and limit.
 * divide_fwd: y = x / divisor, in double, then rounded. */
typedef ad_status adi_scalar_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x, double scalar,
                                    int64_t n);
/* y = factor[0] x; n values. In place. */
typedef ad_status adi_gain_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                  const adi_f32 *factor, int64_t n);
/* dx of leaky_relu_fwd or clamp_fwd, from the result y. In place: dx may be dy. */
typedef ad_status adi_scalar_bwd_fn(const adi_exec *ex, adi_f32 *dx, const adi_f32 *dy,
                                    const adi_f32 *y, double scalar, int64_t n);
/* y = x, or 0 where the mask of `key` is 0 at p; the mask is 0 at a share `rate` of positions. Also
 * its own gradient. In place. */
typedef ad_status adi_mask2d_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x, uint64_t key,
                                double rate, adi_pc d);
/* y = alpha (a - b), with `accumulate` added to y: the gradient of a squared error. */
typedef ad_status adi_scaled_difference_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *a,
                                           const adi_f32 *b, float alpha, int32_t accumulate,
                                           int64_t n);
/* y[p, c] = alpha weight[p] (a - b). b may be NULL: zeros; weight may be NULL: ones. In place: y
 * may be a or b. */
typedef ad_status adi_weighted_difference_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *a,
                                             const adi_f32 *b, const adi_f32 *weight, double alpha,
                                             adi_pc d);

/* ---- Moving and resizing values ---- */

/* y = 0; n values. */
typedef ad_status adi_zero_fn(const adi_exec *ex, adi_f32 *y, int64_t n);
/* y = x; n values. */
typedef ad_status adi_widen_fn(const adi_exec *ex, adi_f64 *y, const adi_f32 *x, int64_t n);
/* y = x, rounded to floats; n values. */
typedef ad_status adi_narrow_fn(const adi_exec *ex, adi_f32 *y, const adi_f64 *x, int64_t n);
/* Copy c channels at p positions, from rows of x_stride floats to rows of y_stride floats: one part
 * of a concatenation, or of its gradient. */
typedef ad_status adi_copy_channels_fn(const adi_exec *ex, adi_f32 *y, int64_t y_stride,
                                       const adi_f32 *x, int64_t x_stride, adi_pc d);
/* y[p, c] = x[p, index[c]]; with `inverse` y[p, index[c]] = x[p, c], which is also the gradient.
 * index: whole numbers, each of 0 .. c - 1 once. */
typedef ad_status adi_permute_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                     const adi_f32 *index, int32_t inverse, adi_pc d);
/* Copy channels of x [h, w, c] to a grid of vectors y [oh, ow, y_stride], from the nearest
 * position: y[i, j, pick[k, 1]] = x[floor(i h / oh), floor(j w / ow), pick[k, 0]] for k of 0 ..
 * count - 1. pick [count, 2]: whole numbers. */
typedef ad_status adi_gather_channels_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                         const adi_f32 *pick, const adi_gather_dims *d);
/* Pad with the values of the nearest position inside (PyTorch's 'replicate').
 * pad2d_bwd: dx (here y) from dy (here x). */
typedef ad_status adi_pad2d_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                               const adi_pad2d_dims *d);
/* y [n, h, w, c]: sines and cosines of column and row. c is a multiple of 4; d->pad is not used. */
typedef ad_status adi_posenc2d_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_pad2d_dims *d);
typedef ad_status adi_maxpool2d_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                       const adi_pool2d_dims *d);
/* The gradient goes to the first of equal maxima in the window's order, as in PyTorch. */
typedef ad_status adi_maxpool2d_bwd_fn(const adi_exec *ex, adi_f32 *dx, const adi_f32 *dy,
                                       const adi_f32 *x, const adi_pool2d_dims *d);
/* One map, bilinear with half-pixel centres (align_corners = false), not antialiased. resize_bwd:
 * dx [h, w, c] (here y) from dy [oh, ow, c] (here x), whose rows are y_stride floats apart. */
typedef ad_status adi_resize_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                const adi_resize_dims *d);
/* n outputs of a row of 8-bit samples, each of `channels` (1 or 3) values: weighted sums, rounded
 * and clipped to a byte. */
typedef void adi_resample_row_fn(uint8_t *out, const uint8_t *in, const adi_resample *a, int64_t n,
                                 int64_t channels);
/* The same down the columns of n bytes, over rows start .. start + count - 1. `out` has space for
 * whole blocks. */
typedef void adi_resample_rows_fn(uint8_t *out, const adi_resample_ring *ring, int64_t start,
                                  int64_t count, const int32_t *weight, int64_t n);
/* Blur a map in place along both axes; weights[k] is that of the two taps at distance k,
 * 0 .. radius. */
typedef ad_status adi_blur_fn(const adi_exec *ex, adi_f32 *map, const double *weights,
                              const adi_blur_dims *d);
typedef size_t adi_blur_scratch_fn(const adi_blur_dims *d, int32_t num_threads);

/* ---- Sums ---- */

/* sums[rows, c] of x[rows, columns, c]: the bits of the row_sums of a depthwise convolution. */
typedef ad_status adi_row_sums_fn(const adi_exec *ex, adi_f32 *sums, const adi_f32 *x, int64_t rows,
                                  int64_t columns, int64_t c);
/* y[n, c]: the mean over d->p rows of an image's sums[n, p, c], each of `columns` positions. */
typedef ad_status adi_globalavgpool2d_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *sums,
                                             int64_t columns, const adi_npc *d);
/* mean[c] over positions. */
typedef ad_status adi_mean_fwd_fn(const adi_exec *ex, adi_f64 *mean, const adi_f32 *x, adi_pc d);
/* out[0] = the sum of n values, or of their squares. */
typedef ad_status adi_sum_fn(const adi_exec *ex, adi_f64 *out, const adi_f32 *x, int64_t n);
/* out[0] = the sum of n squared errors (a - b)^2, or of n products a b. */
typedef ad_status adi_sum_pairs_fn(const adi_exec *ex, adi_f64 *out, const adi_f32 *a,
                                   const adi_f32 *b, int64_t n);
typedef size_t adi_sum_scratch_fn(int64_t n, int32_t num_threads);
/* out[0] = the sum of weight (scale x - minus) over n values, a few thousand, one after another.
 * minus may be NULL: zeros. */
typedef ad_status adi_weighted_sum_fn(const adi_exec *ex, adi_f64 *out, const adi_f32 *weight,
                                      const adi_f32 *x, const adi_f32 *minus, double scale,
                                      int64_t n);

/* ---- Normalisation and attention ---- */

/* Mean and biased variance of each channel over all positions. */
typedef ad_status adi_batchnorm_stats_fn(const adi_exec *ex, adi_f64 *mean, adi_f64 *var,
                                         const adi_f32 *x, adi_pc d);
/* What batchnorm_fwd takes in training: scale = weight / sqrt(var + eps), and shift = bias - mean
 * scale, with the scale in double. */
typedef ad_status adi_batchnorm_affine_fn(const adi_exec *ex, adi_f32 *scale, adi_f32 *shift,
                                          const adi_batchnorm_batch *b, int64_t c);
/* Move running statistics by `momentum` towards those of a batch of d.p positions, whose variance
 * is first made unbiased: times p / (p - 1). In double, then rounded. */
typedef ad_status adi_batchnorm_running_fn(const adi_exec *ex, adi_f32 *mean, adi_f32 *var,
                                           const adi_f64 *batch_mean, const adi_f64 *batch_var,
                                           double momentum, adi_pc d);
/* Gradients of y = act(weight (x - mean) / sqrt(var + eps) + bias), where mean and var follow from
 * x. act: NONE or RELU. dx may be NULL. In place: dx may be dy. */
typedef ad_status adi_batchnorm_bwd_fn(const adi_exec *ex, adi_f32 *dx, adi_f32 *dweight,
                                       adi_f32 *dbias, const adi_f32 *dy, const adi_f32 *x,
                                       const adi_batchnorm_batch *b, adi_act act, adi_pc d);
typedef size_t adi_batchnorm_train_scratch_fn(adi_pc d, int32_t num_threads);
/* y = x normalised over each group of channels of an image, times weight plus bias. */
typedef ad_status adi_groupnorm_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                       const adi_groupnorm *g, const adi_npc *d);
/* Adds to dx; dweight and dbias are overwritten. */
typedef ad_status adi_groupnorm_bwd_add_fn(const adi_exec *ex, adi_f32 *dx, adi_f32 *dweight,
                                           adi_f32 *dbias, const adi_f32 *dy, const adi_f32 *x,
                                           const adi_groupnorm *g, const adi_npc *d);
/* Scratch of groupnorm_fwd and groupnorm_bwd_add; of softfuse_fwd and softfuse_bwd. */
typedef size_t adi_npc_scratch_fn(const adi_npc *d);
/* y = x / max(|x|, 1e-12) over the channels of each position; dx from dy and x. */
typedef ad_status adi_l2norm_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x, adi_pc d);
typedef ad_status adi_l2norm_bwd_fn(const adi_exec *ex, adi_f32 *dx, const adi_f32 *dy,
                                    const adi_f32 *x, adi_pc d);
/* The gate of SCConv's spatial reconstruction unit: each channel of x is kept or moved to the other
 * half by the sign of t = w h, or with `soft` by its sigmoid. c is even. dt is written with `soft`;
 * else it may be NULL. */
typedef ad_status adi_srugate_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                     const adi_f32 *h, const adi_f32 *w, int32_t soft, adi_pc d);
typedef ad_status adi_srugate_bwd_fn(const adi_exec *ex, adi_f32 *dx, adi_f32 *dt,
                                     const adi_f32 *dy, const adi_f32 *x, const adi_f32 *h,
                                     const adi_f32 *w, int32_t soft, adi_pc d);
/* What the gate and its normalisation take of SRU's weights: w = weight / their sum, and by =
 * w weight, the normalisation's weight in the gradient of x. sruweight_bwd takes what
 * groupnorm_bwd_add gives with `by`, a in dweight and b in dbias, to the gradients, in place: with
 * dw = weight a + bias b
 *   dweight = w a + (dw - sum of dw w) / sum of weights,  dbias = w b */
typedef ad_status adi_sruweight_fwd_fn(const adi_exec *ex, adi_f32 *w, adi_f32 *by,
                                       const adi_f32 *weight, int64_t c);
typedef ad_status adi_sruweight_bwd_fn(const adi_exec *ex, adi_f32 *dweight, adi_f32 *dbias,
                                       const adi_f32 *w, const adi_f32 *weight,
                                       const adi_f32 *bias, int64_t c);
/* y = beta a + beta' b. The weights are a softmax of both maps' means over an image: of the two
 * means of each channel, or with `joint` of the means of all channels of both. da or db may be
 * NULL. */
typedef ad_status adi_softfuse_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *a,
                                      const adi_f32 *b, int32_t joint, const adi_npc *d);
typedef ad_status adi_softfuse_bwd_fn(const adi_exec *ex, adi_f32 *da, adi_f32 *db,
                                      const adi_f32 *dy, const adi_f32 *a, const adi_f32 *b,
                                      int32_t joint, const adi_npc *d);
/* SimAM: x times the sigmoid of its energy in its channel. In place: y may be x, and dx dy. */
typedef ad_status adi_simam_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x, double lambda,
                                   const adi_npc *d);
typedef ad_status adi_simam_bwd_fn(const adi_exec *ex, adi_f32 *dx, const adi_f32 *dy,
                                   const adi_f32 *x, double lambda, const adi_npc *d);

/* ---- Normalising flows ---- */

/* y = exp(e(s)) x + t; with `inverse` y = (x - t) / exp(e(s)). */
typedef ad_status adi_coupling_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *x,
                                      const adi_f32 *st, int32_t inverse,
                                      const adi_coupling_dims *d);
/* dx or dst may be NULL. */
typedef ad_status adi_coupling_bwd_fn(const adi_exec *ex, adi_f32 *dx, adi_f32 *dst,
                                      const adi_f32 *dy, const adi_f32 *x, const adi_f32 *st,
                                      const adi_coupling_dims *d);
/* y[p] = the sum over c of e(s). In the gradient dst that of t is 0. */
typedef ad_status adi_logdet_fwd_fn(const adi_exec *ex, adi_f32 *y, const adi_f32 *st,
                                    const adi_coupling_dims *d);
typedef ad_status adi_logdet_bwd_fn(const adi_exec *ex, adi_f32 *dst, const adi_f32 *dy,
                                    const adi_f32 *st, const adi_coupling_dims *d);

/* ---- Distances between feature vectors ---- */

/* dist[p] of a[p, c] and b[p, c].
 * cosine_fwd:  1 - <a, b> / max(|a| |b|, 1e-8)
 * cosdist_fwd: |b / max(|b|, 1e-12) - a / max(|a|, 1e-12)|^2 / 2
 * sqdist_fwd:  |a - b|^2; b may be NULL: zeros */
typedef ad_status adi_distance_fwd_fn(const adi_exec *ex, adi_f32 *dist, const adi_f32 *a,
                                      const adi_f32 *b, adi_pc d);
/* da[p, c] = scale * the gradient of dist[p] by a. */
typedef ad_status adi_distance_bwd_fn(const adi_exec *ex, adi_f32 *da, const adi_f32 *a,
                                      const adi_f32 *b, float scale, adi_pc d);
/* dist[p] = |A (x_p - mean)|^2, where A [r, c] is packed once, as floats. */
typedef ad_status adi_mahalanobis_fwd_fn(const adi_exec *ex, adi_f32 *dist, const adi_f32 *x,
                                         const adi_f32 *mean, const void *packed, adi_pc d,
                                         int64_t r);
typedef size_t adi_mahalanobis_packed_bytes_fn(const double *a, int64_t c, int64_t r);
typedef void adi_mahalanobis_pack_fn(void *packed, const double *a, int64_t c, int64_t r);
typedef size_t adi_mahalanobis_scratch_fn(adi_pc d, int64_t r, int32_t num_threads);

/* ---- Statistics, in double ---- */

/* s[c, c] += the sum over p of d_p d_p^T, in the lower triangle; d [p, c]. */
typedef void adi_syrk_add_f64_fn(double *s, const double *d, adi_pc dims);
/* In place. cholesky_f64: the Cholesky factor of the symmetric matrix whose lower triangle is in a;
 * the strict upper triangle becomes 0; AD_ERR_NUMERIC if a pivot is not positive.
 * trinv_f64: the inverse of a lower triangular matrix. */
typedef ad_status adi_triangular_f64_fn(double *a, int64_t n);
/* Eigenvalues, ascending, and eigenvectors as rows of the symmetric matrix whose lower triangle is
 * in a. The eigenvectors overwrite a. work: eigen_work(n) doubles. */
typedef ad_status adi_eigen_f64_fn(double *a, double *values, int64_t n, double *work);
typedef size_t adi_eigen_work_fn(int64_t n);

/* Add to sums[p, adi_position_sums] those of x[images, p, d] - shift[p, d], image after image: the
 * bits do not depend on how images come in batches. */
typedef void adi_position_gaussian_add_fn(const adi_exec *ex, double *sums, const float *x,
                                          const float *shift, int64_t images,
                                          const adi_position_dims *d);
typedef size_t adi_position_gaussian_add_scratch_fn(const adi_position_dims *d, int64_t images,
                                                    int32_t num_threads);
/* factor[p, triangle] = W = L^-1, with L L^T the covariance of a position's n vectors, column after
 * column (column c: rows c .. d - 1); trace[p] = |W|^2, the trace of the inverse covariance. If a
 * pivot is not above scale[p].least, trace[p] is NaN, factor[p] is undefined and the result is
 * AD_ERR_NUMERIC. */
typedef ad_status adi_position_gaussian_factor_fn(const adi_exec *ex, float *factor, double *trace,
                                                  const double *sums, int64_t n,
                                                  const adi_position_scale *scale,
                                                  const adi_position_dims *d);
/* dist[p] = |W_p (x_p - mean_p)|^2; x and mean [p, d]. */
typedef ad_status adi_position_gaussian_fwd_fn(const adi_exec *ex, adi_f32 *dist, const adi_f32 *x,
                                               const adi_f32 *mean, const adi_f32 *factor,
                                               const adi_position_dims *d);
/* Scratch of position_gaussian_factor; of position_gaussian_fwd. */
typedef size_t adi_position_gaussian_scratch_fn(const adi_position_dims *d, int32_t num_threads);

/* ---- Optimisers ---- */

/* Update w, and velocity or m and v, in place; n values each. velocity may be NULL without
 * momentum. */
typedef ad_status adi_sgd_step_fn(const adi_exec *ex, adi_f32 *w, adi_f32 *velocity,
                                  const adi_f32 *g, const adi_sgd *o, int64_t n);
typedef ad_status adi_adam_step_fn(const adi_exec *ex, adi_f32 *w, adi_f32 *m, adi_f32 *v,
                                   const adi_f32 *g, const adi_adam *o, int64_t n);

/* ---- The tables ---- */

/* Kernels on host memory, whatever the backend: images and statistics. */
typedef struct adi_host_kernels {
    adi_parallel_for_fn *parallel_for;

    adi_resample_row_fn *resample_row;
    adi_resample_rows_fn *resample_rows;

    adi_syrk_add_f64_fn *syrk_add_f64;
    adi_triangular_f64_fn *cholesky_f64, *trinv_f64;
    adi_eigen_work_fn *eigen_work;
    adi_eigen_f64_fn *eigen_f64;
    adi_position_gaussian_add_scratch_fn *position_gaussian_add_scratch;
    adi_position_gaussian_add_fn *position_gaussian_add;
    adi_position_gaussian_scratch_fn *position_gaussian_factor_scratch;
    adi_position_gaussian_factor_fn *position_gaussian_factor;
} adi_host_kernels;

/* Kernels on the backend's memory. Functions of shapes (*_scratch, *_suits, *_bytes, conv2d_choose)
 * and *_pack run on the host and touch host memory alone. */
typedef struct adi_kernels {
    adi_conv2d_fn *conv2d_fwd, *dwconv2d_fwd, *conv2d_bwd_data;
    adi_conv2d_scratch_fn *conv2d_scratch, *conv2d_bwd_data_scratch, *conv2d_bwd_weight_scratch;
    adi_conv2d_bwd_weight_fn *conv2d_bwd_weight;
    adi_bias_bwd_fn *bias_bwd;
    adi_conv2d_choose_fn *conv2d_choose;
    adi_conv2d_packed_bytes_fn *conv2d_packed_bytes;
    adi_conv2d_pack_fn *conv2d_pack;
    adi_conv2d_packed_scratch_fn *conv2d_packed_scratch;
    adi_conv2d_packed_fwd_fn *conv2d_packed_fwd;
    adi_conv2d_gated_suits_fn *conv2d_gated_suits;
    adi_conv2d_scratch_fn *conv2d_gated_scratch;
    adi_conv2d_gated_fwd_fn *conv2d_gated_fwd;
    adi_expand_dw_suits_fn *expand_dw_suits;
    adi_conv2d_scratch_fn *expand_dw_scratch;
    adi_expand_dw_fwd_fn *expand_dw_fwd;

    adi_batchnorm_fwd_fn *batchnorm_fwd;
    adi_activation_fwd_fn *activation_fwd;
    adi_activation_bwd_fn *activation_bwd;
    adi_add_fwd_fn *add_fwd;
    adi_mul_fwd_fn *mul_fwd;
    adi_scalar_fwd_fn *leaky_relu_fwd, *clamp_fwd, *divide_fwd;
    adi_gain_fwd_fn *gain_fwd;
    adi_scalar_bwd_fn *leaky_relu_bwd, *clamp_bwd;
    adi_mask2d_fn *mask2d;
    adi_scaled_difference_fn *scaled_difference;
    adi_weighted_difference_fn *weighted_difference;

    adi_zero_fn *zero;
    adi_widen_fn *widen;
    adi_narrow_fn *narrow;
    adi_copy_channels_fn *copy_channels;
    adi_gather_channels_fn *gather_channels;
    adi_permute_fwd_fn *permute_fwd;
    adi_pad2d_fn *pad2d_fwd, *pad2d_bwd;
    adi_posenc2d_fwd_fn *posenc2d_fwd;
    adi_maxpool2d_fwd_fn *maxpool2d_fwd;
    adi_maxpool2d_bwd_fn *maxpool2d_bwd;
    adi_resize_fn *resize_fwd, *resize_bwd;
    adi_blur_scratch_fn *blur_scratch;
    adi_blur_fn *blur;

    adi_row_sums_fn *row_sums;
    adi_globalavgpool2d_fwd_fn *globalavgpool2d_fwd;
    adi_mean_fwd_fn *mean_fwd;
    adi_sum_scratch_fn *sum_scratch; /* of the four below */
    adi_sum_fn *sum, *sum_squares;
    adi_sum_pairs_fn *sum_squared_error, *sum_products;
    adi_weighted_sum_fn *weighted_sum;

    adi_batchnorm_train_scratch_fn *batchnorm_train_scratch; /* of the two below */
    adi_batchnorm_stats_fn *batchnorm_stats;
    adi_batchnorm_affine_fn *batchnorm_affine;
    adi_batchnorm_running_fn *batchnorm_running;
    adi_batchnorm_bwd_fn *batchnorm_bwd;
    adi_npc_scratch_fn *groupnorm_scratch, *softfuse_scratch;
    adi_groupnorm_fwd_fn *groupnorm_fwd;
    adi_groupnorm_bwd_add_fn *groupnorm_bwd_add;
    adi_l2norm_fwd_fn *l2norm_fwd;
    adi_l2norm_bwd_fn *l2norm_bwd;
    adi_srugate_fwd_fn *srugate_fwd;
    adi_srugate_bwd_fn *srugate_bwd;
    adi_sruweight_fwd_fn *sruweight_fwd;
    adi_sruweight_bwd_fn *sruweight_bwd;
    adi_softfuse_fwd_fn *softfuse_fwd;
    adi_softfuse_bwd_fn *softfuse_bwd;
    adi_simam_fwd_fn *simam_fwd;
    adi_simam_bwd_fn *simam_bwd;

    adi_coupling_fwd_fn *coupling_fwd;
    adi_coupling_bwd_fn *coupling_bwd;
    adi_logdet_fwd_fn *logdet_fwd;
    adi_logdet_bwd_fn *logdet_bwd;

    adi_distance_fwd_fn *cosine_fwd, *cosdist_fwd, *sqdist_fwd;
    adi_distance_bwd_fn *cosine_bwd, *cosdist_bwd;
    adi_mahalanobis_packed_bytes_fn *mahalanobis_packed_bytes;
    adi_mahalanobis_pack_fn *mahalanobis_pack;
    adi_mahalanobis_scratch_fn *mahalanobis_scratch;
    adi_mahalanobis_fwd_fn *mahalanobis_fwd;

    adi_position_gaussian_scratch_fn *position_gaussian_fwd_scratch;
    adi_position_gaussian_fwd_fn *position_gaussian_fwd;

    adi_sgd_step_fn *sgd_step;
    adi_adam_step_fn *adam_step;
} adi_kernels;

/* ---- A backend ---- */

typedef struct adi_backend {
    const char *name;
    const adi_kernels *kernels;
    const adi_host_kernels *host;
    int32_t (*max_threads)(void); /* the number of threads if the user does not say */
    /* A context is created that wants num_threads: returns how many it gets, at least 1. */
    int32_t (*threads_begin)(int32_t num_threads);
    void (*threads_end)(void); /* the context is destroyed */
    /* Check that BLAS and LAPACK can run; AD_ERR_OUT_OF_MEMORY if their buffers do not fit. */
    ad_status (*algebra_ready)(void);
    const char *(*describe)(void); /* one line for the log */
    const char *(*warning)(void);  /* a sentence that the user should see once, or NULL */
} adi_backend;

extern const adi_backend adi_backend_ref;
extern const adi_backend adi_backend_cpu;

#endif
