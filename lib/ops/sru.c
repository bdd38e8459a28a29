/* sru, sru_soft: the spatial reconstruction unit of SCConv (Li et al., CVPR 2023): a group normalisation whose weights say
 * how much each channel tells, and a gate by what comes of it (backends/ref/srugate_ref.c). The parameters are the
 * normalisation's. Those of the hard gate have no gradient and are not trained. */
#include "ops/op.h"

static int64_t channels(const adi_attrs *attrs, int64_t first, int64_t second)
{
    (void)second;
    return first % 2 == 0 && first % attrs->groups == 0 ? first : 0;
}

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index, int64_t *out_shape)
{
    (void)attrs;
    (void)index;
    out_shape[0] = in_channels;
    return 1;
}

static adi_npc dims(const adi_op_call *call)
{
    return (adi_npc){call->in.n, call->in.h * call->in.w, call->in.c};
}

/* What both work in: h, dt, a dx that nobody wants [n,p,c], w and its product with the weight [c], the kernel's own. */
typedef struct room {
    float *h, *dt, *dx, *w, *by;
    adi_exec rest;
} room;

static size_t room_bytes(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_npc d = dims(call);
    (void)num_threads;
    return (3 * adi_whole_floats(adi_values(&call->in)) + 2 * adi_whole_floats(d.c)) * sizeof(float) + k->groupnorm_scratch(&d);
}

static room room_in(const adi_exec *ex, const adi_op_call *call)
{
    const size_t values = adi_whole_floats(adi_values(&call->in)), c = adi_whole_floats(call->in.c);
    float *const at = ex->scratch;
    return (room){at, at + values, at + 2 * values, at + 3 * values, at + 3 * values + c,
                  {ex->num_threads, at + 3 * values + 2 * c}};
}

static adi_groupnorm norm_of(const adi_op_call *call)
{
    return (adi_groupnorm){call->weight, call->bias, call->attrs.groups, call->attrs.eps};
}

/* h, and each weight's share in their sum, which is returned. */
static ad_status normalise(const adi_kernels *k, const adi_op_call *call, room *r, const float *x, double *out_sum)
{
    const adi_npc d = dims(call);
    const adi_groupnorm g = norm_of(call);
    *out_sum = 0.0;
    for (int64_t c = 0; c < d.c; c++)
        *out_sum += call->weight[c];
    for (int64_t c = 0; c < d.c; c++)
        r->w[c] = (float)(call->weight[c] / *out_sum);
    return k->groupnorm_fwd(&r->rest, r->h, x, &g, &d);
}

static ad_status run(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, float *y, const float *x, int32_t soft)
{
    const adi_npc d = dims(call);
    room r = room_in(ex, call);
    double sum;
    ADI_TRY(normalise(k, call, &r, x, &sum));
    return k->srugate_fwd(&r.rest, y, x, r.h, r.w, soft, (adi_pc){d.n * d.p, d.c});
}

static ad_status hard_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, float *y,
                              const float *x, const float *x2)
{
    (void)x2;
    return run(k, ex, call, y, x, 0);
}

static ad_status soft_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, float *y,
                              const float *x, const float *x2)
{
    (void)x2;
    return run(k, ex, call, y, x, 1);
}

static ad_status hard_backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                               const adi_op_grad *g)
{
    const adi_npc d = dims(call);
    room r = room_in(ex, call);
    double sum;
    if (!g->dx[0])
        return AD_OK;
    ADI_TRY(normalise(k, call, &r, g->x[0], &sum));
    return k->srugate_bwd(&r.rest, g->dx[0], NULL, g->dy, g->x[0], r.h, r.w, 0, (adi_pc){d.n * d.p, d.c});
}

/* With t = w h, where h = weight x^ + bias and w = weight / sum: dx has what comes by way of x^, whose factor is w weight,
 * and a = sum dt x^, b = sum dt give dbias = w b and dweight = w a + (dw - sum of dw w) / sum, dw = weight a + bias b. */
static ad_status soft_backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                               const adi_op_grad *g)
{
    const adi_npc d = dims(call);
    room r = room_in(ex, call);
    adi_groupnorm norm = norm_of(call);
    double sum, along = 0.0;
    float *const dx = g->dx[0] ? g->dx[0] : r.dx;
    ADI_TRY(normalise(k, call, &r, g->x[0], &sum));
    ADI_TRY(k->srugate_bwd(&r.rest, dx, r.dt, g->dy, g->x[0], r.h, r.w, 1, (adi_pc){d.n * d.p, d.c}));
    for (int64_t c = 0; c < d.c; c++)
        r.by[c] = r.w[c] * call->weight[c];
    norm.weight = r.by;
    ADI_TRY(k->groupnorm_bwd_add(&r.rest, dx, g->dweight, g->dbias, r.dt, g->x[0], &norm, &d));
    for (int64_t c = 0; c < d.c; c++) {
        r.by[c] = call->weight[c] * g->dweight[c] + call->bias[c] * g->dbias[c]; /* dw */
        along += (double)r.by[c] * r.w[c];
    }
    for (int64_t c = 0; c < d.c; c++) {
        g->dweight[c] = (float)(r.w[c] * (double)g->dweight[c] + (r.by[c] - along) / sum);
        g->dbias[c] *= r.w[c];
    }
    return AD_OK;
}

#define SRU(NAME, UNTRAINED, FORWARD, BACKWARD)                                                                    \
    {                                                                                                              \
        .name = (NAME), .inputs = 1, .required = ADI_ATTR_GROUPS, .optional = ADI_ATTR_EPS, .params = 2,           \
        .param = {{"weight", 0}, {"bias", 0}}, .untrained = (UNTRAINED), .channels = channels,                     \
        .shape = adi_same_shape, .param_shape = param_shape, .scratch = room_bytes, .forward = (FORWARD),          \
        .keeps = ADI_KEEPS_X, .train_scratch = room_bytes, .backward = (BACKWARD),                                 \
    }
const adi_op adi_op_sru = SRU("sru", 2, hard_forward, hard_backward);
const adi_op adi_op_sru_soft = SRU("sru_soft", 0, soft_forward, soft_backward);
