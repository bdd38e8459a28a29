/* gconv2d: grouped 2-D convolution (Krizhevsky et al. 2012). Input and output channels are divided
 * into `groups`, and each group of outputs is the convolution of the same group of inputs. A file
 * holds the weight as PyTorch does, [out, C / groups, k, k]. Every group is copied out, convolved
 * by the dense kernels and copied back: next to a convolution a copy costs little. */
#include <string.h>

#include "ops/op.h"

static int64_t channels(const adi_attrs *attrs, int64_t first, int64_t second)
{
    (void)second;
    return first % attrs->groups == 0 && attrs->out % attrs->groups == 0 ? attrs->out : 0;
}

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out)
{
    return adi_window_shape("gconv2d", node, attrs, in, attrs->out, out);
}

static int32_t param_shape(const adi_attrs *attrs, int64_t in_channels, int32_t index,
                           int64_t *out_shape)
{
    return adi_conv_param_shape(attrs, attrs->out, in_channels / attrs->groups, attrs->out, index,
                                out_shape);
}

/* Return the dims of one group's convolution. */
static adi_conv2d_dims dims_of(const adi_op_call *call)
{
    adi_op_call one = *call;
    one.in.c /= call->attrs.groups;
    one.out.c /= call->attrs.groups;
    return adi_conv2d_dims_of(&one);
}

/* The scratch: one group's input, output and weight, then the scratch of the kernels. */
typedef struct scratch_layout {
    adi_f32 *x, *y, *w;
    adi_exec rest;
} scratch_layout;

static size_t group_floats(const adi_conv2d_dims *d, size_t out_parts[3])
{
    out_parts[0] = adi_whole_floats(d->n * d->h * d->w * d->c);
    out_parts[1] = adi_whole_floats(d->n * d->oh * d->ow * d->k);
    out_parts[2] = adi_whole_floats((int64_t)d->kh * d->kw * d->c * d->k);
    return out_parts[0] + out_parts[1] + out_parts[2];
}

static scratch_layout lay_out_scratch(const adi_exec *ex, const adi_conv2d_dims *d)
{
    size_t part[3];
    adi_f32 *const at = ex->scratch;
    const size_t all = group_floats(d, part);
    return (scratch_layout){at,
                            at + part[0],
                            at + part[0] + part[1],
                            {ex->num_threads, at + all, ex->queue}};
}

/* Return the bytes of one group's packed filters. */
static size_t filter_bytes(const adi_kernels *k, const adi_op_call *call)
{
    const adi_conv2d_dims d = dims_of(call);
    const size_t bytes = k->conv2d_packed_bytes(&d, call->algorithm);
    return bytes ? (bytes + 63) / 64 * 64
                 : adi_whole_floats(d.kh * d.kw * d.c * d.k) * sizeof(float);
}

static size_t choose(const adi_kernels *k, adi_op_call *call)
{
    const adi_conv2d_dims d = dims_of(call);
    call->algorithm = k->conv2d_choose(&d, call->algorithm);
    return (size_t)call->attrs.groups * filter_bytes(k, call);
}

static size_t pack_scratch(const adi_op_call *call)
{
    const adi_conv2d_dims d = dims_of(call);
    return (size_t)(d.kh * d.kw * d.c * d.k) * sizeof(float);
}

static void pack(const adi_kernels *k, adi_op_call *call, void *packed, void *scratch)
{
    const adi_conv2d_dims d = dims_of(call);
    const int64_t rows = d.kh * d.kw * d.c, row_floats = call->attrs.groups * d.k;
    const int as_it_is = !k->conv2d_packed_bytes(&d, call->algorithm);
    for (int32_t g = 0; g < call->attrs.groups; g++) {
        char *const mine = (char *)packed + (size_t)g * filter_bytes(k, call);
        float *const w = as_it_is ? (float *)(void *)mine : scratch;
        for (int64_t row = 0; row < rows; row++)
            memcpy(w + row * d.k, call->host_weight + row * row_floats + g * d.k,
                   (size_t)d.k * sizeof *w);
        if (!as_it_is)
            k->conv2d_pack(mine, w, &d, call->algorithm);
    }
    call->packed = packed;
}

static size_t scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_conv2d_dims d = dims_of(call);
    size_t part[3];
    return group_floats(&d, part) * sizeof(float) +
           (call->packed ? k->conv2d_packed_scratch(&d, call->algorithm, num_threads)
                         : k->conv2d_scratch(&d, num_threads));
}

static size_t train_scratch(const adi_kernels *k, const adi_op_call *call, int32_t num_threads)
{
    const adi_conv2d_dims d = dims_of(call);
    size_t part[3];
    const size_t data = k->conv2d_bwd_data_scratch(&d, num_threads);
    const size_t weight = k->conv2d_bwd_weight_scratch(&d, num_threads);
    return group_floats(&d, part) * sizeof(float) + (data > weight ? data : weight);
}

/* Copy group g's `width` floats out of rows of `groups` groups, and back. */
static ad_status gather(const adi_kernels *k, const adi_exec *ex, adi_f32 *part, const adi_f32 *all,
                        int32_t g, int32_t groups, int64_t rows, int64_t width)
{
    return k->copy_channels(ex, part, width, all + g * width, groups * width,
                            (adi_pc){rows, width});
}

