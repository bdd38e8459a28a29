/* deconv2d: transposed 2-D convolution, the data gradient of the convolution that leads from its output to its
 * input (Zeiler et al. 2010, "Deconvolutional Networks"), with a side of (in - 1) stride + kernel - 2 pad:
 *   y[n, i s + u - pad, j s + v - pad, o] += x[n, i, j, c] * weight[c, o, u, v]      then bias[o] once
 * A file holds the weight as PyTorch does, [C_in, C_out, k, k]. Read as OIHW that is the convolution's, whose
 * output channels are our input's, so that the loader's HWIO is what its kernels take. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in, adi_shape *out)
{
    return adi_enlarged_shape("deconv2d", node, in, adi_deconv2d_side(attrs, in->h),
                              adi_deconv2d_side(attrs, in->w), attrs->out, out);
}

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index, int64_t *out_shape)
{
    if (index == 1) {
        out_shape[0] = attrs->out;
        return 1;
    }
    out_shape[0] = in_channels;
    out_shape[1] = attrs->out;
    out_shape[2] = out_shape[3] = attrs->kernel;
    return 4;
}

/* Of the convolution from our output to our input. */
static adi_conv2d_dims transposed_dims(const adi_op_call *call)
{
    return (adi_conv2d_dims){.n = call->in.n, .h = call->out.h, .w = call->out.w, .c = call->out.c,
                             .oh = call->in.h, .ow = call->in.w, .k = call->in.c,
                             .kh = call->attrs.kernel, .kw = call->attrs.kernel,
                             .stride = call->attrs.stride, .pad_top = call->attrs.pad,
                             .pad_left = call->attrs.pad};
}

static size_t scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_conv2d_dims d = transposed_dims(call);
    return k->conv2d_bwd_data_scratch(&d, num_threads);
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, float *y,
                         const float *x, const float *x2)
{
    const adi_conv2d_dims d = transposed_dims(call);
    const adi_epilogue e = {call->bias, x2, call->act, NULL};
    return k->conv2d_bwd_data(ex, y, x, call->weight, &e, &d);
}

static size_t train_scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_conv2d_dims d = transposed_dims(call);
    const size_t data = k->conv2d_scratch(&d, num_threads);
    const size_t weight = k->conv2d_bwd_weight_scratch(&d, num_threads);
    return data > weight ? data : weight;
}

/* The convolution's input is dy and its output, as far as the weight is concerned, x. */
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

const adi_op adi_op_deconv2d = {
    .name = "deconv2d",
    .inputs = 1,
    .required = ADI_ATTR_OUT | ADI_ATTR_KERNEL,
    .optional = ADI_ATTR_STRIDE | ADI_ATTR_PAD | ADI_ATTR_BIAS,
    .params = 2,
    .param = {{"weight", 0}, {"bias", 1}},
    .residual = 1,
    .fuses = 1,
    .shape = shape,
    .param_shape = param_shape,
    .scratch = scratch,
    .forward = forward,
    .keeps = ADI_KEEPS_X,
    .adds_dx = 1,
    .train_scratch = train_scratch,
    .backward = backward,
};
