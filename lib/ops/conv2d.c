/* conv2d: dense 2-D convolution; meaning in backends/ref/conv2d_ref.c. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in, adi_shape *out)
{
    return adi_window_shape("conv2d", node, attrs, in, attrs->out, out);
}

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index, int64_t *out_shape)
{
    out_shape[0] = attrs->out;
    if (index == 1)
        return 1;
    out_shape[1] = in_channels;
    out_shape[2] = out_shape[3] = attrs->kernel;
    return 4;
}

static size_t scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_conv2d_dims d = adi_conv2d_dims_of(call);
    return k->conv2d_scratch(&d, num_threads);
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, float *y,
                         const float *x, const float *x2)
{
    const adi_conv2d_dims d = adi_conv2d_dims_of(call);
    const adi_epilogue e = {call->bias, x2, call->act};
    return k->conv2d_fwd(ex, y, x, call->weight, &e, &d);
}

const adi_op adi_op_conv2d = {
    .name = "conv2d",
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
};
