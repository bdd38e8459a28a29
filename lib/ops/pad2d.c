/* pad2d: a border of `pad` positions on every side, with copies of the nearest position inside:
 * PyTorch's padding_mode 'replicate', for a convolution without padding that follows. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out)
{
    return adi_enlarged_shape("pad2d", node, in, in->h + 2 * attrs->pad, in->w + 2 * attrs->pad,
                              in->c, out);
}

static adi_pad2d_dims dims(const adi_op_call *call)
{
    return (adi_pad2d_dims){call->in.n, call->in.h, call->in.w, call->in.c, call->attrs.pad};
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    const adi_pad2d_dims d = dims(call);
    return k->pad2d_fwd(ex, y, x, &d);
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_pad2d_dims d = dims(call);
    return g->dx[0] ? k->pad2d_bwd(ex, g->dx[0], g->dy, &d) : AD_OK;
}

static const adi_need needs[] = {ADI_NEED(pad2d_fwd), {0}};
static const adi_need train_needs[] = {ADI_NEED(pad2d_fwd), ADI_NEED(pad2d_bwd), {0}};

const adi_op adi_op_pad2d = {.name = "pad2d",
                             .inputs = 1,
                             .required = {ADI_ATTR_PAD},
                             .shape = shape,
                             .needs = needs,
                             .forward = forward,
                             .train_needs = train_needs,
                             .backward = backward};
