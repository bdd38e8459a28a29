/* coupling: y = exp(e(s)) x + t. The second input holds a scale s for each channel of the first,
 * then the shifts t. inverse=1 computes x from y.
 * logdet: the sum over channels of e(s) at every position, which is what a coupling adds to the
 * log-determinant. e is defined in backends/ref/coupling_ref.c. */
#include "ops/op.h"

static int64_t coupling_channels(const adi_attrs *attrs, int64_t first, int64_t second)
{
    (void)attrs;
    return second == 2 * first ? first : 0;
}

static ad_status coupling_shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                                adi_shape *out)
{
    (void)attrs;
    const adi_shape *a = &in[0], *b = &in[1];
    if (a->n != b->n || a->h != b->h || a->w != b->w)
        return adi_fail(AD_ERR_SHAPE, "coupling '%s': inputs are %lldx%lld and %lldx%lld", node,
                        (long long)a->w, (long long)a->h, (long long)b->w, (long long)b->h);
    *out = *a;
    return AD_OK;
}

static adi_coupling_dims dims(const adi_op_call *call, int64_t c)
{
    return (adi_coupling_dims){call->in.n * call->in.h * call->in.w, c, call->attrs.alpha};
}

static ad_status coupling_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                                  adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const adi_coupling_dims d = dims(call, call->in.c);
    return k->coupling_fwd(ex, y, x, x2, call->attrs.inverse, &d);
}

/* The inverse is not trained. */
static ad_status coupling_backward(const adi_kernels *k, const adi_exec *ex,
                                   const adi_op_call *call, const adi_op_grad *g)
{
    const adi_coupling_dims d = dims(call, call->in.c);
    if (call->attrs.inverse)
        return AD_ERR_UNSUPPORTED;
    return k->coupling_bwd(ex, g->dx[0], g->dx[1], g->dy, g->x[0], g->x[1], &d);
}

static const adi_need coupling_needs[] = {ADI_NEED(coupling_fwd), {0}};
static const adi_need coupling_train_needs[] = {
    ADI_NEED(coupling_fwd), ADI_NEED(coupling_bwd), {0}};

const adi_op adi_op_coupling = {.name = "coupling",
                                .inputs = 2,
                                .required = {ADI_ATTR_ALPHA},
                                .optional = {ADI_ATTR_INVERSE},
                                .channels = coupling_channels,
                                .shape = coupling_shape,
                                .needs = coupling_needs,
                                .forward = coupling_forward,
                                .keeps = ADI_KEEPS_X | ADI_KEEPS_X2,
                                .train_needs = coupling_train_needs,
                                .backward = coupling_backward};

static int64_t logdet_channels(const adi_attrs *attrs, int64_t first, int64_t second)
{
    (void)attrs;
    (void)second;
    return first % 2 == 0 ? 1 : 0;
}

static ad_status logdet_shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                              adi_shape *out)
{
    (void)node;
    (void)attrs;
    *out = (adi_shape){in->n, in->h, in->w, 1};
    return AD_OK;
}

static ad_status logdet_forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                                adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    const adi_coupling_dims d = dims(call, call->in.c / 2);
    return k->logdet_fwd(ex, y, x, &d);
}

static ad_status logdet_backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                                 const adi_op_grad *g)
{
    const adi_coupling_dims d = dims(call, call->in.c / 2);
    return g->dx[0] ? k->logdet_bwd(ex, g->dx[0], g->dy, g->x[0], &d) : AD_OK;
}

static const adi_need logdet_needs[] = {ADI_NEED(logdet_fwd), {0}};
static const adi_need logdet_train_needs[] = {ADI_NEED(logdet_fwd), ADI_NEED(logdet_bwd), {0}};

const adi_op adi_op_logdet = {.name = "logdet",
                              .inputs = 1,
                              .required = {ADI_ATTR_ALPHA},
                              .channels = logdet_channels,
                              .shape = logdet_shape,
                              .needs = logdet_needs,
                              .forward = logdet_forward,
                              .keeps = ADI_KEEPS_X,
                              .train_needs = logdet_train_needs,
                              .backward = logdet_backward};
