/* posenc2d: `out` channels that encode the position, whatever the input holds; defined in
 * backends/ref/posenc2d_ref.c. */
#include "ops/op.h"

static int64_t channels(const adi_attrs *attrs, int64_t first, int64_t second)
{
    (void)first;
    (void)second;
    return attrs->out % 4 == 0 ? attrs->out : 0;
}

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out)
{
    (void)node;
    *out = (adi_shape){in->n, in->h, in->w, attrs->out};
    return AD_OK;
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x;
    (void)x2;
    const adi_pad2d_dims d = {call->out.n, call->out.h, call->out.w, call->out.c, 0};
    return k->posenc2d_fwd(ex, y, &d);
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    return g->dx[0] ? k->zero(ex, g->dx[0], adi_values(&call->in)) : AD_OK;
}

static const adi_need needs[] = {ADI_NEED(posenc2d_fwd), {0}};
static const adi_need train_needs[] = {ADI_NEED(posenc2d_fwd), ADI_NEED(zero), {0}};

const adi_op adi_op_posenc2d = {.name = "posenc2d",
                                .inputs = 1,
                                .required = {ADI_ATTR_OUT},
                                .channels = channels,
                                .shape = shape,
                                .needs = needs,
                                .forward = forward,
                                .train_needs = train_needs,
                                .backward = backward};
