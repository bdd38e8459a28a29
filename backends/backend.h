/* What the library and a backend share: the kernel table and the structs its kernels take. A backend
 * includes this and its own folder, nothing from lib/.
 *
 * Activations are float32 NHWC; a "position" is one (n, h, w) and its c channels are contiguous.
 * Convolution weights are [kh, kw, c, k] (HWIO), so that a convolution is a row-major GEMM with the
 * unfolded input. Matrices of the statistics are double, row-major, symmetric ones stored whole.
 * Kernels return a status only and write no sentence: the caller in lib/ knows what it was doing. */
#ifndef ADI_BACKEND_H
#define ADI_BACKEND_H

#include <math.h>

#include "adfeat.h"

enum { ADI_MAX_THREADS = 256 };

/* How a call runs: the context's thread count and scratch sized by the kernel's own *_scratch. */
typedef struct adi_exec {
    int32_t num_threads;
    void *scratch; /* 64-byte aligned */
} adi_exec;

typedef enum adi_act {
    ADI_ACT_NONE,
    ADI_ACT_RELU,
    ADI_ACT_RELU6,
    ADI_ACT_SILU,   /* x / (1 + exp(-x)) */
    ADI_ACT_SIGMOID /* 1 / (1 + exp(-x)) */
} adi_act;

/* A convolution: n images of h x w x c to oh x ow x k. Padding after follows from oh and ow. */
typedef struct adi_conv2d_dims {
    int64_t n, h, w, c, oh, ow, k;
    int32_t kh, kw, stride, pad_top, pad_left;
} adi_conv2d_dims;

/* How a convolution is computed. A backend has some of them. */
typedef enum adi_conv2d_algorithm {
    ADI_CONV2D_AUTO,    /* what the backend finds best for the shape */
    ADI_CONV2D_DIRECT,  /* the definition */
    ADI_CONV2D_BLAS,    /* unfolded tiles, a BLAS's GEMM */
    ADI_CONV2D_PANELS,  /* the image's rows times packed filters */
    ADI_CONV2D_WINOGRAD, /* F(4x4, 3x3) */
    ADI_CONV2D_WINOGRAD2 /* F(2x2, 3x3) */
} adi_conv2d_algorithm;

/* What a batch norm normalises with while it is trained: the batch's own mean and biased variance. */
typedef struct adi_batchnorm_batch {
    const float *weight, *bias;  /* [c] */
    const double *mean, *var;    /* [c] */
    double eps;
} adi_batchnorm_batch;

/* A step of stochastic gradient descent or Adam as PyTorch takes it. All gradients are first multiplied
 * by grad_scale, which is how a clipped norm comes in; weight decay is added to them after that. */
typedef struct adi_sgd {
    double lr, momentum, weight_decay, grad_scale;
    int32_t first; /* the first step: the velocity becomes the gradient */
    int32_t unused;
} adi_sgd;

typedef struct adi_adam {
    double lr, beta1, beta2, eps, weight_decay, grad_scale;
    int64_t step; /* 1 for the first: for the correction of the bias */
} adi_adam;

/* What follows a convolution while its result is in cache: y = act(y + bias + residual). */
typedef struct adi_epilogue {
    const float *bias;     /* [k] or NULL */
    const float *residual; /* like y, or NULL; never y itself */
    adi_act act;
    float *row_sums;       /* depthwise convolutions: [n, oh, c] sums over each row of y, for a mean; or NULL */
} adi_epilogue;

/* A pointwise convolution whose result one other kernel alone reads, with packed filters. */
typedef struct adi_expansion {
    adi_conv2d_dims d;
    const void *packed;
    const float *bias; /* [k] or NULL */
    adi_act act;
} adi_expansion;

typedef struct adi_pool2d_dims {
    int64_t n, h, w, c, oh, ow;
    int32_t k, stride, pad_top, pad_left;
} adi_pool2d_dims;

/* n images of h x w x c to which a border of `pad` positions is added on every side. */
typedef struct adi_pad2d_dims {
    int64_t n, h, w, c, pad;
} adi_pad2d_dims;

