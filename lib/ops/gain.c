/* gain: all values times one learned number. It is 0 at first, so that the branch before it begins
 * by contributing nothing. */
#include "ops/op.h"

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index,
                           int64_t *out_shape)
{
    (void)attrs;
    (void)in_channels;
    (void)index;
    out_shape[0] = 1;
    return 1;
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    return k->gain_fwd(ex, y, x, call->weight, adi_values(&call->in));
}

/* A line for the sum itself. */
enum { LINE = 64 };

static size_t train_scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    return LINE + k->sum_scratch(adi_values(&call->in), num_threads);
}

/* The sum comes first, since dx may be dy. */
static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const int64_t n = adi_values(&call->in);
    adi_f64 *const sum = ex->scratch;
    const adi_exec rest = {ex->num_threads, (char *)ex->scratch + LINE, ex->queue};
    if (g->dweight) {
        ADI_TRY(k->sum_products(&rest, sum, g->dy, g->x[0], n));
        ADI_TRY(k->narrow(ex, g->dweight, sum, 1));
    }
    return g->dx[0] ? k->gain_fwd(ex, g->dx[0], g->dy, call->weight, n) : AD_OK;
}

static const adi_need needs[] = {ADI_NEED(gain_fwd), {0}};
static const adi_need train_needs[] = {
    ADI_NEED(gain_fwd), ADI_NEED(sum_products), ADI_NEED(sum_scratch), ADI_NEED(narrow), {0}};

const adi_op adi_op_gain = {.name = "gain",
                            .inputs = 1,
                            .params = 1,
                            .param = {{"gamma", .fresh = ADI_FRESH_ZERO, .scalar = 1}},
                            .shape = adi_same_shape,
                            .param_shape = param_shape,
                            .needs = needs,
                            .forward = forward,
                            .keeps = ADI_KEEPS_X,
                            .in_place = 1,
                            .train_scratch = train_scratch,
                            .train_needs = train_needs,
                            .backward = backward};
