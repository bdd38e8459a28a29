/* maxpool2d: defined in backends/ref/pool2d_ref.c.
 * globalavgpool2d: the mean over all positions, summed row by row (backends/ref/reduce_ref.c). */
#include "ops/op.h"

static ad_status max_shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                           adi_shape *out)
{
    return adi_window_shape("maxpool2d", node, attrs, in, in->c, out);
}

static adi_pool2d_dims max_dims(const adi_op_call *call)
{
    adi_pool2d_dims d = {.n = call->in.n, .h = call->in.h, .w = call->in.w, .c = call->in.c,
                         .oh = call->out.h, .ow = call->out.w,
                         .k = call->attrs.kernel, .stride = call->attrs.stride};
    adi_window(&call->attrs, d.h, &d.pad_top);
    adi_window(&call->attrs, d.w, &d.pad_left);
    return d;
}

static ad_status max_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                             adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    const adi_pool2d_dims d = max_dims(call);
    return k->maxpool2d_fwd(ex, y, x, &d);
}

static ad_status max_backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                              const adi_op_grad *g)
{
    const adi_pool2d_dims d = max_dims(call);
    return g->dx[0] ? k->maxpool2d_bwd(ex, g->dx[0], g->dy, g->x[0], &d) : AD_OK;
}

static const adi_need max_needs[] = {ADI_NEED(maxpool2d_fwd), {0}};
static const adi_need max_train_needs[] = {ADI_NEED(maxpool2d_fwd), ADI_NEED(maxpool2d_bwd), {0}};

const adi_op adi_op_maxpool2d = {
    .name = "maxpool2d",
    .inputs = 1,
    .required = {ADI_ATTR_KERNEL},
    .optional = {ADI_ATTR_STRIDE, ADI_ATTR_PAD},
    .pad_same = 1,
    .shape = max_shape,
    .side = adi_window_side,
    .needs = max_needs,
    .forward = max_forward,
    .keeps = ADI_KEEPS_X,
    .train_needs = max_train_needs,
    .backward = max_backward,
};

static ad_status average_shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                               adi_shape *out)
{
    (void)node;
    (void)attrs;
    *out = (adi_shape){in->n, 1, 1, in->c};
    return AD_OK;
}

static int64_t average_side(const adi_attrs *attrs, int64_t in)
{
    (void)attrs;
    (void)in;
    return 1;
}

/* The scratch: the sums of rows, unless they follow the input. */
static size_t average_scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    (void)k;
    (void)num_threads;
    return call->row_sums ? 0 : (size_t)(call->in.n * call->in.h * call->in.c) * sizeof(float);
}

/* Average the sums of rows, whoever computed them, so that the bits do not depend on fusion. */
static ad_status average_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                                 adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    const adi_shape *in = &call->in;
    const adi_npc rows = {in->n, in->h, in->c};
    const adi_f32 *sums = call->row_sums ? x + adi_values(in) : ex->scratch;
    if (!call->row_sums)
        ADI_TRY(k->row_sums(ex, ex->scratch, x, in->n * in->h, in->w, in->c));
    return k->globalavgpool2d_fwd(ex, y, sums, in->w, &rows);
}

static const adi_need average_needs[] = {ADI_NEED(row_sums), ADI_NEED(globalavgpool2d_fwd), {0}};

const adi_op adi_op_globalavgpool2d = {
    .name = "globalavgpool2d",
    .inputs = 1,
    .shape = average_shape,
    .side = average_side,
    .needs = average_needs,
    .scratch = average_scratch,
    .forward = average_forward,
};
