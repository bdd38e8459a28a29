/* leaky_relu: x, or slope x where x is negative. slope > 0, so the result has the sign of x. */
#include "ops/op.h"

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    return k->leaky_relu_fwd(ex, y, x, call->attrs.slope, adi_values(&call->in));
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    return g->dx[0] ? k->leaky_relu_bwd(ex, g->dx[0], g->dy, g->y, call->attrs.slope,
                                        adi_values(&call->in))
                    : AD_OK;
}

static const adi_need needs[] = {ADI_NEED(leaky_relu_fwd), {0}};
static const adi_need train_needs[] = {ADI_NEED(leaky_relu_fwd), ADI_NEED(leaky_relu_bwd), {0}};

const adi_op adi_op_leaky_relu = {.name = "leaky_relu",
                                  .inputs = 1,
                                  .required = {ADI_ATTR_SLOPE},
                                  .shape = adi_same_shape,
                                  .needs = needs,
                                  .forward = forward,
                                  .keeps = ADI_KEEPS_Y,
                                  .in_place = 1,
                                  .train_needs = train_needs,
                                  .backward = backward};