static ad_status put(const adi_kernels *k, const adi_exec *ex, adi_f32 *all, const adi_f32 *part,
                     int32_t g, int32_t groups, int64_t rows, int64_t width)
{
    return k->copy_channels(ex, all + g * width, groups * width, part, width,
                            (adi_pc){rows, width});
}

static ad_status forward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                         adi_f32 *y, const adi_f32 *x, const adi_f32 *x2)
{
    const adi_conv2d_dims d = dims_of(call);
    const int32_t groups = call->attrs.groups;
    const scratch_layout r = lay_out_scratch(ex, &d);
    (void)x2;
    for (int32_t g = 0; g < groups; g++) {
        const adi_epilogue e = {call->bias ? call->bias + g * d.k : NULL, NULL, ADI_ACT_NONE, NULL};
        ADI_TRY(gather(k, ex, r.x, x, g, groups, d.n * d.h * d.w, d.c));
        if (call->packed) {
            const void *packed = (const char *)call->packed + (size_t)g * filter_bytes(k, call);
            ADI_TRY(k->conv2d_packed_fwd(&r.rest, r.y, r.x, packed, &e, &d, call->algorithm));
        } else {
            ADI_TRY(gather(k, ex, r.w, call->weight, g, groups, d.kh * d.kw * d.c, d.k));
            ADI_TRY(k->conv2d_fwd(&r.rest, r.y, r.x, r.w, &e, &d));
        }
        ADI_TRY(put(k, ex, y, r.y, g, groups, d.n * d.oh * d.ow, d.k));
    }
    return AD_OK;
}

static ad_status group_backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                                const adi_op_grad *g, int32_t group)
{
    const adi_conv2d_dims d = dims_of(call);
    const int32_t groups = call->attrs.groups;
    const adi_epilogue none = {NULL, NULL, ADI_ACT_NONE, NULL};
    const scratch_layout r = lay_out_scratch(ex, &d);
    ADI_TRY(gather(k, ex, r.y, g->dy, group, groups, d.n * d.oh * d.ow, d.k));
    if (g->dx[0]) {
        ADI_TRY(gather(k, ex, r.w, call->weight, group, groups, d.kh * d.kw * d.c, d.k));
        ADI_TRY(k->conv2d_bwd_data(&r.rest, r.x, r.y, r.w, &none, &d));
        ADI_TRY(put(k, ex, g->dx[0], r.x, group, groups, d.n * d.h * d.w, d.c));
    }
    if (!g->dweight)
        return AD_OK;
    ADI_TRY(gather(k, ex, r.x, g->x[0], group, groups, d.n * d.h * d.w, d.c));
    ADI_TRY(k->conv2d_bwd_weight(&r.rest, r.w, r.x, r.y, &d));
    return put(k, ex, g->dweight, r.w, group, groups, d.kh * d.kw * d.c, d.k);
}

static ad_status backward(const adi_kernels *k, const adi_exec *ex, const adi_op_call *call,
                          const adi_op_grad *g)
{
    const adi_shape *out = &call->out;
    for (int32_t group = 0; group < call->attrs.groups; group++)
        ADI_TRY(group_backward(k, ex, call, g, group));
    return g->dbias ? k->bias_bwd(ex, g->dbias, g->dy, (adi_pc){out->n * out->h * out->w, out->c})
                    : AD_OK;
}

static const adi_need needs[] = {ADI_NEED(conv2d_choose),
                                 ADI_NEED(conv2d_packed_bytes),
                                 ADI_NEED(conv2d_pack),
                                 ADI_NEED(conv2d_packed_scratch),
                                 ADI_NEED(conv2d_packed_fwd),
                                 ADI_NEED(copy_channels),
                                 {0}};
static const adi_need train_needs[] = {ADI_NEED(copy_channels),
                                       ADI_NEED(conv2d_scratch),
                                       ADI_NEED(conv2d_fwd),
                                       ADI_NEED(conv2d_bwd_data_scratch),
                                       ADI_NEED(conv2d_bwd_data),
                                       ADI_NEED(conv2d_bwd_weight_scratch),
                                       ADI_NEED(conv2d_bwd_weight),
                                       ADI_NEED(bias_bwd),
                                       {0}};

const adi_op adi_op_gconv2d = {
    .name = "gconv2d",
    .inputs = 1,
    .required = {ADI_ATTR_OUT, ADI_ATTR_KERNEL, ADI_ATTR_GROUPS},
    .optional = {ADI_ATTR_STRIDE, ADI_ATTR_PAD, ADI_ATTR_BIAS, ADI_ATTR_INIT},
    .params = 2,
    .param = {{"weight"}, {"bias", .optional = 1}},
    .channels = channels,
    .shape = shape,
    .side = adi_window_side,
    .pad_same = 1,
    .layout = ADI_WEIGHT_OIHW,
    .param_shape = param_shape,
    .choose = choose,
    .pack_scratch = pack_scratch,
    .pack = pack,
    .scratch = scratch,
    .needs = needs,
    .forward = forward,
    .keeps = ADI_KEEPS_X,
    .train_scratch = train_scratch,
    .train_needs = train_needs,
    .backward = backward};
