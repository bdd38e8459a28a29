/* deconv2d: transposed 2-D convolution, the data gradient of the convolution from its output to its
 * input (Zeiler et al. 2010, "Deconvolutional Networks"). Sides become (in - 1) stride + kernel - 2
 * pad:
 *   y[n, i s + u - pad, j s + v - pad, o] += x[n, i, j, c] * weight[c, o, u, v]   then bias[o] once
 * A file holds the weight as PyTorch does, [C_in, C_out, k, k]. Read as OIHW that is the weight of
 * that convolution, so that the loader's HWIO is what its kernels take.
 * If windows do not overlap (kernel = stride, no padding), inference runs a pointwise convolution,
 * with packed filters, to all values of a window, and copies these to their places. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out)
{
    return adi_enlarged_shape("deconv2d", node, in, adi_deconv2d_side(attrs, in->h),
                              adi_deconv2d_side(attrs, in->w), attrs->out, out);
}

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index,
                           int64_t *out_shape)
{
    return adi_conv_param_shape(attrs, in_channels, attrs->out, attrs->out, index, out_shape);
}

/* Return the dims of the convolution from our output to our input. */
static adi_conv2d_dims transposed_dims(const adi_op_call *call)
{
    return (adi_conv2d_dims){.n = call->in.n, .h = call->out.h, .w = call->out.w, .c = call->out.c,
                             .oh = call->in.h, .ow = call->in.w, .k = call->in.c,
                             .kh = call->attrs.kernel, .kw = call->attrs.kernel,
                             .stride = call->attrs.stride, .pad_top = call->attrs.pad,
                             .pad_left = call->attrs.pad};
}

/* ---- As a pointwise convolution ---- */

static int is_pointwise(const adi_attrs *a)
{
    return a->kernel == a->stride && a->pad == 0 && a->pad_after == 0;
}

/* Return the dims of the convolution to kernel * kernel * out channels, in the order of a window's
 * values. */
static adi_conv2d_dims pointwise_dims(const adi_op_call *call)
{
    const int64_t area = (int64_t)call->attrs.kernel * call->attrs.kernel;
    return (adi_conv2d_dims){.n = call->in.n,
                             .h = call->in.h,
                             .w = call->in.w,
                             .c = call->in.c,
                             .oh = call->in.h,
                             .ow = call->in.w,
                             .k = area * call->out.c,
                             .kh = 1,
                             .kw = 1,
                             .stride = 1};
}

/* Return the bytes of the packed filters; after them comes the bias, once for each value of a
 * window. */
static size_t filter_bytes(const adi_kernels *k, const adi_op_call *call, const adi_conv2d_dims *d)
{
    const size_t bytes = k->conv2d_packed_bytes(d, call->algorithm);
    return (bytes ? bytes + 63 : (size_t)(d->c * d->k) * sizeof(float) + 63) / 64 * 64;
}

static size_t choose(const adi_kernels *k, adi_op_call *call)
{
    if (!is_pointwise(&call->attrs))
        return 0;
    const adi_conv2d_dims d = pointwise_dims(call);
    call->algorithm = k->conv2d_choose(&d, call->algorithm);
    return filter_bytes(k, call, &d) + (size_t)d.k * sizeof(float);
}

static size_t pack_scratch(const adi_op_call *call)
{
    const adi_conv2d_dims d = pointwise_dims(call);
    return (size_t)(d.c * d.k) * sizeof(float);
}

/* Transpose and pack the weight: the loader's is [window, out, in], a pointwise convolution's [in,
 * window, out]. */
static void pack(const adi_kernels *k, adi_op_call *call, void *packed, void *scratch)
{
    enum { TILE = 16 };
    const adi_conv2d_dims d = pointwise_dims(call);
    const int as_it_is = !k->conv2d_packed_bytes(&d, call->algorithm);
    float *const w = as_it_is ? packed : scratch;
    float *const bias = (float *)(void *)((char *)packed + filter_bytes(k, call, &d));
    for (int64_t first = 0; first < d.k; first += TILE)
        for (int64_t c = 0; c < d.c; c++)
            for (int64_t i = first; i < d.k && i < first + TILE; i++)
                w[c * d.k + i] = call->host_weight[i * d.c + c];
    if (!as_it_is)
        k->conv2d_pack(packed, w, &d, call->algorithm);
    for (int64_t i = 0; i < d.k; i++)
        bias[i] = call->host_bias ? call->host_bias[i % call->out.c] : 0.0f;
    call->packed = packed;
}

static size_t scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    if (call->packed) {
        const adi_conv2d_dims d = pointwise_dims(call);
        return adi_whole_floats(d.n * d.h * d.w * d.k) * sizeof(float) +
               k->conv2d_packed_scratch(&d, call->algorithm, num_threads);
    }
    const adi_conv2d_dims d = transposed_dims(call);
    return k->conv2d_bwd_data_scratch(&d, num_threads);
}

