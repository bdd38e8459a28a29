/* relu: max(x, 0); relu6: min(max(x, 0), 6); sigmoid: 1 / (1 + exp(-x));
 * silu (swish): x sigmoid(x). NaN stays NaN. */
#include "ops/op.h"

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    const adi_pc d = adi_positions(&call->in);
    return k->activation_fwd(ex, y, x, call->act, d);
}

/* Compute dx from the result y. silu has no backward: two of its values share a result. */
static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_pc d = adi_positions(&call->in);
    return g->dx[0] ? k->activation_bwd(ex, g->dx[0], g->dy, g->y, call->act, d) : AD_OK;
}

static const adi_need needs[] = {ADI_NEED(activation_fwd), {0}};
static const adi_need train_needs[] = {ADI_NEED(activation_fwd), ADI_NEED(activation_bwd), {0}};

#define ACTIVATION(NAME, ACT)                                                                      \
    .name = (NAME), .inputs = 1, .shape = adi_same_shape, .act = (ACT), .needs = needs,            \
    .forward = forward
#define TRAINED                                                                                    \
    .keeps = ADI_KEEPS_Y, .in_place = 1, .train_needs = train_needs, .backward = backward

const adi_op adi_op_relu = {ACTIVATION("relu", ADI_ACT_RELU), TRAINED};
const adi_op adi_op_relu6 = {ACTIVATION("relu6", ADI_ACT_RELU6), TRAINED};
const adi_op adi_op_sigmoid = {ACTIVATION("sigmoid", ADI_ACT_SIGMOID), TRAINED};
const adi_op adi_op_silu = {ACTIVATION("silu", ADI_ACT_SILU)};
