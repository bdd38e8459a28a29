/* maxpool2d: meaning in backends/ref/pool2d_ref.c. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in, adi_shape *out)
{
    return adi_window_shape("maxpool2d", node, attrs, in, in->c, out);
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, float *y,
                         const float *x, const float *x2)
{
    (void)x2;
    adi_pool2d_dims d = {.n = call->in.n, .h = call->in.h, .w = call->in.w, .c = call->in.c,
                         .oh = call->out.h, .ow = call->out.w,
                         .k = call->attrs.kernel, .stride = call->attrs.stride};
    adi_window(&call->attrs, d.h, &d.pad_top);
    adi_window(&call->attrs, d.w, &d.pad_left);
    return k->maxpool2d_fwd(ex, y, x, &d);
}

const adi_op adi_op_maxpool2d = {
    .name = "maxpool2d",
    .inputs = 1,
    .required = ADI_ATTR_KERNEL,
    .optional = ADI_ATTR_STRIDE | ADI_ATTR_PAD,
    .shape = shape,
    .forward = forward,
};
