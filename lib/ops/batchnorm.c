/* batchnorm: y = (x - mean) / sqrt(var + eps) * weight + bias, for each channel. In evaluation mean
 * and var are the running statistics; the op is folded into the convolution before it (nn/fold.c),
 * or else runs as scale and shift. In training they are the batch's own, with the biased variance,
 * and a ReLU may be fused: backward finds its mask from x, so that neither the normalised values
 * nor the result are kept. */
#include "ops/op.h"

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index,
                           int64_t *out_shape)
{
    (void)attrs;
    (void)index;
    out_shape[0] = in_channels;
    return 1;
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    const adi_pc d = adi_positions(&call->in);
    return k->batchnorm_fwd(ex, y, x, call->weight, call->bias, call->act, d);
}

/* The statistics kernel's scratch is used again for scale and shift. */
static size_t train_scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_pc d = adi_positions(&call->in);
    const size_t kernel = k->batchnorm_train_scratch(d, num_threads);
    const size_t affine = 2 * (size_t)d.c * sizeof(float);
    return kernel > affine ? kernel : affine;
}

static ad_status train_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                               const adi_op_grad *g, int32_t given, adi_f32 *y, const adi_f32 *x)
{
    const adi_pc d = adi_positions(&call->in);
    if (!given)
        ADI_TRY(k->batchnorm_stats(ex, g->mean, g->var, x, d));
    const adi_batchnorm_batch batch = {call->weight, call->bias, g->mean, g->var, call->attrs.eps};
    adi_f32 *const scale = ex->scratch, *const shift = scale + d.c;
    ADI_TRY(k->batchnorm_affine(ex, scale, shift, &batch, d.c));
    return k->batchnorm_fwd(ex, y, x, scale, shift, call->act, d);
}

/* The kernel writes all three gradients, wanted or not. */
static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_pc d = adi_positions(&call->in);
    const adi_batchnorm_batch batch = {call->weight, call->bias, g->mean, g->var, call->attrs.eps};
    return k->batchnorm_bwd(ex, g->dx[0], g->dweight, g->dbias, g->dy, g->x[0], &batch, call->act,
                            d);
}

static const adi_need needs[] = {ADI_NEED(batchnorm_fwd), {0}};
/* Running statistics are nn/train_run.c's. */
static const adi_need train_needs[] = {ADI_NEED(batchnorm_fwd),
                                       ADI_NEED(batchnorm_stats),
                                       ADI_NEED(batchnorm_affine),
                                       ADI_NEED(batchnorm_running),
                                       ADI_NEED(widen),
                                       ADI_NEED(batchnorm_bwd),
                                       ADI_NEED(batchnorm_train_scratch),
                                       {0}};

const adi_op adi_op_batchnorm = {
    .name = "batchnorm",
    .inputs = 1,
    .optional = {ADI_ATTR_EPS},
    .params = 4,
    .untrained = 2,
    .param = {{"weight", .fresh = ADI_FRESH_ONE},
              {"bias", .fresh = ADI_FRESH_ZERO},
              {"running_mean", .fresh = ADI_FRESH_ZERO},
              {"running_var", .fresh = ADI_FRESH_ONE}},
    .statistics = 1,
    .fuses = 1,
    .shape = adi_same_shape,
    .param_shape = param_shape,
    .needs = needs,
    .forward = forward,
    .train_needs = train_needs,
    .train_forward = train_forward,
    .keeps = ADI_KEEPS_X,
    .in_place = 1,
    .trains_relu = 1,
    .train_scratch = train_scratch,
    .backward = backward,
};