/* Coupling: p positions of c channels, and for each channel a scale s and a shift t, so 2c numbers a position, all s
 * before all t. The scale that is meant is e(s) = 0.636 alpha atan(s / alpha), between -alpha and alpha. */
typedef struct adi_coupling_dims {
    int64_t p, c;
    double alpha;
} adi_coupling_dims;

#define ADI_COUPLING_SOFTNESS 0.636

/* A map of h x w x c resized to oh x ow; y_stride floats from one output row to the next. Forward alone: where whole_h
 * and whole_w are not 0, the outputs span a map of that size, which the input was cut out of at (top, left); outputs that
 * lie outside of it are 0. */
typedef struct adi_resize_dims {
    int64_t h, w, c, oh, ow, y_stride;
    int64_t whole_h, whole_w, top, left;
} adi_resize_dims;

enum {
    ADI_RESAMPLE_BITS = 22, /* fractional bits of weights: Pillow's PRECISION_BITS, 32 - 8 - 2 */
    ADI_RESAMPLE_TAPS = 16, /* weights of an output, in whole vectors */
    ADI_RESAMPLE_BLOCK = 64 /* bytes of a row of a ring, in whole blocks */
};

/* A row of 8-bit samples, first .. last - 1, to outputs: output o is made of count[o] samples from start[o] on, with the
 * weights that begin at o * taps. taps is a multiple of ADI_RESAMPLE_TAPS, weights behind the count are 0, and as many
 * zeros follow the last. */
typedef struct adi_resample {
    const int32_t *start, *count, *weight;
    int64_t taps, first, last;
} adi_resample;

/* Rows that wait: row i at i % rows, `stride` bytes apart, a multiple of ADI_RESAMPLE_BLOCK. */
typedef struct adi_resample_ring {
    const uint8_t *bytes;
    int64_t rows, stride;
} adi_resample_ring;

enum { ADI_BLUR_MAX_RADIUS = 257 };

/* A map, and the taps on either side of the middle one. */
typedef struct adi_blur_dims {
    int64_t h, w, radius; /* 1 .. ADI_BLUR_MAX_RADIUS */
} adi_blur_dims;

