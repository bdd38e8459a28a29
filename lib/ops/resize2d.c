/* resize2d: maps `scale` times as high and wide, bilinear with half-pixel centres; defined in
 * backends/ref/resize_ref.c. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out)
{
    return adi_enlarged_shape("resize2d", node, in, in->h * attrs->scale, in->w * attrs->scale,
                              in->c, out);
}

static adi_resize_dims dims(const adi_op_call *call)
{
    return (adi_resize_dims){.h = call->in.h, .w = call->in.w, .c = call->in.c, .oh = call->out.h,
                             .ow = call->out.w, .y_stride = call->out.w * call->out.c};
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    const adi_resize_dims d = dims(call);
    for (int64_t n = 0; n < call->in.n; n++)
        ADI_TRY(k->resize_fwd(ex, y + n * d.oh * d.y_stride, x + n * d.h * d.w * d.c, &d));
    return AD_OK;
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_resize_dims d = dims(call);
    for (int64_t n = 0; g->dx[0] && n < call->in.n; n++)
        ADI_TRY(
            k->resize_bwd(ex, g->dx[0] + n * d.h * d.w * d.c, g->dy + n * d.oh * d.y_stride, &d));
    return AD_OK;
}

static const adi_need needs[] = {ADI_NEED(resize_fwd), {0}};
static const adi_need train_needs[] = {ADI_NEED(resize_fwd), ADI_NEED(resize_bwd), {0}};

const adi_op adi_op_resize2d = {.name = "resize2d",
                                .inputs = 1,
                                .required = {ADI_ATTR_SCALE},
                                .shape = shape,
                                .side = adi_scaled_side,
                                .needs = needs,
                                .forward = forward,
                                .train_needs = train_needs,
                                .backward = backward};
