/* From an image to tapped feature maps. */
#include "methods/extractor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/options.h"

ad_status adi_preprocess_resolve(const ad_preprocess *asked, const adi_graph *graph, adi_preprocess *out)
{
    ADI_CHECK_RESERVED(*asked, reserved, "ad_preprocess");
    ADI_CHECK_ARG(asked->size >= 0 && asked->size <= 4096, "size is %d, 1 to 4096 is possible",
                  asked->size);
    out->size = asked->size ? asked->size : graph->input_size;
    ADI_CHECK_ARG(asked->crop >= 0 && asked->crop <= out->size, "crop is %d, at most size %d is possible",
                  asked->crop, out->size);
    out->crop = asked->crop ? asked->crop : out->size;
    ADI_CHECK_ARG(asked->resize >= AD_RESIZE_CV_LINEAR && asked->resize <= AD_RESIZE_PIL_LANCZOS,
                  "resize is %d, no such ad_resize", asked->resize);
    out->resize = asked->resize;
    ADI_CHECK_ARG(asked->aspect >= AD_ASPECT_SQUARE && asked->aspect <= AD_ASPECT_SHORTER_SIDE,
                  "aspect is %d, no such ad_aspect", asked->aspect);
    out->aspect = asked->aspect;
    out->rounded_16 = 0;
    const int given = asked->std[0] != 0.0f;
    for (int i = 0; i < 3; i++) {
        out->mean[i] = given ? asked->mean[i] : graph->mean[i];
        out->std[i] = given ? asked->std[i] : graph->std[i];
        ADI_CHECK_ARG(isfinite(out->mean[i]) && isfinite(out->std[i]) && out->std[i] > 0.0f,
                      "mean %g and std %g of channel %d: std must be positive", (double)out->mean[i],
                      (double)out->std[i], i);
    }
    return AD_OK;
}

ad_status adi_preprocess_take(const ad_preprocess *caller, const adi_graph *graph, adi_preprocess *out)
{
    ad_preprocess asked;
    ad_preprocess_init(&asked, sizeof asked);
    ADI_TRY(adi_options_take(&asked, sizeof asked, caller, "ad_preprocess"));
    return adi_preprocess_resolve(&asked, graph, out);
}

static ad_status unknown_layer(const adi_graph *graph, const char *name, size_t length)
{
    char all[512] = "";
    for (int32_t i = 0, n = 0; i < graph->tap_count && n < 400; i++)
        n += snprintf(all + n, sizeof all - (size_t)n, "%s%s", i ? ", " : "", graph->taps[i].name);
    return adi_fail(AD_ERR_INVALID_ARGUMENT, "%s has no layer '%.*s': there are %s", graph->name,
                    (int)(length < 100 ? length : 100), name, all);
}

ad_status adi_layers_parse(const adi_graph *graph, const char *layers, int32_t *out_taps,
                           int32_t *out_count)
{
    int32_t count = 0;
    for (const char *at = layers;;) {
        const size_t length = strcspn(at, ",");
        int32_t tap = -1;
        for (int32_t i = 0; i < graph->tap_count; i++)
            if (strlen(graph->taps[i].name) == length && memcmp(graph->taps[i].name, at, length) == 0)
                tap = i;
        if (tap < 0)
            return unknown_layer(graph, at, length);
        for (int32_t i = 0; i < count; i++)
            ADI_CHECK_ARG(out_taps[i] != tap, "layer '%s' is given twice", graph->taps[tap].name);
        ADI_CHECK_ARG(count < ADI_MAX_LAYERS, "more than %d layers", ADI_MAX_LAYERS);
        out_taps[count++] = tap;
        if (!at[length])
            break;
        at += length + 1;
    }
    *out_count = count;
    return AD_OK;
}

