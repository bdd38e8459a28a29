/* Shape rules that ops share: sliding windows, enlarging ops, ops that keep the shape. */
#include "ops/op.h"

int64_t adi_window(const adi_attrs *attrs, int64_t in, int32_t *out_pad_before)
{
    const int64_t k = attrs->kernel, s = attrs->stride;
    if (attrs->pad == ADI_PAD_SAME) { /* the odd sample goes to the right and bottom */
        const int64_t out = (in + s - 1) / s;
        const int64_t total = (out - 1) * s + k - in;
        *out_pad_before = total > 0 ? (int32_t)(total / 2) : 0;
        return out;
    }
    *out_pad_before = attrs->pad;
    const int64_t room = in + attrs->pad + attrs->pad_after - k;
    return room < 0 ? 0 : room / s + 1;
}

int64_t adi_window_side(const adi_attrs *attrs, int64_t in)
{
    int32_t pad;
    return adi_window(attrs, in, &pad);
}

ad_status adi_window_shape(const char *op, const char *node, const adi_attrs *attrs,
                           const adi_shape *in, int64_t out_channels, adi_shape *out)
{
    int32_t pad;
    *out = (adi_shape){in->n, adi_window(attrs, in->h, &pad), adi_window(attrs, in->w, &pad),
                       out_channels};
    if (out->h < 1 || out->w < 1)
        return adi_fail(AD_ERR_SHAPE,
                        "%s '%s': input of %lldx%lld is smaller than its %dx%d window", op, node,
                        (long long)in->w, (long long)in->h, attrs->kernel, attrs->kernel);
    return AD_OK;
}

ad_status adi_same_shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                         adi_shape *out)
{
    (void)node;
    (void)attrs;
    *out = *in;
    return AD_OK;
}

int64_t adi_deconv2d_side(const adi_attrs *attrs, int64_t in)
{
    return (in - 1) * attrs->stride + attrs->kernel - attrs->pad - attrs->pad_after;
}

int64_t adi_scaled_side(const adi_attrs *attrs, int64_t in)
{
    return attrs->scale ? in * attrs->scale : in;
}

ad_status adi_enlarged_shape(const char *op, const char *node, const adi_shape *in, int64_t h,
                             int64_t w, int64_t c, adi_shape *out)
{
    if (h < 1 || w < 1 || h > ADI_MAX_SIDE || w > ADI_MAX_SIDE)
        return adi_fail(
            AD_ERR_SHAPE,
            "%s '%s': an input of %lldx%lld would become %lldx%lld, 1 to %d a side is possible", op,
            node, (long long)in->w, (long long)in->h, (long long)w, (long long)h, ADI_MAX_SIDE);
    *out = (adi_shape){in->n, h, w, c};
    return AD_OK;
}

adi_conv2d_dims adi_conv2d_dims_of(const adi_op_call *call)
{
    adi_conv2d_dims d = {.n = call->in.n, .h = call->in.h, .w = call->in.w, .c = call->in.c,
                         .oh = call->out.h, .ow = call->out.w, .k = call->out.c,
                         .kh = call->attrs.kernel, .kw = call->attrs.kernel,
                         .stride = call->attrs.stride};
    adi_window(&call->attrs, d.h, &d.pad_top);
    adi_window(&call->attrs, d.w, &d.pad_left);
    return d;
}

int32_t adi_conv_param_shape(const adi_attrs *attrs, int64_t first, int64_t second, int64_t biases,
                             int32_t index, int64_t *out_shape)
{
    if (index == 1) {
        out_shape[0] = biases;
        return 1;
    }
    out_shape[0] = first;
    out_shape[1] = second;
    out_shape[2] = out_shape[3] = attrs->kernel;
    return 4;
}
