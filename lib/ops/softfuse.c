/* softfuse: the sum of two maps of one shape, weighted by a softmax of their channels' means;
 * defined in backends/ref/softfuse_ref.c. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out)
{
    (void)attrs;
    const adi_shape *a = &in[0], *b = &in[1];
    if (a->n != b->n || a->h != b->h || a->w != b->w)
        return adi_fail(AD_ERR_SHAPE, "softfuse '%s': inputs are %lldx%lld and %lldx%lld", node,
                        (long long)a->w, (long long)a->h, (long long)b->w, (long long)b->h);
    *out = *a;
    return AD_OK;
}

static size_t scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_npc d = adi_image_positions(&call->in);
    (void)num_threads;
    return k->softfuse_scratch(&d);
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const adi_npc d = adi_image_positions(&call->in);
    return k->softfuse_fwd(ex, y, x, x2, call->attrs.joint, &d);
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_npc d = adi_image_positions(&call->in);
    return k->softfuse_bwd(ex, g->dx[0], g->dx[1], g->dy, g->x[0], g->x[1], call->attrs.joint, &d);
}

static const adi_need needs[] = {ADI_NEED(softfuse_scratch), ADI_NEED(softfuse_fwd), {0}};
static const adi_need train_needs[] = {
    ADI_NEED(softfuse_scratch), ADI_NEED(softfuse_fwd), ADI_NEED(softfuse_bwd), {0}};

const adi_op adi_op_softfuse = {.name = "softfuse",
                                .inputs = 2,
                                .optional = {ADI_ATTR_JOINT},
                                .shape = shape,
                                .scratch = scratch,
                                .needs = needs,
                                .forward = forward,
                                .keeps = ADI_KEEPS_X | ADI_KEEPS_X2,
                                .train_scratch = scratch,
                                .train_needs = train_needs,
                                .backward = backward};
