/* An op: the attributes that a line of a graph may give it, its parameters, its shape rule, and how
 * it runs on a kernel table. What is special about an op stands in its descriptor, so that a new op
 * needs nothing in lib/nn. */
#ifndef ADI_OPS_OP_H
#define ADI_OPS_OP_H

#include <stddef.h>

#include "backend.h"
#include "core/error.h"

typedef struct adi_shape {
    int64_t n, h, w, c;
} adi_shape;

enum {
    ADI_PAD_SAME = -1, /* TensorFlow's SAME, from the actual input size */
    ADI_MAX_CHANNELS = 65536,
    ADI_MAX_SIDE = 1 << 16 /* of what enlarges: far above what memory holds */
};

/* ---- Attributes ---- */

/* The attributes of a node. Which of them an op takes is in its descriptor. */
typedef struct adi_attrs {
    int32_t channels; /* input */
    int32_t out;      /* output channels */
    int32_t kernel;
    int32_t stride;
    int32_t pad;       /* samples before (left, top), or ADI_PAD_SAME */
    int32_t pad_after; /* samples after (right, bottom), or ADI_PAD_SAME */
    int32_t bias;      /* 1: the op has a bias; 0: it may have one, from folding */
    int32_t scale;     /* resize2d: output size over input size */
    int32_t from;      /* slice: the first channel */
    int32_t seed;      /* permute: seed of the initial order; randmask2d: of the masks */
    int32_t inverse;   /* coupling, permute: 1: backwards */
    int32_t groups;    /* gconv2d, sru */
    int32_t joint;     /* softfuse: 1: one softmax over all channels of both */
    int32_t eval;      /* randmask2d: 1: masks in inference, too */
    int32_t init;      /* convolution: an adi_init */
    double eps;
    double slope;  /* leaky_relu */
    double alpha;  /* coupling, logdet: the largest scale */
    double limit;  /* clamp */
    double lambda; /* simam */
    double rate;   /* randmask2d */
} adi_attrs;

/* The distribution that a new convolution's weights are drawn from. */
typedef enum adi_init {
    ADI_INIT_USUAL,   /* FAN_OUT without a bias, DEFAULT with one */
    ADI_INIT_FAN_OUT, /* N(0, 2 / (k^2 C_out)), a bias as PyTorch's default */
    ADI_INIT_DEFAULT  /* PyTorch's default: uniform by the fan-in */
} adi_init;

typedef enum adi_attr {
    ADI_ATTR_NONE, /* the end of a list */
    ADI_ATTR_CHANNELS,
    ADI_ATTR_OUT,
    ADI_ATTR_KERNEL,
    ADI_ATTR_STRIDE,
    ADI_ATTR_PAD,
    ADI_ATTR_EPS,
    ADI_ATTR_BIAS,
    ADI_ATTR_SCALE,
    ADI_ATTR_FROM,
    ADI_ATTR_SEED,
    ADI_ATTR_INVERSE,
    ADI_ATTR_SLOPE,
    ADI_ATTR_ALPHA,
    ADI_ATTR_LIMIT,
    ADI_ATTR_GROUPS,
    ADI_ATTR_JOINT,
    ADI_ATTR_EVAL,
    ADI_ATTR_INIT,
    ADI_ATTR_LAMBDA,
    ADI_ATTR_RATE,
    ADI_ATTR_COUNT
} adi_attr;

typedef enum adi_attr_kind {
    ADI_ATTR_INTEGER, /* an int32_t */
    ADI_ATTR_REAL,    /* a adi_f64 */
    ADI_ATTR_PADDING  /* an int32_t or the word "same" */
} adi_attr_kind;

/* attr.c: how an attribute is written, and which values it may have. */
typedef struct adi_attr_row {
    const char *key;
    adi_attr_kind kind;
    size_t offset; /* in adi_attrs */
    double low, high;
} adi_attr_row;

extern const adi_attr_row adi_attr_rows[ADI_ATTR_COUNT];
/* ADI_ATTR_NONE if there is no such attribute. */
adi_attr adi_attr_find(const char *key);

