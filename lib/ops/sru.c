/* sru, sru_soft: the spatial reconstruction unit of SCConv (Li et al., CVPR 2023): a group
 * normalisation whose weights say how informative each channel is, and a gate made of its result
 * (backends/ref/srugate_ref.c). The parameters are the normalisation's. Those of the hard gate have
 * no gradient and are not trained. */
#include "ops/op.h"

static int64_t channels(const adi_attrs *attrs, int64_t first, int64_t second)
{
    (void)second;
    return first % 2 == 0 && first % attrs->groups == 0 ? first : 0;
}

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index,
                           int64_t *out_shape)
{
    (void)attrs;
    (void)index;
    out_shape[0] = in_channels;
    return 1;
}

/* The scratch: h, dt and, if dx is not wanted, dx [n,p,c]; w and its product with the weight [c];
 * then the scratch of the kernels. */
typedef struct scratch_layout {
    adi_f32 *h, *dt, *dx, *w, *by;
    adi_exec rest;
} scratch_layout;

static size_t scratch_bytes(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_npc d = adi_image_positions(&call->in);
    (void)num_threads;
    const size_t values = adi_whole_floats(adi_values(&call->in)), c = adi_whole_floats(d.c);
    return (3 * values + 2 * c) * sizeof(float) + k->groupnorm_scratch(&d);
}

static scratch_layout lay_out_scratch(const adi_exec *ex, const adi_op_call *call)
{
    const size_t values = adi_whole_floats(adi_values(&call->in)), c = adi_whole_floats(call->in.c);
    adi_f32 *const at = ex->scratch;
    return (scratch_layout){at,
                            at + values,
                            at + 2 * values,
                            at + 3 * values,
                            at + 3 * values + c,
                            {ex->num_threads, at + 3 * values + 2 * c, ex->queue}};
}

static adi_groupnorm norm_of(const adi_op_call *call)
{
    return (adi_groupnorm){call->weight, call->bias, call->attrs.groups, call->attrs.eps};
}

/* Compute h, and w, each weight's share in the sum of all. */
static ad_status normalise(const adi_kernels *k, const adi_op_call *call, scratch_layout *r,
                           const adi_f32 *x)
{
    const adi_npc d = adi_image_positions(&call->in);
    const adi_groupnorm g = norm_of(call);
    ADI_TRY(k->sruweight_fwd(&r->rest, r->w, r->by, call->weight, d.c));
    return k->groupnorm_fwd(&r->rest, r->h, x, &g, &d);
}

static ad_status run(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, adi_f32 *y,
                     const adi_f32 *x, int32_t soft)
{
    const adi_npc d = adi_image_positions(&call->in);
    scratch_layout r = lay_out_scratch(ex, call);
    ADI_TRY(normalise(k, call, &r, x));
    return k->srugate_fwd(&r.rest, y, x, r.h, r.w, soft, (adi_pc){d.n * d.p, d.c});
}

static ad_status hard_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                              adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    return run(k, ex, call, y, x, 0);
}

static ad_status soft_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                              adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    return run(k, ex, call, y, x, 1);
}

static ad_status hard_backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                               const adi_op_grad *g)
{
    const adi_npc d = adi_image_positions(&call->in);
    scratch_layout r = lay_out_scratch(ex, call);
    if (!g->dx[0])
        return AD_OK;
    ADI_TRY(normalise(k, call, &r, g->x[0]));
    return k->srugate_bwd(&r.rest, g->dx[0], NULL, g->dy, g->x[0], r.h, r.w, 0,
                          (adi_pc){d.n * d.p, d.c});
}

/* t = w h, where h = weight x^ + bias and w = weight / sum. The gradient by way of x^ has the
 * factor w weight; of a = sum dt x^ and b = sum dt sruweight_bwd makes those of the parameters. */
static ad_status soft_backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                               const adi_op_grad *g)
{
    const adi_npc d = adi_image_positions(&call->in);
    scratch_layout r = lay_out_scratch(ex, call);
    adi_groupnorm norm = norm_of(call);
    adi_f32 *const dx = g->dx[0] ? g->dx[0] : r.dx;
    ADI_TRY(normalise(k, call, &r, g->x[0]));
    ADI_TRY(
        k->srugate_bwd(&r.rest, dx, r.dt, g->dy, g->x[0], r.h, r.w, 1, (adi_pc){d.n * d.p, d.c}));
    norm.weight = r.by;
    ADI_TRY(k->groupnorm_bwd_add(&r.rest, dx, g->dweight, g->dbias, r.dt, g->x[0], &norm, &d));
    return k->sruweight_bwd(&r.rest, g->dweight, g->dbias, r.w, call->weight, call->bias, d.c);
}

static const adi_need needs[] = {ADI_NEED(groupnorm_scratch), ADI_NEED(groupnorm_fwd),
                                 ADI_NEED(sruweight_fwd),     ADI_NEED(srugate_fwd), {0}};
static const adi_need hard_train_needs[] = {ADI_NEED(groupnorm_scratch), ADI_NEED(groupnorm_fwd),
                                            ADI_NEED(sruweight_fwd),     ADI_NEED(srugate_fwd),
                                            ADI_NEED(srugate_bwd),       {0}};
static const adi_need soft_train_needs[] = {ADI_NEED(groupnorm_scratch), ADI_NEED(groupnorm_fwd),
                                            ADI_NEED(groupnorm_bwd_add), ADI_NEED(sruweight_fwd),
                                            ADI_NEED(sruweight_bwd),     ADI_NEED(srugate_fwd),
                                            ADI_NEED(srugate_bwd),       {0}};

#define SRU(NAME, UNTRAINED, FORWARD, TRAIN_NEEDS, BACKWARD)                                       \
    {                                                                                              \
        .name = (NAME), .inputs = 1, .required = {ADI_ATTR_GROUPS}, .optional = {ADI_ATTR_EPS},    \
        .params = 2,                                                                               \
        .param = {{"weight", .fresh = ADI_FRESH_ONE}, {"bias", .fresh = ADI_FRESH_ZERO}},          \
        .untrained = (UNTRAINED), .channels = channels, .shape = adi_same_shape,                   \
        .param_shape = param_shape, .scratch = scratch_bytes, .needs = needs,                      \
        .forward = (FORWARD), .keeps = ADI_KEEPS_X, .train_scratch = scratch_bytes,                \
        .train_needs = (TRAIN_NEEDS), .backward = (BACKWARD),                                      \
    }
const adi_op adi_op_sru = SRU("sru", 2, hard_forward, hard_train_needs, hard_backward);
const adi_op adi_op_sru_soft = SRU("sru_soft", 0, soft_forward, soft_train_needs, soft_backward);
