/* relu: max(x, 0);  relu6: min(max(x, 0), 6);  sigmoid: 1 / (1 + exp(-x));  silu (swish): x sigmoid(x).
 * NaN stays NaN. */
#include "ops/op.h"

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, float *y,
                         const float *x, const float *x2)
{
    (void)x2;
    const adi_pc d = {call->in.n * call->in.h * call->in.w, call->in.c};
    return k->activation_fwd(ex, y, x, call->act, d);
}

/* From the result alone, which is why silu has none: two of its values share a result. */
static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_pc d = {call->in.n * call->in.h * call->in.w, call->in.c};
    return g->dx[0] ? k->activation_bwd(ex, g->dx[0], g->dy, g->y, call->act, d) : AD_OK;
}

const adi_op adi_op_relu = {
    .name = "relu", .inputs = 1, .act = ADI_ACT_RELU, .shape = adi_same_shape, .forward = forward,
    .keeps = ADI_KEEPS_Y, .in_place = 1, .backward = backward};
const adi_op adi_op_relu6 = {
    .name = "relu6", .inputs = 1, .act = ADI_ACT_RELU6, .shape = adi_same_shape, .forward = forward,
    .keeps = ADI_KEEPS_Y, .in_place = 1, .backward = backward};
const adi_op adi_op_silu = {
    .name = "silu", .inputs = 1, .act = ADI_ACT_SILU, .shape = adi_same_shape, .forward = forward};
const adi_op adi_op_sigmoid = {
    .name = "sigmoid", .inputs = 1, .act = ADI_ACT_SIGMOID, .shape = adi_same_shape, .forward = forward,
    .keeps = ADI_KEEPS_Y, .in_place = 1, .backward = backward};
