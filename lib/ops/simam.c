/* simam: attention without parameters: every value is weighted by its energy in its channel;
 * defined in backends/ref/simam_ref.c. */
#include "ops/op.h"

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const adi_npc d = adi_image_positions(&call->in);
    (void)x2;
    return k->simam_fwd(ex, y, x, call->attrs.lambda, &d);
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_npc d = adi_image_positions(&call->in);
    return g->dx[0] ? k->simam_bwd(ex, g->dx[0], g->dy, g->x[0], call->attrs.lambda, &d) : AD_OK;
}

static const adi_need needs[] = {ADI_NEED(simam_fwd), {0}};
static const adi_need train_needs[] = {ADI_NEED(simam_fwd), ADI_NEED(simam_bwd), {0}};

const adi_op adi_op_simam = {.name = "simam",
                             .inputs = 1,
                             .required = {ADI_ATTR_LAMBDA},
                             .shape = adi_same_shape,
                             .needs = needs,
                             .forward = forward,
                             .keeps = ADI_KEEPS_X,
                             .in_place = 1,
                             .train_needs = train_needs,
                             .backward = backward};
