/* An op: what a line of a graph may say, what shape it gives, and how it runs on a kernel table. */
#ifndef ADI_OPS_OP_H
#define ADI_OPS_OP_H

#include "backend.h"
#include "core/error.h"

typedef struct adi_shape {
    int64_t n, h, w, c;
} adi_shape;

enum {
    ADI_PAD_SAME = -1,      /* TensorFlow's SAME, from the actual input size */
    ADI_MAX_CHANNELS = 65536,
    ADI_MAX_SIDE = 1 << 16  /* of what enlarges: far above what memory holds */
};

/* Attributes of a node. Which of them an op takes is in its descriptor. */
typedef struct adi_attrs {
    int32_t channels; /* input */
    int32_t out;      /* output channels */
    int32_t kernel;
    int32_t stride;
    int32_t pad;       /* samples before (left, top), or ADI_PAD_SAME */
    int32_t pad_after; /* samples after (right, bottom), or ADI_PAD_SAME */
    int32_t bias;      /* 1: a bias belongs to it; 0: it may have one, as folding leaves it */
    int32_t scale;     /* resize2d: output size over input size */
    int32_t from;      /* slice: the first channel */
    int32_t seed;      /* permute: of the initial order */
    int32_t inverse;   /* coupling, permute: 1: back */
    int32_t groups;    /* gconv2d, sru */
    int32_t joint;     /* softfuse: 1: one softmax over all channels of both */
    int32_t eval;      /* randmask2d: 1: masks when it is not trained, too */
    int32_t init;      /* convolution: an adi_init, of new weights */
    double eps;
    double slope;      /* leaky_relu */
    double alpha;      /* coupling, logdet: the largest scale */
    double limit;      /* clamp */
    double lambda;     /* simam */
    double rate;       /* randmask2d */
} adi_attrs;

/* How a new convolution's weights are drawn. */
typedef enum adi_init {
    ADI_INIT_USUAL,   /* with a bias PyTorch's default, without fan-out */
    ADI_INIT_FAN_OUT, /* N(0, 2 / (k^2 C_out)), a bias PyTorch's default */
    ADI_INIT_DEFAULT  /* PyTorch's, uniform by the fan-in */
} adi_init;

enum { /* bits of adi_op.required and .optional */
    ADI_ATTR_CHANNELS = 1 << 0,
    ADI_ATTR_OUT      = 1 << 1,
    ADI_ATTR_KERNEL   = 1 << 2,
    ADI_ATTR_STRIDE   = 1 << 3,
    ADI_ATTR_PAD      = 1 << 4,
    ADI_ATTR_EPS      = 1 << 5,
    ADI_ATTR_BIAS     = 1 << 6,
    ADI_ATTR_SCALE    = 1 << 7,
    ADI_ATTR_FROM     = 1 << 8,
    ADI_ATTR_SEED     = 1 << 9,
    ADI_ATTR_INVERSE  = 1 << 10,
    ADI_ATTR_SLOPE    = 1 << 11,
    ADI_ATTR_ALPHA    = 1 << 12,
    ADI_ATTR_LIMIT    = 1 << 13,
    ADI_ATTR_GROUPS   = 1 << 14,
    ADI_ATTR_JOINT    = 1 << 15,
    ADI_ATTR_EVAL     = 1 << 16,
    ADI_ATTR_INIT     = 1 << 17,
    ADI_ATTR_LAMBDA   = 1 << 18,
    ADI_ATTR_RATE     = 1 << 19
};

/* A parameter tensor: its name is the node's plus the suffix, its shape that of the file (OIHW). */
typedef struct adi_op_param {
    const char *suffix;
    int32_t optional;
} adi_op_param;

enum { ADI_OP_MAX_PARAMS = 4, ADI_OP_MAX_INPUTS = 2 };

/* One execution: shapes, parameters in the layout that the kernels take, and what was fused in. */
typedef struct adi_op_call {
    adi_attrs attrs;
    adi_shape in, out;
    const float *weight; /* convolution: HWIO; batch norm: scale; permute: the order; gain: one number */
    const float *bias;   /* convolution: bias or NULL; batch norm: shift */
    const void *packed;  /* convolution: filters laid out by `pack`, or NULL */
    adi_conv2d_algorithm algorithm; /* which they are laid out for; before: the one that is wanted */
    adi_act act;
    const struct adi_op_call *first; /* depthwise convolution: a pointwise one that runs in it, or NULL */
    const float *gate;   /* convolution: factors of x's channels, known when it runs; or NULL */
    int32_t gated;       /* 1: there will be a gate */
    uint64_t draw;       /* randmask2d: of this run of a training */
    int32_t row_sums;    /* depthwise convolution: 1: the sums over rows follow its result; mean: they follow its input */
} adi_op_call;

/* What training adds to a call: forward values, gradients that come in and gradients to write. */
typedef struct adi_op_grad {
    const float *x[ADI_OP_MAX_INPUTS], *y; /* where `keeps` asks for them, else NULL */
    const float *dy;
    float *dx[ADI_OP_MAX_INPUTS];          /* NULL where it is not wanted */
    const float *dx_add;                   /* added to dx[0] while it is written (adds_dx), or NULL */
    float *dweight, *dbias;                /* in the kernels' layout; batch norm: of weight and bias */
    double *mean, *var;                    /* batch norm: of the batch */
} adi_op_grad;

enum { /* bits of adi_op.keeps: what backward reads of forward */
    ADI_KEEPS_X  = 1 << 0,
    ADI_KEEPS_Y  = 1 << 1,
    ADI_KEEPS_X2 = 1 << 2
};