/* ---- Parameters ---- */

/* The first value of a new parameter. */
typedef enum adi_fresh {
    ADI_FRESH_RANDOM, /* drawn as for a convolution (nn/init.c) */
    ADI_FRESH_ZERO,
    ADI_FRESH_ONE,
    ADI_FRESH_ORDER /* NumPy's permutation by attrs.seed; a file may leave it out */
} adi_fresh;

/* A parameter tensor. Its name is the node's plus the suffix. */
typedef struct adi_op_param {
    const char *suffix;
    int32_t optional;
    adi_fresh fresh;
    int32_t scalar; /* 1: one number, which a file holds with a dimension or without */
} adi_op_param;

/* The layout of an op's weight in a file. Kernels take convolutions' weights as HWIO. */
typedef enum adi_weight_layout {
    ADI_WEIGHT_PLAIN,      /* as the kernels take it; so are all other parameters */
    ADI_WEIGHT_OIHW,       /* a convolution's */
    ADI_WEIGHT_DEPTHWISE,  /* [c, 1, kh, kw]; kernels take [kh, kw, c] */
    ADI_WEIGHT_TRANSPOSED  /* a transposed convolution's, whose input channels are O and output I */
} adi_weight_layout;

/* A kernel that an op calls. */
typedef struct adi_need {
    const char *kernel;
    size_t slot; /* offset in adi_kernels */
} adi_need;

#define ADI_NEED(KERNEL) {#KERNEL, offsetof(adi_kernels, KERNEL)}

/* ---- Running ---- */

enum { ADI_OP_MAX_PARAMS = 4, ADI_OP_MAX_INPUTS = 2, ADI_OP_MAX_ATTRS = 8 };

/* One execution: shapes, parameters in the kernels' layout, and what was fused in. `choose` and
 * `pack` run on the host and read host_weight and host_bias, all others read the copies of these in
 * the backend's memory. */
typedef struct adi_op_call {
    adi_attrs attrs;
    adi_shape in, out;
    /* convolution: HWIO; batch norm: scale; permute: the order; gain: one number */
    const adi_f32 *weight;
    const adi_f32 *bias; /* convolution: bias or NULL; batch norm: shift */
    const float *host_weight, *host_bias;
    const void *packed;  /* convolution: filters packed by `pack`, or NULL */
    adi_conv2d_algorithm algorithm; /* before `choose`: the wanted one; then that of `packed` */
    adi_act act;
    /* depthwise: the pointwise convolution fused into it, or NULL */
    const struct adi_op_call *first;
    const adi_f32 *gate; /* convolution: factors of x's channels, known when it runs; or NULL */
    int32_t gated;     /* 1: there will be a gate */
    uint64_t draw;     /* randmask2d: the number of this run of a training */
    /* 1: depthwise: sums over rows follow its result; mean: they follow its input */
    int32_t row_sums;
} adi_op_call;

/* The values and gradients of a call in training. */
typedef struct adi_op_grad {
    const adi_f32 *x[ADI_OP_MAX_INPUTS], *y; /* NULL unless `keeps` asks for them */
    const adi_f32 *dy;
    adi_f32 *dx[ADI_OP_MAX_INPUTS]; /* NULL if not wanted */
    const adi_f32 *dx_add;          /* added to dx[0] while it is written (adds_dx), or NULL */
    adi_f32 *dweight, *dbias;       /* in the kernels' layout */
    adi_f64 *mean, *var;            /* batch norm: of the batch */
} adi_op_grad;

enum { /* bits of adi_op.keeps: what backward reads of forward */
    ADI_KEEPS_X = 1 << 0,
    ADI_KEEPS_Y = 1 << 1,
    ADI_KEEPS_X2 = 1 << 2
};

