/* The structs that kernels take, and the small functions that define what their fields mean. */
#ifndef ADI_KERNEL_ARGS_H
#define ADI_KERNEL_ARGS_H

#include <math.h>

#include "adfeat.h"

enum { ADI_MAX_THREADS = 256 };

/* A value in the backend's memory, which may be a device's: only kernels read or write it. A
 * compile-only test of lib/ makes them structs (ADI_CHECK_MEMORY), so that reading one, or mixing
 * it with host memory, is an error. */
#ifdef ADI_CHECK_MEMORY
typedef struct adi_f32 {
    float hidden;
} adi_f32;
typedef struct adi_f64 {
    double hidden;
} adi_f64;
#else
typedef float adi_f32;
typedef double adi_f64;
#endif

/* What runs on a device, in order: copies and kernels. */
typedef struct adi_queue adi_queue;

/* How a kernel runs: the context's thread count, scratch memory of the backend, and its queue. */
typedef struct adi_exec {
    int32_t num_threads;
    void *scratch; /* 64-byte aligned; as many bytes as the kernel's *_scratch function returns */
    adi_queue *queue; /* NULL where the backend's memory is the host's */
} adi_exec;

/* Positions, and channels of each. */
typedef struct adi_pc {
    int64_t p, c;
} adi_pc;

/* n images of p positions each. */
typedef struct adi_npc {
    int64_t n, p, c;
} adi_npc;

/* ---- Activations ---- */

typedef enum adi_act {
    ADI_ACT_NONE,
    ADI_ACT_RELU,
    ADI_ACT_RELU6,
    ADI_ACT_SILU,   /* x / (1 + exp(-x)) */
    ADI_ACT_SIGMOID /* 1 / (1 + exp(-x)) */
} adi_act;

/* The definition of the activations. NaN stays NaN. */
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

/* ---- Convolutions and windows ---- */

/* A convolution of n images, from h x w x c to oh x ow x k. The padding on the right and at the
 * bottom follows from oh and ow. */
typedef struct adi_conv2d_dims {
    int64_t n, h, w, c, oh, ow, k;
    int32_t kh, kw, stride, pad_top, pad_left;
} adi_conv2d_dims;

/* The algorithm of a convolution. A backend has some of them. */
typedef enum adi_conv2d_algorithm {
    ADI_CONV2D_AUTO,     /* the backend chooses by the shape */
    ADI_CONV2D_DIRECT,   /* plain loops */
    ADI_CONV2D_BLAS,     /* im2col by tiles, then a BLAS's GEMM */
    ADI_CONV2D_PANELS,   /* implicit im2col: the image's rows times packed GEMM panels */
    ADI_CONV2D_WINOGRAD, /* F(4x4, 3x3) */
    ADI_CONV2D_WINOGRAD2 /* F(2x2, 3x3) */
} adi_conv2d_algorithm;

/* The epilogue of a convolution, applied while its result is in cache:
 * y = act(y + bias + residual). */
typedef struct adi_epilogue {
    const adi_f32 *bias;     /* [k] or NULL */
    const adi_f32 *residual; /* like y, or NULL; does not overlap y */
    adi_act act;
    adi_f32 *row_sums; /* depthwise convolutions: sums over each row of y [n, oh, c]; or NULL */
} adi_epilogue;

/* A pointwise convolution, with packed filters, that runs inside of the depthwise convolution that
 * reads its result. */
typedef struct adi_expansion {
    adi_conv2d_dims d;
    const void *packed;
    const adi_f32 *bias; /* [k] or NULL */
    adi_act act;
} adi_expansion;

typedef struct adi_pool2d_dims {
    int64_t n, h, w, c, oh, ow;
    int32_t k, stride, pad_top, pad_left;
} adi_pool2d_dims;

/* `count` channels of a map of h x w x c, copied to a grid of oh x ow vectors that are y_stride
 * floats apart. */
typedef struct adi_gather_dims {
    int64_t h, w, c, oh, ow, y_stride, count;
} adi_gather_dims;

/* n images of h x w x c that get a border of `pad` positions on every side. */
typedef struct adi_pad2d_dims {
    int64_t n, h, w, c, pad;
} adi_pad2d_dims;

/* ---- Resizing and blurring ---- */