typedef struct adi_op {
    const char *name;
    int32_t inputs;
    uint32_t required, optional;
    int32_t params; /* used entries of param */
    adi_op_param param[ADI_OP_MAX_PARAMS];
    int32_t untrained; /* so many of the last params are not trained: running statistics, an order */
    int32_t residual;  /* 1: the kernel can add a second tensor and then apply act */
    int32_t fuses;    /* 1: the kernel can apply act */
    adi_act act;      /* for the activations themselves */
    /* Channels of the result, or 0 where those of the inputs do not fit. NULL: attrs.out or those of the first input,
     * which the second has too, or with `joins` adds its own to. */
    int64_t (*channels)(const adi_attrs *attrs, int64_t first, int64_t second);
    /* AD_OK, or what is wrong with parameter `index` as a file holds it, all `count` values finite; NULL: nothing can
     * be. `node` is for the sentence. */
    ad_status (*check_param)(const char *node, int32_t index, const float *values, int64_t count);
    /* Output shape, or AD_ERR_SHAPE with a sentence that names the node. */
    ad_status (*shape)(const char *node, const adi_attrs *attrs, const adi_shape *in, adi_shape *out);
    /* Shape of parameter `index` as the file holds it; returns the number of dimensions. */
    int32_t (*param_shape)(const adi_attrs *attrs, int64_t in_channels, int32_t index, int64_t *out_shape);
    /* Inference: chooses call->algorithm, and tells the bytes of the weights packed for it, which may be 0; then,
     * with `packed`, packs them, in scratch of pack_scratch bytes (NULL: none). NULL where nothing is packed. */
    size_t (*choose)(const adi_kernels *k, adi_op_call *call);
    size_t (*pack_scratch)(const adi_op_call *call);
    void (*pack)(const adi_kernels *k, adi_op_call *call, void *packed, void *scratch);
    /* NULL where no scratch is needed. */
    size_t (*scratch)(const adi_kernels *k, const adi_op_call *call, int32_t num_threads);
    /* x2: the second input, or the fused residual, or NULL. NULL for ops that are not run (input). */
    ad_status (*forward)(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, float *y,
                         const float *x, const float *x2);
    /* Training. call->weight and bias are the parameters themselves, batch norm's too; scratch is that of
     * train_scratch, for train_forward and backward both. */
    /* NULL: forward is used. Batch norm: y from x and g->mean, g->var, which are first taken from x unless `given`.
     * randmask2d: masks unless `given`. */
    ad_status (*train_forward)(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                               const adi_op_grad *g, int32_t given, float *y, const float *x);
    uint32_t keeps;
    int32_t joins;     /* 1: the channels of the inputs follow each other in the output */
    int32_t adds_dx;  /* 1: backward takes dx_add */
    int32_t in_place; /* 1: dx[0] may be dy */
    size_t (*train_scratch)(const adi_kernels *k, const adi_op_call *call, int32_t num_threads);
    /* NULL for ops that cannot be trained through. */
    ad_status (*backward)(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g);
} adi_op;

extern const adi_op adi_op_input, adi_op_conv2d, adi_op_dwconv2d, adi_op_batchnorm, adi_op_relu,
    adi_op_relu6, adi_op_silu, adi_op_sigmoid, adi_op_add, adi_op_mul, adi_op_maxpool2d,
    adi_op_globalavgpool2d, adi_op_deconv2d, adi_op_concat, adi_op_l2norm, adi_op_resize2d, adi_op_leaky_relu,
    adi_op_clamp, adi_op_gain, adi_op_slice, adi_op_permute, adi_op_pad2d, adi_op_posenc2d, adi_op_coupling,
    adi_op_logdet, adi_op_gconv2d, adi_op_sru, adi_op_sru_soft, adi_op_softfuse, adi_op_simam, adi_op_randmask2d;

/* permute.c: numpy.random.seed(seed); numpy.random.permutation(n). */
void adi_permute_order(int32_t seed, int64_t n, float *out_index);

/* Values of all images. */
static inline int64_t adi_values(const adi_shape *s)
{
    return s->n * s->h * s->w * s->c;
}

/* In whole lines of cache: for parts of scratch. */
static inline size_t adi_whole_floats(int64_t floats)
{
    return (size_t)(floats + 15) / 16 * 16;
}

/* Whether parameter `index` must be in the file. A bias may be there after folding; bias=1 asks for it. */
static inline int32_t adi_op_needs_param(const adi_op *op, const adi_attrs *attrs, int32_t index)
{
    return !op->param[index].optional || (index == 1 && attrs->bias);
}

/* NULL where there is no such op. */
const adi_op *adi_op_find(const char *name);

/* Output size of a transposed convolution along one axis; 0 or less where the padding eats it up. */
int64_t adi_deconv2d_side(const adi_attrs *attrs, int64_t in);
/* The shape rule of everything that gives a value for a value. */
ad_status adi_same_shape(const char *node, const adi_attrs *attrs, const adi_shape *in, adi_shape *out);
/* The rule that what enlarges obeys, or AD_ERR_SHAPE: sides of 1 to ADI_MAX_SIDE. */
ad_status adi_enlarged_shape(const char *op, const char *node, const adi_shape *in, int64_t h, int64_t w,
                             int64_t c, adi_shape *out);
/* Output size and padding before, along one axis. Returns 0 where the window does not fit. */
int64_t adi_window(const adi_attrs *attrs, int64_t in, int32_t *out_pad_before);
/* The shape rule of everything with a window. */
ad_status adi_window_shape(const char *op, const char *node, const adi_attrs *attrs,
                           const adi_shape *in, int64_t out_channels, adi_shape *out);
adi_conv2d_dims adi_conv2d_dims_of(const adi_op_call *call);

#endif
