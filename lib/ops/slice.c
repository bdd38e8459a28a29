/* slice: `out` channels of every position, beginning with channel `from`. */
#include "ops/op.h"

static int64_t channels(const adi_attrs *attrs, int64_t first, int64_t second)
{
    (void)second;
    return attrs->from + (int64_t)attrs->out <= first ? attrs->out : 0;
}

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out)
{
    (void)node;
    *out = (adi_shape){in->n, in->h, in->w, attrs->out};
    return AD_OK;
}

static adi_pc dims(const adi_op_call *call)
{
    return (adi_pc){call->out.n * call->out.h * call->out.w, call->out.c};
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    return k->copy_channels(ex, y, call->out.c, x + call->attrs.from, call->in.c, dims(call));
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    if (!g->dx[0])
        return AD_OK;
    ADI_TRY(k->zero(ex, g->dx[0], adi_values(&call->in)));
    return k->copy_channels(ex, g->dx[0] + call->attrs.from, call->in.c, g->dy, call->out.c,
                            dims(call));
}

static const adi_need needs[] = {ADI_NEED(copy_channels), {0}};
static const adi_need train_needs[] = {ADI_NEED(copy_channels), ADI_NEED(zero), {0}};

const adi_op adi_op_slice = {.name = "slice",
                             .inputs = 1,
                             .required = {ADI_ATTR_OUT},
                             .optional = {ADI_ATTR_FROM},
                             .channels = channels,
                             .shape = shape,
                             .needs = needs,
                             .forward = forward,
                             .train_needs = train_needs,
                             .backward = backward};
