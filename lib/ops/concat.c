/* concat: at every position, the channels of the first input, then those of the second. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out)
{
    (void)attrs;
    const adi_shape *a = &in[0], *b = &in[1];
    if (a->n != b->n || a->h != b->h || a->w != b->w)
        return adi_fail(AD_ERR_SHAPE, "concat '%s': inputs are %lldx%lldx%lld and %lldx%lldx%lld",
                        node, (long long)a->w, (long long)a->h, (long long)a->c, (long long)b->w,
                        (long long)b->h, (long long)b->c);
    *out = (adi_shape){a->n, a->h, a->w, a->c + b->c};
    return AD_OK;
}

/* call->in is the first input's shape; the second has the remaining channels. */
static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const int64_t p = call->in.n * call->in.h * call->in.w;
    const int64_t all = call->out.c, first = call->in.c;
    ADI_TRY(k->copy_channels(ex, y, all, x, first, (adi_pc){p, first}));
    return k->copy_channels(ex, y + first, all, x2, all - first, (adi_pc){p, all - first});
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const int64_t p = call->in.n * call->in.h * call->in.w;
    const int64_t all = call->out.c, first = call->in.c;
    if (g->dx[0])
        ADI_TRY(k->copy_channels(ex, g->dx[0], first, g->dy, all, (adi_pc){p, first}));
    if (g->dx[1])
        return k->copy_channels(ex, g->dx[1], all - first, g->dy + first, all,
                                (adi_pc){p, all - first});
    return AD_OK;
}

static const adi_need needs[] = {ADI_NEED(copy_channels), {0}};

const adi_op adi_op_concat = {.name = "concat",
                              .inputs = 2,
                              .joins = 1,
                              .shape = shape,
                              .needs = needs,
                              .forward = forward,
                              .backward = backward};
