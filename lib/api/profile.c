/* ad_backbone_profile(): the plan of a network's features, and the time of each step. */
#include "api/objects.h"
#include "nn/arena.h"

enum { MAX_RUNS = 1000 };

static const char *kernel_word(const adi_step *s)
{
    if (s->call.first)
        return "expand";
    if (s->node->op != &adi_op_conv2d)
        return "";
    switch (s->call.algorithm) {
    case ADI_CONV2D_BLAS:
        return "blas";
    case ADI_CONV2D_PANELS:
        return "panels";
    case ADI_CONV2D_WINOGRAD:
        return "winograd";
    case ADI_CONV2D_WINOGRAD2:
        return "winograd2";
    case ADI_CONV2D_AUTO: /* a backend with one algorithm */
    case ADI_CONV2D_DIRECT:
        break;
    }
    return "direct";
}

static const char *activation_word(adi_act act)
{
    static const char *const words[] = {[ADI_ACT_NONE] = "",
                                        [ADI_ACT_RELU] = "relu",
                                        [ADI_ACT_RELU6] = "relu6",
                                        [ADI_ACT_SILU] = "silu",
                                        [ADI_ACT_SIGMOID] = "sigmoid"};
    return words[act];
}

static int64_t multiply_adds(const adi_step *s)
{
    int64_t sum = 0;
    for (const adi_op_call *call = &s->call; call; call = call->first) {
        const int depthwise = call == &s->call && s->node->op == &adi_op_dwconv2d;
        if (!depthwise && call == &s->call && s->node->op != &adi_op_conv2d)
            break;
        sum += call->out.h * call->out.w * call->out.c * call->attrs.kernel * call->attrs.kernel *
               (depthwise ? 1 : call->in.c);
    }
    return sum;
}

/* The bytes of the weights as the kernel reads them. */
static int64_t weight_bytes(const adi_plan *plan, const adi_step *s)
{
    const int64_t one = (int64_t)sizeof(float);
    int64_t bytes = s->node->op == &adi_op_dwconv2d
                        ? s->call.out.c * s->call.attrs.kernel * s->call.attrs.kernel * one
                        : 0;
    const adi_op_call *dense = s->node->op == &adi_op_conv2d ? &s->call : s->call.first;
    if (dense) {
        const adi_conv2d_dims d = adi_conv2d_dims_of(dense);
        const size_t packed = plan->device.kernels->conv2d_packed_bytes(&d, dense->algorithm);
        bytes += packed ? (int64_t)packed : d.kh * d.kw * d.c * d.k * one;
    }
    return bytes;
}

static ad_status tell(const adi_plan *plan, const double *ms, ad_step_callback callback, void *user)
{
    for (int32_t i = 0; i < plan->step_count; i++) {
        const adi_step *s = &plan->steps[i];
        const ad_step_info info = {.struct_size = sizeof info,
                                   .residual = s->node->op->residual && s->x2 != ADI_STEP_NONE,
                                   .name = s->node->name,
                                   .op = s->node->op->name,
                                   .kernel = kernel_word(s),
                                   .activation = activation_word(s->call.act),
                                   .height = s->call.out.h,
                                   .width = s->call.out.w,
                                   .channels = s->call.out.c,
                                   .multiply_adds = multiply_adds(s),
                                   .weight_bytes = weight_bytes(plan, s),
                                   .ms = ms[i]};
        if (callback(user, &info))
            return adi_fail(AD_ERR_CANCELLED, "the callback cancelled at step %d of %d", i + 1,
                            plan->step_count);
    }
    return AD_OK;
}

/* Values between -2 and 2, like normalised pixels. */
static void fill_noise(float *x, size_t n)
{
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) * 0x1p-22f - 2.0f;
    }
}

static ad_status profile(const adi_extractor *x, adi_workspace *w, int32_t runs,
                         ad_step_callback callback, void *user)
{
    const adi_plan *plan = x->plan;
    const size_t steps = (size_t)plan->step_count;
    const adi_device *d = &x->context->device;
    const size_t floats = adi_arena_floats(&plan->input[0]);
    double *ms = adi_calloc(plan->allocator, steps * ((size_t)runs + 1), sizeof *ms);
    adi_f32 *const input = w->block + plan->input_offset[0];
    float *noise =
        d->memory ? adi_alloc(plan->allocator, floats * sizeof *noise) : adi_mem_on_host(input);
    ad_status status = ms && noise ? AD_OK : adi_fail_memory();
    if (status == AD_OK) {
        fill_noise(noise, floats);
        status = adi_mem_upload(d, w->queue, input, noise, floats * sizeof *noise);
    }
    if (status == AD_OK)
        status = adi_plan_profile(plan, w->queue, w->block, w->scratch, runs, ms + steps, ms);
    if (status == AD_OK)
        status = tell(plan, ms, callback, user);
    adi_free(plan->allocator, ms);
    if (d->memory)
        adi_free(plan->allocator, noise);
    return status;
}

static ad_status deepest(const adi_network *network, int32_t *out_tap)
{
    for (*out_tap = network->graph->tap_count - 1; *out_tap >= 0; --*out_tap)
        if (adi_network_tap_available(network, *out_tap))
            return AD_OK;
    return adi_fail(AD_ERR_MISMATCH, "the weights file has no layer of %s", network->graph->name);
}

ad_status ad_backbone_profile(ad_backbone *backbone, const char *preprocess,
                              const char *layers, int32_t runs, ad_step_callback callback,
                              void *user)
{
    ADI_CHECK_ARG(backbone && callback, "ad_backbone_profile: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ADI_CHECK_ARG(runs >= 1 && runs <= MAX_RUNS,
                  "ad_backbone_profile: runs is %d, 1 to %d is possible", runs, MAX_RUNS);
    const adi_graph *g = backbone->network->graph;
    int32_t taps[ADI_MAX_LAYERS], count = 1;
    ADI_TRY(layers ? adi_layers_parse(g, layers, taps, &count) : deepest(backbone->network, taps));
    adi_preprocess resolved;
    ADI_TRY(adi_preprocess_read(&backbone->context->allocator, preprocess, g, &resolved));
    adi_extractor *x = NULL;
    adi_workspace *w = NULL;
    ADI_TRY(adi_extractor_create(backbone->context, backbone->network, &resolved, taps, count, &x));
    adi_backbone_retain(backbone); /* the callback may destroy it */
    ad_status status = adi_extractor_borrow(x, &w);
    if (status == AD_OK) {
        status = profile(x, w, runs, callback, user);
        adi_extractor_give_back(x, w);
    }
    adi_extractor_destroy(x);
    status = adi_mem_explain(&backbone->context->device, status);
    ad_backbone_destroy(backbone);
    return status;
}
