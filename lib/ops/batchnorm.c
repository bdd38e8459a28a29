/* batchnorm, evaluation mode: y = (x - mean) / sqrt(var + eps) * weight + bias, per channel. Where a
 * convolution comes before it, it is folded into that (nn/fold.c); what is left runs as scale and shift. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in, adi_shape *out)
{
    (void)node;
    (void)attrs;
    *out = *in;
    return AD_OK;
}

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index, int64_t *out_shape)
{
    (void)attrs;
    (void)index;
    out_shape[0] = in_channels;
    return 1;
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, float *y,
                         const float *x, const float *x2)
{
    (void)x2;
    const adi_pc d = {call->in.n * call->in.h * call->in.w, call->in.c};
    return k->batchnorm_fwd(ex, y, x, call->weight, call->bias, call->act, d);
}

const adi_op adi_op_batchnorm = {
    .name = "batchnorm",
    .inputs = 1,
    .optional = ADI_ATTR_EPS,
    .params = 4,
    .param = {{"weight", 0}, {"bias", 0}, {"running_mean", 0}, {"running_var", 0}},
    .fuses = 1,
    .shape = shape,
    .param_shape = param_shape,
    .forward = forward,
};
