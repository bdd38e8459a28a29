/* permute: the channels of every position in a fixed order, y[c] = x[index[c]]; inverse=1 restores
 * them. The order is an untrained parameter, so that a file keeps it; a new one is the permutation
 * that NumPy draws after numpy.random.seed(seed). */
#include "core/mt19937.h"
#include "ops/op.h"

void adi_permute_order(int32_t seed, int64_t n, float *out_index)
{
    adi_mt19937 mt;
    adi_mt19937_seed_numpy(&mt, (uint32_t)seed);
    for (int64_t i = 0; i < n; i++)
        out_index[i] = (float)i; /* exact: ADI_MAX_CHANNELS is less than 2^24 */
    for (int64_t i = n - 1; i > 0; i--) { /* as adi_mt19937_permutation() */
        const uint32_t j = adi_mt19937_up_to(&mt, (uint32_t)i);
        const float moved = out_index[i];
        out_index[i] = out_index[j];
        out_index[j] = moved;
    }
}

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index,
                           int64_t *out_shape)
{
    (void)attrs;
    (void)index;
    out_shape[0] = in_channels;
    return 1;
}

static ad_status check_param(const char *node, int32_t index, const float *values, int64_t count)
{
    uint8_t seen[ADI_MAX_CHANNELS / 8] = {0};
    (void)index;
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = values[i] >= 0.0f && values[i] < (float)count ? (int64_t)values[i] : -1;
        if (at < 0 || (float)at != values[i])
            return adi_fail(AD_ERR_FORMAT, "permute '%s': entry %lld is %g, 0 to %lld is possible",
                            node, (long long)i, (double)values[i], (long long)count - 1);
        if (seen[at / 8] >> at % 8 & 1)
            return adi_fail(AD_ERR_FORMAT, "permute '%s': channel %lld is there twice", node,
                            (long long)at);
        seen[at / 8] = (uint8_t)(seen[at / 8] | 1 << at % 8);
    }
    return AD_OK;
}

static ad_status run(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call, adi_f32 *y,
                     const adi_f32 *x, int32_t inverse)
{
    return k->permute_fwd(ex, y, x, call->weight, inverse,
                          (adi_pc){call->in.n * call->in.h * call->in.w, call->in.c});
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    (void)x2;
    return run(k, ex, call, y, x, call->attrs.inverse);
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    return g->dx[0] ? run(k, ex, call, g->dx[0], g->dy, !call->attrs.inverse) : AD_OK;
}

static const adi_need needs[] = {ADI_NEED(permute_fwd), {0}};

const adi_op adi_op_permute = {.name = "permute",
                               .inputs = 1,
                               .required = {ADI_ATTR_SEED},
                               .optional = {ADI_ATTR_INVERSE},
                               .params = 1,
                               .param = {{"index", .fresh = ADI_FRESH_ORDER}},
                               .untrained = 1,
                               .shape = adi_same_shape,
                               .param_shape = param_shape,
                               .check_param = check_param,
                               .needs = needs,
                               .forward = forward,
                               .backward = backward};
