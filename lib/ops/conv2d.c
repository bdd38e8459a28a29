/* conv2d: dense 2-D convolution; defined in backends/ref/conv2d_ref.c and conv2d_bwd_ref.c. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out)
{
    return adi_window_shape("conv2d", node, attrs, in, attrs->out, out);
}

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index,
                           int64_t *out_shape)
{
    return adi_conv_param_shape(attrs, attrs->out, in_channels, attrs->out, index, out_shape);
}

static size_t scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_conv2d_dims d = adi_conv2d_dims_of(call);
    if (call->gated)
        return k->conv2d_gated_scratch(&d, num_threads);
    return call->packed ? k->conv2d_packed_scratch(&d, call->algorithm, num_threads)
                        : k->conv2d_scratch(&d, num_threads);
}

static size_t choose(const adi_kernels *k, adi_op_call *call)
{
    const adi_conv2d_dims d = adi_conv2d_dims_of(call);
    call->algorithm = k->conv2d_choose(&d, call->algorithm);
    call->packed = call->host_weight;
    return k->conv2d_packed_bytes(&d, call->algorithm);
}

static void pack(const adi_kernels *k, adi_op_call *call, void *packed, void *unused)
{
    (void)unused;
    const adi_conv2d_dims d = adi_conv2d_dims_of(call);
    k->conv2d_pack(packed, call->host_weight, &d, call->algorithm);
    call->packed = packed;
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const adi_conv2d_dims d = adi_conv2d_dims_of(call);
    const adi_epilogue e = {call->bias, x2, call->act, NULL};
    if (call->gated)
        return k->conv2d_gated_fwd(ex, y, x, call->gate, call->packed, &e, &d);
    return call->packed ? k->conv2d_packed_fwd(ex, y, x, call->packed, &e, &d, call->algorithm)
                        : k->conv2d_fwd(ex, y, x, call->weight, &e, &d);
}

static size_t train_scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_conv2d_dims d = adi_conv2d_dims_of(call);
    const size_t data = k->conv2d_bwd_data_scratch(&d, num_threads);
    const size_t weight = k->conv2d_bwd_weight_scratch(&d, num_threads);
    return data > weight ? data : weight;
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_conv2d_dims d = adi_conv2d_dims_of(call);
    const adi_epilogue e = {NULL, g->dx_add, ADI_ACT_NONE, NULL};
    if (g->dx[0])
        ADI_TRY(k->conv2d_bwd_data(ex, g->dx[0], g->dy, call->weight, &e, &d));
    if (g->dweight)
        ADI_TRY(k->conv2d_bwd_weight(ex, g->dweight, g->x[0], g->dy, &d));
    if (g->dbias)
        return k->bias_bwd(ex, g->dbias, g->dy, (adi_pc){d.n * d.oh * d.ow, d.k});
    return AD_OK;
}

static const adi_need needs[] = {ADI_NEED(conv2d_choose),     ADI_NEED(conv2d_packed_bytes),
                                 ADI_NEED(conv2d_pack),       ADI_NEED(conv2d_packed_scratch),
                                 ADI_NEED(conv2d_packed_fwd), {0}};
static const adi_need train_needs[] = {ADI_NEED(conv2d_scratch),
                                       ADI_NEED(conv2d_fwd),
                                       ADI_NEED(conv2d_bwd_data_scratch),
                                       ADI_NEED(conv2d_bwd_data),
                                       ADI_NEED(conv2d_bwd_weight_scratch),
                                       ADI_NEED(conv2d_bwd_weight),
                                       ADI_NEED(bias_bwd),
                                       {0}};

const adi_op adi_op_conv2d = {
    .name = "conv2d",
    .inputs = 1,
    .required = {ADI_ATTR_OUT, ADI_ATTR_KERNEL},
    .optional = {ADI_ATTR_STRIDE, ADI_ATTR_PAD, ADI_ATTR_BIAS, ADI_ATTR_INIT},
    .params = 2,
    .param = {{"weight"}, {"bias", .optional = 1}},
    .residual = 1,
    .fuses = 1,
    .shape = shape,
    .side = adi_window_side,
    .pad_same = 1,
    .layout = ADI_WEIGHT_OIHW,
    .foldable = 1,
    .param_shape = param_shape,
    .choose = choose,
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
