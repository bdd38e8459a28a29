/* l2norm: feature vectors of unit length; defined in backends/ref/l2norm_ref.c. */
#include "ops/op.h"

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    const adi_pc d = adi_positions(&call->in);
    return k->l2norm_fwd(ex, y, x, d);
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_pc d = adi_positions(&call->in);
    return g->dx[0] ? k->l2norm_bwd(ex, g->dx[0], g->dy, g->x[0], d) : AD_OK;
}

static const adi_need needs[] = {ADI_NEED(l2norm_fwd), {0}};
static const adi_need train_needs[] = {ADI_NEED(l2norm_fwd), ADI_NEED(l2norm_bwd), {0}};

const adi_op adi_op_l2norm = {.name = "l2norm",
                              .inputs = 1,
                              .shape = adi_same_shape,
                              .needs = needs,
                              .forward = forward,
                              .keeps = ADI_KEEPS_X,
                              .train_needs = train_needs,
                              .backward = backward};