/* The place of i in a line of n that goes on as its own mirror image: d c b a | a b c d | d c b a. */
static inline int64_t adi_mirror(int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    i %= 2 * n;
    if (i < 0)
        i += 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

/* Positions and channels. */
typedef struct adi_pc {
    int64_t p, c;
} adi_pc;

/* The same of each of n images. */
typedef struct adi_npc {
    int64_t n, p, c;
} adi_npc;

/* Group normalisation: `groups` divides c. */
typedef struct adi_groupnorm {
    const float *weight, *bias; /* [c] */
    int64_t groups;
    double eps;
} adi_groupnorm;

/* A key of random masks: uniform numbers are a function of it and of where they are used, so that they depend on nothing
 * else. The finaliser of SplitMix64 (Steele et al. 2014). */
static inline uint64_t adi_mix64(uint64_t z)
{
    z += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* One Gaussian of d dimensions at each of p positions. `fourth`: with the sums that a shrinkage needs. */
typedef struct adi_position_dims {
    int64_t p, d;
    int32_t fourth, unused;
} adi_position_dims;

/* Entries of a packed lower triangle. */
static inline int64_t adi_triangle(int64_t d)
{
    return d * (d + 1) / 2;
}

/* Doubles that one position's sums over vectors z = x - shift take, in this order: z z^T, the rows of its
 * lower triangle one after the other; z [d]; and with `fourth` |z|^2 z [d] and |z|^4. */
static inline int64_t adi_position_sums(const adi_position_dims *d)
{
    return adi_triangle(d->d) + d->d + (d->fourth ? d->d + 1 : 0);
}

/* From the scatter C of a position to its covariance: scatter * C + diagonal * I. Squared pivots of the
 * Cholesky factor must be greater than `least`. */
typedef struct adi_position_scale {
    double scatter, diagonal, least;
} adi_position_scale;

typedef struct adi_kernels {
    /* task(user, 0 .. count - 1), each once, on up to num_threads threads; a kernel that a task runs has its thread
     * alone. */
    void (*each)(int32_t num_threads, int64_t count, void (*task)(void *user, int64_t i), void *user);
    /* y = act(conv(x, w) + bias + residual). Scratch depends on the shape and the thread count. */
    size_t (*conv2d_scratch)(const adi_conv2d_dims *d, int32_t num_threads);
    ad_status (*conv2d_fwd)(const adi_exec *ex, float *y, const float *x, const float *w,
                            const adi_epilogue *e, const adi_conv2d_dims *d);
    /* The same with filters that are packed once: the way is chosen (`wanted`, if it can do the shape), its packed
     * filters have that many bytes, or none where they are w itself. The bits of an image do not depend on n,
     * except where a BLAS makes them. */
    adi_conv2d_algorithm (*conv2d_choose)(const adi_conv2d_dims *d, adi_conv2d_algorithm wanted);
    size_t (*conv2d_packed_bytes)(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
    void (*conv2d_pack)(void *packed, const float *w, const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
    size_t (*conv2d_packed_scratch)(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm, int32_t num_threads);
    ad_status (*conv2d_packed_fwd)(const adi_exec *ex, float *y, const float *x, const void *packed,
                                   const adi_epilogue *e, const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
    /* The same with every channel c of x times gate[c], one image, where `suits` says that the packed filters are for
     * it; NULL: nowhere. */
    int (*conv2d_gated_suits)(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm);
    size_t (*conv2d_gated_scratch)(const adi_conv2d_dims *d, int32_t num_threads);
    ad_status (*conv2d_gated_fwd)(const adi_exec *ex, float *y, const float *x, const float *gate, const void *packed,
                                  const adi_epilogue *e, const adi_conv2d_dims *d);
    /* Depthwise: k == c, weights [kh, kw, c]. */
    ad_status (*dwconv2d_fwd)(const adi_exec *ex, float *y, const float *x, const float *w,
                              const adi_epilogue *e, const adi_conv2d_dims *d);
    /* y = the depthwise convolution of act(first(x)), in one, where `suits` says that both are for it; NULL: nowhere.
     * `wanted` is what conv2d_choose was asked for. */
    int (*expand_dw_suits)(const adi_conv2d_dims *first, const adi_conv2d_dims *d, adi_conv2d_algorithm wanted);
    size_t (*expand_dw_scratch)(const adi_conv2d_dims *d, int32_t num_threads);
    ad_status (*expand_dw_fwd)(const adi_exec *ex, float *y, const float *x, const adi_expansion *first,
                               const float *w, const adi_epilogue *e, const adi_conv2d_dims *d);
    /* y = act(x * scale + shift) per channel: batch norm that no convolution could take in. */
    ad_status (*batchnorm_fwd)(const adi_exec *ex, float *y, const float *x, const float *scale,
                               const float *shift, adi_act act, adi_pc d);
    ad_status (*activation_fwd)(const adi_exec *ex, float *y, const float *x, adi_act act, adi_pc d);
    /* y = act(a + b) */
    ad_status (*add_fwd)(const adi_exec *ex, float *y, const float *a, const float *b, adi_act act,
                         adi_pc d);
    /* y[p, c] = a[p, c] * gate[c]: squeeze-excitation. */
    ad_status (*mul_fwd)(const adi_exec *ex, float *y, const float *a, const float *gate, adi_pc d);
    ad_status (*maxpool2d_fwd)(const adi_exec *ex, float *y, const float *x, const adi_pool2d_dims *d);
    /* Bilinear, half-pixel centres (align_corners = false), never antialiased. */
    ad_status (*resize_fwd)(const adi_exec *ex, float *y, const float *x, const adi_resize_dims *d);
    /* Sums of samples times weights, rounded and clipped to a byte: along a row of `channels` (1 or 3) samples a pixel,
     * and down the columns of n bytes, rows start .. start + count - 1, where out has room for whole blocks. */
    void (*resample_row)(uint8_t *out, const uint8_t *in, const adi_resample *a, int64_t n, int64_t channels);
    void (*resample_rows)(uint8_t *out, const adi_resample_ring *ring, int64_t start, int64_t count,
                          const int32_t *weight, int64_t n);
    /* A map in place, blurred by weights[k] of the taps at distance k, 0 .. radius, along both axes. */
    size_t (*blur_scratch)(const adi_blur_dims *d, int32_t num_threads);
    ad_status (*blur)(const adi_exec *ex, float *map, const double *weights, const adi_blur_dims *d);
    /* sums[rows, c] of x[rows, columns, c]: what a depthwise convolution puts into row_sums, to the same bits. */
    ad_status (*row_sums)(const adi_exec *ex, float *sums, const float *x, int64_t rows, int64_t columns, int64_t c);
    /* mean[c] over positions, summed in double. */
    ad_status (*mean_fwd)(const adi_exec *ex, double *mean, const float *x, adi_pc d);
    /* dist[p] = sum over r of (sum over c of a[r, c] (x[p, c] - mean[c]))^2; a is packed once, in floats. */
    size_t (*mahalanobis_packed_bytes)(const double *a, int64_t c, int64_t r);
    void (*mahalanobis_pack)(void *packed, const double *a, int64_t c, int64_t r);
    size_t (*mahalanobis_scratch)(adi_pc d, int64_t r, int32_t num_threads);
    ad_status (*mahalanobis_fwd)(const adi_exec *ex, float *dist, const float *x, const float *mean,
                                 const void *packed, adi_pc d, int64_t r);

    /* Statistics, all double, one thread each. */
    /* s[c, c] += sum over p of d_p d_p^T, lower triangle; d[p, c]. */
    void (*syrk_f64)(double *s, const double *d, adi_pc dims);
    /* Cholesky factor of the lower triangle, in place; the strict upper triangle becomes 0.
     * AD_ERR_NUMERIC where a pivot is not positive. */
    ad_status (*cholesky_f64)(double *a, int64_t n);
    /* Inverse of a lower triangular matrix, in place. */
    ad_status (*trinv_f64)(double *l, int64_t n);
    /* Eigenvalues, ascending, and eigenvectors as rows, of the symmetric matrix whose lower triangle is
     * in a; a is overwritten by the eigenvectors. work: eigen_work(n) doubles. */
    size_t (*eigen_work)(int64_t n);
    ad_status (*eigen_f64)(double *a, double *values, int64_t n, double *work);

    /* A Gaussian at every position. The bits of the sums do not depend on how images come in batches. */
    /* sums[p, adi_position_sums] += those of x[images, p, d] - shift[p, d], image after image. */
    size_t (*position_gaussian_add_scratch)(const adi_position_dims *d, int64_t images,
                                            int32_t num_threads);
    void (*position_gaussian_add)(const adi_exec *ex, double *sums, const float *x, const float *shift,
                                  int64_t images, const adi_position_dims *d);
    /* factor[p, triangle] = W = L^-1 with L L^T the covariance of a position's n vectors, its columns one
     * after the other (column c: rows c .. d - 1); trace[p] = |W|^2, the trace of the inverse covariance.
     * Where a pivot is not above scale[p].least trace[p] is NaN, and the result AD_ERR_NUMERIC. */
    size_t (*position_gaussian_factor_scratch)(const adi_position_dims *d, int32_t num_threads);
    ad_status (*position_gaussian_factor)(const adi_exec *ex, float *factor, double *trace,
                                          const double *sums, int64_t n, const adi_position_scale *scale,
                                          const adi_position_dims *d);
    /* dist[p] = |W_p (x_p - mean_p)|^2; x, mean: [p, d]. */
    size_t (*position_gaussian_fwd_scratch)(const adi_position_dims *d, int32_t num_threads);
    ad_status (*position_gaussian_fwd)(const adi_exec *ex, float *dist, const float *x, const float *mean,
                                       const float *factor, const adi_position_dims *d);

    /* Training. A gradient dx is that of the loss by x; dy comes from above. The bits of every sum
     * follow from the shape alone. Where no scratch function stands before a kernel, it needs none. */
    /* dx = act(gradient of conv2d_fwd by x + bias + residual), all of dx's shape [n, h, w, c]; d is the
     * forward convolution's. Also the forward of a transposed convolution, whose output is dx. */
    size_t (*conv2d_bwd_data_scratch)(const adi_conv2d_dims *d, int32_t num_threads);
    ad_status (*conv2d_bwd_data)(const adi_exec *ex, float *dx, const float *dy, const float *w,
                                 const adi_epilogue *e, const adi_conv2d_dims *d);
    /* dw[kh, kw, c, k] = sum over positions of x and dy. */
    size_t (*conv2d_bwd_weight_scratch)(const adi_conv2d_dims *d, int32_t num_threads);
    ad_status (*conv2d_bwd_weight)(const adi_exec *ex, float *dw, const float *x, const float *dy,
                                   const adi_conv2d_dims *d);
    /* db[c] = sum over positions of dy. */
    ad_status (*bias_bwd)(const adi_exec *ex, float *db, const float *dy, adi_pc d);
    /* Mean and biased variance of each channel over all positions; one scratch for both kernels. */
    size_t (*batchnorm_train_scratch)(adi_pc d, int32_t num_threads);
    ad_status (*batchnorm_stats)(const adi_exec *ex, double *mean, double *var, const float *x, adi_pc d);
    /* Gradients of y = act(weight * (x - mean) / sqrt(var + eps) + bias), where mean and var follow from
     * x. act: NONE or RELU. dx may be dy, or NULL: not wanted. */
    ad_status (*batchnorm_bwd)(const adi_exec *ex, float *dx, float *dweight, float *dbias, const float *dy,
                               const float *x, const adi_batchnorm_batch *b, adi_act act, adi_pc d);
    /* From the result y of activation_fwd; act: RELU, RELU6 or SIGMOID. dx may be dy. */
    ad_status (*activation_bwd)(const adi_exec *ex, float *dx, const float *dy, const float *y, adi_act act,
                                adi_pc d);
    /* The gradient goes to the first of equal maxima in the window's order, as PyTorch's does. */
    ad_status (*maxpool2d_bwd)(const adi_exec *ex, float *dx, const float *dy, const float *x,
                               const adi_pool2d_dims *d);
    /* dx[h, w, c] of one map from dy[oh, ow, c], whose rows are y_stride floats apart. */
    ad_status (*resize_bwd)(const adi_exec *ex, float *dx, const float *dy, const adi_resize_dims *d);
    /* y[p, 0 .. c) = x[p, 0 .. c) between rows of y_stride and x_stride floats: a concatenation and its
     * gradient, a part each. */
    ad_status (*copy_channels)(const adi_exec *ex, float *y, int64_t y_stride, const float *x,
                               int64_t x_stride, adi_pc d);
    /* y = x, or slope x where x is negative; dx from the result, which has the sign of x. dx may be dy. */
    ad_status (*leaky_relu_fwd)(const adi_exec *ex, float *y, const float *x, double slope, int64_t n);
    ad_status (*leaky_relu_bwd)(const adi_exec *ex, float *dx, const float *dy, const float *y, double slope,
                                int64_t n);
    /* y = x between -limit and limit; the gradient comes through where the result is between them. */
    ad_status (*clamp_fwd)(const adi_exec *ex, float *y, const float *x, double limit, int64_t n);
    ad_status (*clamp_bwd)(const adi_exec *ex, float *dx, const float *dy, const float *y, double limit, int64_t n);
    /* y = factor x */
    ad_status (*gain_fwd)(const adi_exec *ex, float *y, const float *x, double factor, int64_t n);
    /* The border has the values of the nearest position inside. */
    ad_status (*pad2d_fwd)(const adi_exec *ex, float *y, const float *x, const adi_pad2d_dims *d);
    ad_status (*pad2d_bwd)(const adi_exec *ex, float *dx, const float *dy, const adi_pad2d_dims *d);
    /* y[p, c] = x[p, index[c]]; inverse: y[p, index[c]] = x[p, c], which is its gradient too. index: whole numbers,
     * each of 0 .. c - 1 once. y is not x. */
    ad_status (*permute_fwd)(const adi_exec *ex, float *y, const float *x, const float *index, int32_t inverse,
                             adi_pc d);
    /* y[n, h, w, c]: sines and cosines of columns and rows, c a multiple of 4; pad is not used. */
    ad_status (*posenc2d_fwd)(const adi_exec *ex, float *y, const adi_pad2d_dims *d);
    /* y = exp(e(s)) x + t, or inverse: (x - t) / exp(e(s)); dx and dst, either of which may be NULL, from dy, x
     * and st. */
    ad_status (*coupling_fwd)(const adi_exec *ex, float *y, const float *x, const float *st, int32_t inverse,
                              const adi_coupling_dims *d);
    ad_status (*coupling_bwd)(const adi_exec *ex, float *dx, float *dst, const float *dy, const float *x,
                              const float *st, const adi_coupling_dims *d);
    /* y[p] = sum over c of e(s); dst from dy[p], that of t is 0. */
    ad_status (*logdet_fwd)(const adi_exec *ex, float *y, const float *st, const adi_coupling_dims *d);
    ad_status (*logdet_bwd)(const adi_exec *ex, float *dst, const float *dy, const float *st,
                            const adi_coupling_dims *d);
    /* Masked reverse distillation; meaning in the files of these names in backends/ref. */
    /* y = x of mean 0 and variance 1 over each group of channels of an image, times weight plus bias. Backward adds to
     * dx, and writes dweight and dbias; one scratch for both. y is not x. */
    size_t (*groupnorm_scratch)(const adi_npc *d);
    ad_status (*groupnorm_fwd)(const adi_exec *ex, float *y, const float *x, const adi_groupnorm *g, const adi_npc *d);
    ad_status (*groupnorm_bwd)(const adi_exec *ex, float *dx, float *dweight, float *dbias, const float *dy,
                               const float *x, const adi_groupnorm *g, const adi_npc *d);
    /* Channels of x gated by the sign of t = w h, or soft by its sigmoid, and reconstructed crosswise, c even; dx, and
     * where soft dt. */
    ad_status (*srugate_fwd)(const adi_exec *ex, float *y, const float *x, const float *h, const float *w,
                             int32_t soft, adi_pc d);
    ad_status (*srugate_bwd)(const adi_exec *ex, float *dx, float *dt, const float *dy, const float *x, const float *h,
                             const float *w, int32_t soft, adi_pc d);
    /* y = beta a + beta' b, a softmax of both maps' means over an image, between the two for each channel or `joint`
     * over all channels of both. da or db may be NULL. */
    size_t (*softfuse_scratch)(const adi_npc *d);
    ad_status (*softfuse_fwd)(const adi_exec *ex, float *y, const float *a, const float *b, int32_t joint,
                              const adi_npc *d);
    ad_status (*softfuse_bwd)(const adi_exec *ex, float *da, float *db, const float *dy, const float *a, const float *b,
                              int32_t joint, const adi_npc *d);
    /* SimAM: x times the sigmoid of an energy of its channel. y may be x, and dx dy. */
    ad_status (*simam_fwd)(const adi_exec *ex, float *y, const float *x, double lambda, const adi_npc *d);
    ad_status (*simam_bwd)(const adi_exec *ex, float *dx, const float *dy, const float *x, double lambda,
                           const adi_npc *d);
    /* y[p, c] = x, or 0 where the mask of `key` is 0 at p, which is so of a share `rate` of all; also its own gradient.
     * y may be x. */
    ad_status (*mask2d)(const adi_exec *ex, float *y, const float *x, uint64_t key, double rate, adi_pc d);
    /* dist[p] = 1 - <a, b> / max(|a| |b|, 1e-8), and da[p, c] = scale * d dist[p] / d a. */
    ad_status (*cosine_fwd)(const adi_exec *ex, float *dist, const float *a, const float *b, adi_pc d);
    ad_status (*cosine_bwd)(const adi_exec *ex, float *da, const float *a, const float *b, float scale, adi_pc d);

    /* dist[p] = sum over c of (a - b)^2; b NULL: zeros. */
    ad_status (*sqdist_fwd)(const adi_exec *ex, float *dist, const float *a, const float *b, adi_pc d);
    /* y[p, c] = alpha weight[p] (a - b); b NULL: zeros, weight NULL: ones. y may be a or b. */
    ad_status (*weighted_difference)(const adi_exec *ex, float *y, const float *a, const float *b,
                                     const float *weight, double alpha, adi_pc d);
    /* y = x / max(|x|, 1e-12) over the channels of each position, and dx from x and dy. */
    ad_status (*l2norm_fwd)(const adi_exec *ex, float *y, const float *x, adi_pc d);
    ad_status (*l2norm_bwd)(const adi_exec *ex, float *dx, const float *dy, const float *x, adi_pc d);
    /* dist[p] = |t/max(|t|, 1e-12) - s/max(|s|, 1e-12)|^2 / 2, and ds[p, c] = scale * d dist[p] / d s. */
    ad_status (*cosdist_fwd)(const adi_exec *ex, float *dist, const float *s, const float *t, adi_pc d);
    ad_status (*cosdist_bwd)(const adi_exec *ex, float *ds, const float *s, const float *t, float scale,
                             adi_pc d);
    /* Sums in double over n values, of x, of x squared, of (a - b) squared, of a b; scratch for all of them. */
    size_t (*sum_scratch)(int64_t n, int32_t num_threads);
    double (*sum)(const adi_exec *ex, const float *x, int64_t n);
    double (*sum_squares)(const adi_exec *ex, const float *x, int64_t n);
    double (*sum_squared_error)(const adi_exec *ex, const float *a, const float *b, int64_t n);
    double (*sum_products)(const adi_exec *ex, const float *a, const float *b, int64_t n);
    /* y = alpha * (a - b) [+ y]: the gradient of a squared error. */
    ad_status (*scaled_difference)(const adi_exec *ex, float *y, const float *a, const float *b, float alpha,
                                   int32_t accumulate, int64_t n);
    /* w and velocity, or w, m and v, of n values each, are updated in place; g is only read. */
    ad_status (*sgd_step)(const adi_exec *ex, float *w, float *velocity, const float *g, const adi_sgd *o,
                          int64_t n);
    ad_status (*adam_step)(const adi_exec *ex, float *w, float *m, float *v, const float *g,
                           const adi_adam *o, int64_t n);
} adi_kernels;

typedef struct adi_backend {
    const char *name;
    const adi_kernels *kernels;
    int32_t (*max_threads)(void);     /* the backend's own choice of threads */
    /* A context begins, which wants this many threads: returns how many there are, at least 1; and
     * ends. */
    int32_t (*threads_begin)(int32_t num_threads);
    void (*threads_end)(void);
    ad_status (*algebra_ready)(
        void); /* AD_ERR_OUT_OF_MEMORY where no product or decomposition could be made */
    const char *(*describe)(void);    /* one line for the log */
    const char *(*warning)(void);     /* a sentence the user should see once, or NULL */
} adi_backend;

extern const adi_backend adi_backend_ref;
extern const adi_backend adi_backend_cpu;

/* What an activation means. NaN stays NaN, and is found at the end. */
static inline float adi_apply_act(float v, adi_act act)
{
    if (act == ADI_ACT_SILU)
        return (float)(v / (1.0 + exp(-(double)v)));
    if (act == ADI_ACT_SIGMOID)
        return (float)(1.0 / (1.0 + exp(-(double)v)));
    if (act != ADI_ACT_NONE && v < 0.0f)
        v = 0.0f;
    if (act == ADI_ACT_RELU6 && v > 6.0f)
        v = 6.0f;
    return v;
}

#endif
