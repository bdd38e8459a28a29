/* dwconv2d: depthwise 2-D convolution; defined in backends/ref/dwconv2d_ref.c. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out)
{
    return adi_window_shape("dwconv2d", node, attrs, in, in->c, out);
}

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index,
                           int64_t *out_shape)
{
    return adi_conv_param_shape(attrs, in_channels, 1, in_channels, index, out_shape);
}

/* Scratch is only needed with a fused pointwise convolution. */
static size_t scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_conv2d_dims d = adi_conv2d_dims_of(call);
    return call->first ? k->expand_dw_scratch(&d, num_threads) : 0;
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const adi_conv2d_dims d = adi_conv2d_dims_of(call);
    const adi_epilogue e = {call->bias, x2, call->act,
                            call->row_sums ? y + d.n * d.oh * d.ow * d.c : NULL};
    const adi_op_call *f = call->first;
    if (!f)
        return k->dwconv2d_fwd(ex, y, x, call->weight, &e, &d);
    const adi_expansion first = {adi_conv2d_dims_of(f), f->packed, f->bias, f->act};
    return k->expand_dw_fwd(ex, y, x, &first, call->weight, &e, &d);
}

static const adi_need needs[] = {ADI_NEED(dwconv2d_fwd), {0}};

const adi_op adi_op_dwconv2d = {
    .name = "dwconv2d",
    .inputs = 1,
    .required = {ADI_ATTR_KERNEL},
    .optional = {ADI_ATTR_STRIDE, ADI_ATTR_PAD, ADI_ATTR_BIAS},
    .params = 2,
    .param = {{"weight"}, {"bias", .optional = 1}},
    .residual = 1,
    .fuses = 1,
    .shape = shape,
    .side = adi_window_side,
    .pad_same = 1,
    .layout = ADI_WEIGHT_DEPTHWISE,
    .foldable = 1,
    .param_shape = param_shape,
    .scratch = scratch,
    .needs = needs,
    .forward = forward,
};