/* Compute all values of every window, copy each row of windows to the rows of the result that it
 * covers, then add the residual. */
static ad_status packed_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                                adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const adi_conv2d_dims d = pointwise_dims(call);
    const int32_t side = call->attrs.kernel;
    const int64_t part = side * call->out.c; /* of a window's row */
    adi_f32 *const windows = ex->scratch;
    const adi_exec rest = {ex->num_threads, windows + adi_whole_floats(d.n * d.h * d.w * d.k),
                           ex->queue};
    const adi_f32 *bias =
        (const adi_f32 *)(const void *)((const char *)call->packed + filter_bytes(k, call, &d));
    const adi_epilogue e = {bias, NULL, x2 ? ADI_ACT_NONE : call->act, NULL};
    ADI_TRY(k->conv2d_packed_fwd(&rest, windows, x, call->packed, &e, &d, call->algorithm));
    for (int64_t row = 0; row < d.n * d.h * side; row++)
        ADI_TRY(k->copy_channels(ex, y + row * d.w * part, part,
                                 windows + (row / side * d.w * side + row % side) * part,
                                 side * part, (adi_pc){d.w, part}));
    const adi_pc all = {call->out.n * call->out.h * call->out.w, call->out.c};
    return x2 ? k->add_fwd(ex, y, y, x2, call->act, all) : AD_OK;
}

/* ---- As the gradient of a convolution ---- */

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const adi_conv2d_dims d = transposed_dims(call);
    const adi_epilogue e = {call->bias, x2, call->act, NULL};
    if (call->packed)
        return packed_forward(k, ex, call, y, x, x2);
    return k->conv2d_bwd_data(ex, y, x, call->weight, &e, &d);
}

static size_t train_scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_conv2d_dims d = transposed_dims(call);
    const size_t data = k->conv2d_scratch(&d, num_threads);
    const size_t weight = k->conv2d_bwd_weight_scratch(&d, num_threads);
    return data > weight ? data : weight;
}

/* For the convolution, whose gradient this op is, dy is the input and x the gradient of its
 * output. */
static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_conv2d_dims d = transposed_dims(call);
    const adi_epilogue e = {NULL, g->dx_add, ADI_ACT_NONE, NULL};
    if (g->dx[0])
        ADI_TRY(k->conv2d_fwd(ex, g->dx[0], g->dy, call->weight, &e, &d));
    if (g->dweight)
        ADI_TRY(k->conv2d_bwd_weight(ex, g->dweight, g->dy, g->x[0], &d));
    if (g->dbias)
        return k->bias_bwd(ex, g->dbias, g->dy, (adi_pc){d.n * d.h * d.w, d.c});
    return AD_OK;
}

static const adi_need needs[] = {ADI_NEED(conv2d_choose),     ADI_NEED(conv2d_packed_bytes),
                                 ADI_NEED(conv2d_pack),       ADI_NEED(conv2d_packed_scratch),
                                 ADI_NEED(conv2d_packed_fwd), ADI_NEED(copy_channels),
                                 ADI_NEED(add_fwd),           ADI_NEED(conv2d_bwd_data_scratch),
                                 ADI_NEED(conv2d_bwd_data),   {0}};
static const adi_need train_needs[] = {ADI_NEED(conv2d_scratch),
                                       ADI_NEED(conv2d_fwd),
                                       ADI_NEED(conv2d_bwd_data_scratch),
                                       ADI_NEED(conv2d_bwd_data),
                                       ADI_NEED(conv2d_bwd_weight_scratch),
                                       ADI_NEED(conv2d_bwd_weight),
                                       ADI_NEED(bias_bwd),
                                       {0}};

const adi_op adi_op_deconv2d = {
    .name = "deconv2d",
    .inputs = 1,
    .required = {ADI_ATTR_OUT, ADI_ATTR_KERNEL},
    .optional = {ADI_ATTR_STRIDE, ADI_ATTR_PAD, ADI_ATTR_BIAS},
    .params = 2,
    .param = {{"weight"}, {"bias", .optional = 1}},
    .residual = 1,
    .fuses = 1,
    .shape = shape,
    .side = adi_deconv2d_side,
    .layout = ADI_WEIGHT_TRANSPOSED,
    .foldable = 1,
    .param_shape = param_shape,
    .choose = choose,
    .pack_scratch = pack_scratch,
    .pack = pack,
    .scratch = scratch,
    .needs = needs,
    .forward = forward,
    .keeps = ADI_KEEPS_X,
    .adds_dx = 1,
    .train_scratch = train_scratch,
    .train_needs = train_needs,
    .backward = backward,
};