ad_status adi_extractor_create(ad_context *context, const adi_network *network,
                               const adi_preprocess *preprocess, const int32_t *taps, int32_t tap_count,
                               adi_extractor **out_extractor)
{
    const adi_allocator *a = &context->allocator;
    *out_extractor = NULL;
    adi_extractor *x = adi_calloc(a, 1, sizeof *x);
    if (!x)
        return adi_fail_memory();
    x->context = context;
    x->network = network;
    x->preprocess = *preprocess;
    x->tap_count = tap_count;
    memcpy(x->taps, taps, (size_t)tap_count * sizeof *taps);
    ad_status status = adi_plan_create(network, context->backend->kernels, context->num_threads, taps,
                                       tap_count, preprocess->crop, preprocess->crop, &x->plan);
    if (status == AD_OK && pthread_mutex_init(&x->lock, NULL) != 0)
        status = adi_fail_memory();
    if (status != AD_OK) {
        adi_plan_destroy(x->plan);
        adi_free(a, x);
        return status;
    }
    x->scratch_bytes = x->plan->scratch_bytes;
    x->map_side = preprocess->crop;
    *out_extractor = x;
    return AD_OK;
}

static void free_workspace(const adi_allocator *a, adi_workspace *w)
{
    adi_resize_scratch_free(&w->resize);
    adi_depth_scratch_free(&w->depth_scratch);
    adi_free(a, w->depth);
    adi_free(a, w->block);
    adi_free(a, w->scratch);
    adi_free(a, w->extra);
    adi_free(a, w->map);
    adi_free(a, w->rgb);
    adi_free(a, w);
}

void adi_extractor_destroy(adi_extractor *x)
{
    if (!x)
        return;
    const adi_allocator *a = &x->context->allocator;
    for (adi_workspace *w = x->idle; w;) {
        adi_workspace *next = w->next;
        free_workspace(a, w);
        w = next;
    }
    pthread_mutex_destroy(&x->lock);
    adi_plan_destroy(x->plan);
    adi_free(a, x);
}

void adi_extractor_reserve(adi_extractor *x, size_t kernel_scratch_bytes, size_t extra_floats,
                           size_t map_floats)
{
    x->map_floats = map_floats;
    if (kernel_scratch_bytes > x->scratch_bytes)
        x->scratch_bytes = kernel_scratch_bytes;
    if (extra_floats > x->extra_floats)
        x->extra_floats = extra_floats;
}

void adi_extractor_keep_rgb(adi_extractor *x)
{
    const size_t crop = (size_t)x->preprocess.crop;
    x->rgb_bytes = 3 * crop * crop;
}

static size_t depth_floats(const adi_extractor *x)
{
    const size_t positions = (size_t)x->depth.grid * (size_t)x->depth.grid;
    return positions * (ADI_DEPTH_UNSHUFFLE * ADI_DEPTH_UNSHUFFLE + 1);
}

void adi_extractor_take_depth(adi_extractor *x, adi_image_needs needs, const adi_depth_options *options)
{
    x->needs = needs;
    x->depth = *options;
}

void adi_extractor_set_map_side(adi_extractor *x, int32_t side)
{
    x->map_side = side;
}

size_t adi_extractor_bytes(adi_extractor *x)
{
    const size_t steps = (size_t)x->network->graph->node_count * sizeof(adi_step);
    const size_t padding = 13 * ADI_ALIGNMENT; /* thirteen blocks, each rounded up */
    size_t bytes = padding + sizeof *x + sizeof *x->plan + steps
                   + (size_t)x->tap_count * sizeof *x->plan->taps + sizeof(adi_workspace)
                   + (x->plan->block_floats + x->extra_floats + x->map_floats + depth_floats(x)) * sizeof(float)
                   + x->plan->packed_bytes + x->scratch_bytes + x->rgb_bytes;
    pthread_mutex_lock(&x->lock);
    if (x->idle)
        bytes += x->idle->resize.bytes + x->idle->depth_scratch.doubles * sizeof(double);
    pthread_mutex_unlock(&x->lock);
    return bytes;
}