/* A map of h x w x c that is resized to oh x ow x c; y_stride is the number of floats from one
 * output row to the next. If whole_h and whole_w are not 0 (forward only), the outputs span a map
 * of that size, of which the input is the part at (top, left); outputs outside of it are 0. */
typedef struct adi_resize_dims {
    int64_t h, w, c, oh, ow, y_stride;
    int64_t whole_h, whole_w, top, left;
} adi_resize_dims;

enum {
    ADI_RESAMPLE_BITS = 22, /* fractional bits of weights: Pillow's PRECISION_BITS, 32 - 8 - 2 */
    ADI_RESAMPLE_TAPS = 16, /* `taps` is a multiple of this: whole vectors */
    ADI_RESAMPLE_BLOCK = 64 /* rows of a ring are a multiple of this many bytes apart */
};

/* The filter that turns a row of 8-bit samples, first .. last - 1, into outputs. Output o is the
 * sum over count[o] samples from start[o] on, times the weights that begin at o * taps. Weights
 * after the count are 0, and `taps` more zeros follow the last row of weights. */
typedef struct adi_resample {
    const int32_t *start, *count, *weight;
    int64_t taps, first, last;
} adi_resample;

/* A ring buffer of rows: row i is at i % rows. Rows are `stride` bytes apart. */
typedef struct adi_resample_ring {
    const uint8_t *bytes;
    int64_t rows, stride;
} adi_resample_ring;

enum { ADI_BLUR_MAX_RADIUS = 257 };

/* A map, and the number of filter taps on either side of the centre. */
typedef struct adi_blur_dims {
    int64_t h, w, radius; /* 1 .. ADI_BLUR_MAX_RADIUS */
} adi_blur_dims;

/* Reflect index i into a line of n samples: d c b a | a b c d | d c b a. */
static inline int64_t adi_mirror(int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    i %= 2 * n;
    if (i < 0)
        i += 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

/* ---- Normalisation, flows, optimisers ---- */

/* Batch normalisation in training: with the batch's own mean and biased variance. */
typedef struct adi_batchnorm_batch {
    const adi_f32 *weight, *bias; /* [c] */
    const adi_f64 *mean, *var;    /* [c] */
    double eps;
} adi_batchnorm_batch;

/* Group normalisation: `groups` divides c. */
typedef struct adi_groupnorm {
    const adi_f32 *weight, *bias; /* [c] */
    int64_t groups;
    double eps;
} adi_groupnorm;

/* An affine coupling of p positions and c channels. Scale and shift are one tensor of 2c channels,
 * all scales s before all shifts t. The scale is clamped softly, between -alpha and alpha:
 * e(s) = 0.636 alpha atan(s / alpha). */
typedef struct adi_coupling_dims {
    int64_t p, c;
    double alpha;
} adi_coupling_dims;

#define ADI_COUPLING_SOFTNESS 0.636

/* A step of SGD or Adam, as PyTorch takes it. Gradients are first multiplied by grad_scale, which
 * carries gradient clipping; then weight decay is added. */
typedef struct adi_sgd {
    double lr, momentum, weight_decay, grad_scale;
    int32_t first; /* 1: the first step, in which the velocity becomes the gradient */
} adi_sgd;

typedef struct adi_adam {
    double lr, beta1, beta2, eps, weight_decay, grad_scale;
    int64_t step; /* from 1 on, for the bias correction */
} adi_adam;

/* ---- A Gaussian at every position ---- */

/* One Gaussian of d dimensions at each of p positions. `fourth`: also keep the fourth-order sums
 * that a shrinkage needs. */
typedef struct adi_position_dims {
    int64_t p, d;
    int32_t fourth;
} adi_position_dims;

/* Entries of a packed lower triangle. */
static inline int64_t adi_triangle(int64_t d)
{
    return d * (d + 1) / 2;
}

/* Doubles that hold the sums of one position over vectors z = x - shift. They are, in this order:
 * z z^T as a packed lower triangle, row after row; z [d]; with `fourth` |z|^2 z [d] and |z|^4. */
static inline int64_t adi_position_sums(const adi_position_dims *d)
{
    return adi_triangle(d->d) + d->d + (d->fourth ? d->d + 1 : 0);
}

/* The covariance of a position with scatter matrix C is scatter * C + diagonal * I. The squared
 * pivots of its Cholesky factor must be greater than `least`. */
typedef struct adi_position_scale {
    double scatter, diagonal, least;
} adi_position_scale;

#endif
