/* randmask2d: sets random positions to 0 in training, others for every image of a batch; defined in
 * backends/ref/mask2d_ref.c. The masks follow from the number of the draw, which the training
 * counts, and from `seed`, which differs between the masks of a network. In inference nothing is
 * masked or, with eval=1, what draw 0 masks. */
#include "mix64.h"
#include "ops/op.h"

static ad_status mask(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                      uint64_t draw, adi_f32 *y, const adi_f32 *x)
{
    return k->mask2d(ex, y, x, adi_mix64(draw + (uint64_t)call->attrs.seed), call->attrs.rate,
                     adi_positions(&call->in));
}

/* Inference masks nothing without eval=1. */
static int32_t is_identity(const adi_attrs *attrs)
{
    return !attrs->eval;
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const adi_pc d = adi_positions(&call->in);
    (void)x2;
    if (call->attrs.eval)
        return mask(k, ex, call, 0, y, x);
    return y == x ? AD_OK : k->copy_channels(ex, y, d.c, x, d.c, d);
}

static ad_status train_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                               const adi_op_grad *g, int32_t given, adi_f32 *y, const adi_f32 *x)
{
    (void)g;
    return given ? forward(k, ex, call, y, x, NULL) : mask(k, ex, call, call->draw, y, x);
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    return g->dx[0] ? mask(k, ex, call, call->draw, g->dx[0], g->dy) : AD_OK;
}

static const adi_need needs[] = {ADI_NEED(mask2d), ADI_NEED(copy_channels), {0}};

const adi_op adi_op_randmask2d = {.name = "randmask2d",
                                  .inputs = 1,
                                  .required = {ADI_ATTR_RATE, ADI_ATTR_SEED},
                                  .optional = {ADI_ATTR_EVAL},
                                  .shape = adi_same_shape,
                                  .is_identity = is_identity,
                                  .needs = needs,
                                  .forward = forward,
                                  .train_forward = train_forward,
                                  .in_place = 1,
                                  .backward = backward};