typedef struct adi_op {
    const char *name;
    int32_t inputs; /* 0: an input of the network, which is not run */
    /* adi_attr, NONE after the last */
    uint8_t required[ADI_OP_MAX_ATTRS], optional[ADI_OP_MAX_ATTRS];
    int32_t pad_same; /* 1: pad=same is possible */

    /* Parameters */
    int32_t params; /* used entries of param */
    adi_op_param param[ADI_OP_MAX_PARAMS];
    /* number of last params that are not trained: running statistics, an order */
    int32_t untrained;
    adi_weight_layout layout;
    int32_t foldable;   /* 1: a batch norm that follows can be folded into the weights */
    /* 1: trained with the batch's mean and variance; params 2 and 3 are running */
    int32_t statistics;
    /* Shape of parameter `index` in a file; returns the number of dimensions. */
    int32_t (*param_shape)(const adi_attrs *attrs, int64_t in_channels, int32_t index,
                           int64_t *out_shape);
    /* Check the `count` values, all finite, of parameter `index` in a file; the message names
     * `node`. NULL: any values will do. */
    ad_status (*check_param)(const char *node, int32_t index, const float *values, int64_t count);

    /* Shapes */
    int32_t joins; /* 1: the output has the channels of the first input, then those of the second */
    /* Output channels, or 0 if those of the inputs do not fit. NULL: attrs.out, or those of the
     * first input, which the second has too; with `joins` the sum. */
    int64_t (*channels)(const adi_attrs *attrs, int64_t first, int64_t second);
    /* Output shape, or AD_ERR_SHAPE with a message that names the node. */
    ad_status (*shape)(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out);
    /* Output side for an input side, for the nominal size that static padding goes by. NULL: the
     * same. */
    int64_t (*side)(const adi_attrs *attrs, int64_t in);

    /* Inference */
    int32_t residual; /* 1: the kernel can add a second tensor and then apply act */
    int32_t fuses;    /* 1: the kernel can apply act */
    adi_act act;      /* of the activations themselves */
    /* Whether inference leaves the op out. NULL: never. */
    int32_t (*is_identity)(const adi_attrs *attrs);
    /* The kernels of all functions below up to `forward`, ending with {0}; NULL: none. */
    const adi_need *needs;
    /* Choose call->algorithm and return the bytes of the weights packed for it, perhaps 0. NULL if
     * nothing is packed. */
    size_t (*choose)(const adi_kernels *k, adi_op_call *call);
    /* Bytes of scratch of `pack`; NULL: none. */
    size_t (*pack_scratch)(const adi_op_call *call);
    void (*pack)(const adi_kernels *k, adi_op_call *call, void *packed, void *scratch);
    /* Bytes of scratch of `forward`; NULL: none. */
    size_t (*scratch)(const adi_kernels *k, const adi_op_call *call, int32_t num_threads);
    /* x2: the second input, or the fused residual, or NULL. */
    ad_status (*forward)(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2);

    /* Training: call->weight and bias are the parameters themselves. */
    uint32_t keeps;
    int32_t adds_dx;     /* 1: backward takes dx_add */
    int32_t in_place;    /* 1: dx[0] may be dy */
    int32_t passes_dy;   /* 1: dy is the gradient of every input; a plan need not call backward */
    /* 1: forward can apply a ReLU in training; backward does, unless passes_dy */
    int32_t trains_relu;
    /* The kernels of all functions that training calls, ending with {0}. NULL: as `needs`. */
    const adi_need *train_needs;
    /* Bytes of scratch of train_forward and backward; NULL: none. */
    size_t (*train_scratch)(const adi_kernels *k, const adi_op_call *call, int32_t num_threads);
    /* NULL: forward is used. Batch norm: y from x and g->mean, g->var, which are first taken from x
     * unless `given`. randmask2d: masks unless `given`. */
    ad_status (*train_forward)(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                               const adi_op_grad *g, int32_t given, adi_f32 *y, const adi_f32 *x);
    /* NULL for ops that cannot be trained through. */
    ad_status (*backward)(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g);
} adi_op;

