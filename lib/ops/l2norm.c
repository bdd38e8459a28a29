/* l2norm: feature vectors of unit length; meaning in backends/ref/l2norm_ref.c. */
#include "ops/op.h"

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, float *y,
                         const float *x, const float *x2)
{
    (void)x2;
    const adi_pc d = {call->in.n * call->in.h * call->in.w, call->in.c};
    return k->l2norm_fwd(ex, y, x, d);
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_pc d = {call->in.n * call->in.h * call->in.w, call->in.c};
    return g->dx[0] ? k->l2norm_bwd(ex, g->dx[0], g->dy, g->x[0], d) : AD_OK;
}

const adi_op adi_op_l2norm = {.name = "l2norm", .inputs = 1, .shape = adi_same_shape, .forward = forward,
                              .keeps = ADI_KEEPS_X, .backward = backward};
