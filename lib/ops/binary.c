/* add: y = a + b, two tensors of one shape.
 * mul: y = a * b, where b is one position, the gate of squeeze-excitation (Hu et al. 2018,
 * arXiv:1709.01507). */
#include "ops/op.h"

static ad_status add_shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                           adi_shape *out)
{
    (void)attrs;
    const adi_shape *a = &in[0], *b = &in[1];
    if (a->n != b->n || a->h != b->h || a->w != b->w || a->c != b->c)
        return adi_fail(AD_ERR_SHAPE, "add '%s': inputs are %lldx%lldx%lld and %lldx%lldx%lld",
                        node, (long long)a->w, (long long)a->h, (long long)a->c, (long long)b->w,
                        (long long)b->h, (long long)b->c);
    *out = *a;
    return AD_OK;
}

static ad_status add_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                             adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const adi_pc d = adi_positions(&call->in);
    return k->add_fwd(ex, y, x, x2, call->act, d);
}

/* Plans pass dy on as both gradients instead of calling this. */
static ad_status add_backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                              const adi_op_grad *g)
{
    const adi_pc d = adi_positions(&call->in);
    for (int j = 0; j < 2; j++)
        if (g->dx[j])
            ADI_TRY(k->copy_channels(ex, g->dx[j], d.c, g->dy, d.c, d));
    return AD_OK;
}

static const adi_need add_needs[] = {ADI_NEED(add_fwd), {0}};
static const adi_need add_train_needs[] = {ADI_NEED(add_fwd), ADI_NEED(copy_channels), {0}};

const adi_op adi_op_add = {.name = "add",
                           .inputs = 2,
                           .fuses = 1,
                           .shape = add_shape,
                           .needs = add_needs,
                           .forward = add_forward,
                           .passes_dy = 1,
                           .trains_relu = 1,
                           .train_needs = add_train_needs,
                           .backward = add_backward};

static ad_status mul_shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                           adi_shape *out)
{
    (void)attrs;
    const adi_shape *a = &in[0], *b = &in[1];
    if (a->n != b->n || b->h != 1 || b->w != 1 || a->c != b->c)
        return adi_fail(AD_ERR_SHAPE,
                        "mul '%s': a gate for %lldx%lldx%lld is 1x1x%lld, not %lldx%lldx%lld", node,
                        (long long)a->w, (long long)a->h, (long long)a->c, (long long)a->c,
                        (long long)b->w, (long long)b->h, (long long)b->c);
    *out = *a;
    return AD_OK;
}

static ad_status mul_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                             adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const adi_pc d = {call->in.h * call->in.w, call->in.c};
    for (int64_t n = 0; n < call->in.n; n++) {
        const ad_status status =
            k->mul_fwd(ex, y + n * d.p * d.c, x + n * d.p * d.c, x2 + n * d.c, d);
        if (status != AD_OK)
            return status;
    }
    return AD_OK;
}

static const adi_need mul_needs[] = {ADI_NEED(mul_fwd), {0}};

const adi_op adi_op_mul = {
    .name = "mul", .inputs = 2, .shape = mul_shape, .needs = mul_needs, .forward = mul_forward};