extern const adi_op adi_op_input, adi_op_conv2d, adi_op_dwconv2d, adi_op_batchnorm, adi_op_relu,
    adi_op_relu6, adi_op_silu, adi_op_sigmoid, adi_op_add, adi_op_mul, adi_op_maxpool2d,
    adi_op_globalavgpool2d, adi_op_deconv2d, adi_op_concat, adi_op_l2norm, adi_op_resize2d,
    adi_op_leaky_relu, adi_op_clamp, adi_op_gain, adi_op_slice, adi_op_permute, adi_op_pad2d,
    adi_op_posenc2d, adi_op_coupling, adi_op_logdet, adi_op_gconv2d, adi_op_sru, adi_op_sru_soft,
    adi_op_softfuse, adi_op_simam, adi_op_randmask2d;

/* op_list.c: NULL if there is no such op. */
const adi_op *adi_op_find(const char *name);
/* All ops, in the order of the list; NULL past the last. */
const adi_op *adi_op_at(int32_t index);
/* The first kernel of `needs` that the table lacks, or NULL. */
const char *adi_op_lacks(const adi_need *needs, const adi_kernels *kernels);

static inline int32_t adi_op_is_input(const adi_op *op)
{
    return op->inputs == 0;
}

static inline const adi_need *adi_op_train_needs(const adi_op *op)
{
    return op->train_needs ? op->train_needs : op->needs;
}

/* Whether parameter `index` must be in the file. A bias may be there after folding; bias=1 asks for
 * it. */
static inline int32_t adi_op_needs_param(const adi_op *op, const adi_attrs *attrs, int32_t index)
{
    return !op->param[index].optional || (index == 1 && attrs->bias);
}

/* Values of all images. */
static inline int64_t adi_values(const adi_shape *s)
{
    return s->n * s->h * s->w * s->c;
}

/* All images' positions, and the channels. */
static inline adi_pc adi_positions(const adi_shape *s)
{
    return (adi_pc){s->n * s->h * s->w, s->c};
}

/* Each image's positions, and the channels. */
static inline adi_npc adi_image_positions(const adi_shape *s)
{
    return (adi_npc){s->n, s->h * s->w, s->c};
}

/* Round up to whole cache lines, for parts of scratch. */
static inline size_t adi_whole_floats(int64_t floats)
{
    return (size_t)(floats + 15) / 16 * 16;
}

/* permute.c: numpy.random.seed(seed); numpy.random.permutation(n). */
void adi_permute_order(int32_t seed, int64_t n, float *out_index);

/* ---- window.c: rules that ops share ---- */

/* The shape rule of ops that give a value for a value. */
ad_status adi_same_shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                         adi_shape *out);
/* The shape rule of ops that enlarge: sides of 1 to ADI_MAX_SIDE, or AD_ERR_SHAPE. */
ad_status adi_enlarged_shape(const char *op, const char *node, const adi_shape *in, int64_t h,
                             int64_t w, int64_t c, adi_shape *out);
/* The shape rule of ops with a sliding window. */
ad_status adi_window_shape(const char *op, const char *node, const adi_attrs *attrs,
                           const adi_shape *in, int64_t out_channels, adi_shape *out);
/* Output size and padding before, along one axis. Returns 0 if the window does not fit. */
int64_t adi_window(const adi_attrs *attrs, int64_t in, int32_t *out_pad_before);
/* The `side` rules: a window, a transposed convolution (0 or less if the padding leaves nothing), a
 * factor. */
int64_t adi_window_side(const adi_attrs *attrs, int64_t in);
int64_t adi_deconv2d_side(const adi_attrs *attrs, int64_t in);
int64_t adi_scaled_side(const adi_attrs *attrs, int64_t in);
adi_conv2d_dims adi_conv2d_dims_of(const adi_op_call *call);
/* The param_shape of a convolution whose weight is [first, second, kernel, kernel] and whose bias
 * has `biases` values. */
int32_t adi_conv_param_shape(const adi_attrs *attrs, int64_t first, int64_t second, int64_t biases,
                             int32_t index, int64_t *out_shape);

#endif