ad_status adi_extractor_check_room(const adi_extractor *x)
{
    const size_t floats = x->plan->block_floats + x->extra_floats + x->map_floats + depth_floats(x);
    return adi_budget_check(x->context->budget,
                            floats * sizeof(float) + x->scratch_bytes + x->rgb_bytes);
}

static ad_status new_workspace(const adi_extractor *x, adi_workspace **out_workspace)
{
    const adi_allocator *a = &x->context->allocator;
    adi_workspace *w = adi_calloc(a, 1, sizeof *w);
    if (!w)
        return adi_fail_memory();
    w->resize.allocator = a;
    w->resize.kernels = x->context->backend->kernels;
    w->depth_scratch.allocator = a;
    w->block = adi_alloc(a, x->plan->block_floats * sizeof *w->block);
    w->scratch = adi_alloc(a, x->scratch_bytes);
    w->extra = adi_alloc(a, x->extra_floats * sizeof *w->extra);
    w->map = adi_alloc(a, x->map_floats * sizeof *w->map);
    w->rgb = x->rgb_bytes ? adi_alloc(a, x->rgb_bytes) : NULL;
    w->depth = x->depth.grid ? adi_alloc(a, depth_floats(x) * sizeof *w->depth) : NULL;
    if (!w->block || !w->scratch || !w->extra || !w->map || (x->rgb_bytes && !w->rgb) || (x->depth.grid && !w->depth)) {
        free_workspace(a, w);
        return adi_fail_memory();
    }
    *out_workspace = w;
    return AD_OK;
}

ad_status adi_extractor_borrow(adi_extractor *x, adi_workspace **out_workspace)
{
    pthread_mutex_lock(&x->lock);
    adi_workspace *w = x->idle;
    if (w)
        x->idle = w->next;
    pthread_mutex_unlock(&x->lock);
    if (!w)
        return new_workspace(x, out_workspace);
    *out_workspace = w;
    return AD_OK;
}

void adi_extractor_give_back(adi_extractor *x, adi_workspace *w)
{
    pthread_mutex_lock(&x->lock);
    w->next = x->idle;
    x->idle = w;
    pthread_mutex_unlock(&x->lock);
}

ad_status adi_extractor_run(const adi_extractor *x, adi_workspace *w, const ad_image *view)
{
    ad_image image;
    ADI_TRY(adi_image_take(view, x->needs, &image));
    if (x->depth.grid)
        ADI_TRY(adi_depth_run(&x->depth, &image, &w->depth_scratch, w->depth,
                              w->depth + depth_floats(x) - (size_t)x->depth.grid * (size_t)x->depth.grid));
    if (x->needs == ADI_DEPTH_ALONE)
        return AD_OK;
    ADI_TRY(adi_preprocess_run(&x->preprocess, w->block + x->plan->input_offset[0], w->rgb, &image, &w->resize));
    return adi_plan_run(x->plan, w->block, w->scratch);
}

const adi_shape *adi_extractor_shape(const adi_extractor *x, int32_t index)
{
    return &x->plan->taps[index].shape;
}

const float *adi_extractor_data(const adi_extractor *x, const adi_workspace *w, int32_t index)
{
    return adi_plan_tap_data(x->plan, w->block, index);
}

const char *adi_extractor_layer(const adi_extractor *x, int32_t index)
{
    return x->network->graph->taps[x->taps[index]].name;
}

ad_status adi_extractor_check_finite(const adi_extractor *x, const adi_workspace *w, int32_t index)
{
    const adi_shape *s = adi_extractor_shape(x, index);
    const float *data = adi_extractor_data(x, w, index);
    for (int64_t i = 0; i < s->h * s->w * s->c; i++)
        if (!isfinite(data[i]))
            return adi_extractor_not_finite(x, index);
    return AD_OK;
}

ad_status adi_extractor_not_finite(const adi_extractor *x, int32_t index)
{
    return adi_fail(AD_ERR_NUMERIC, "layer '%s': the image gives features that are not finite",
                    adi_extractor_layer(x, index));
}
