/* From feature maps of several layers to one vector per position. */
#include "methods/padim.h"

ad_status adi_padim_grid(const adi_allocator *a, const adi_graph *graph,
                         const adi_padim_config *config, int64_t *out_h, int64_t *out_w)
{
    adi_shape shape;
    ADI_TRY(adi_plan_tap_shape(a, graph, config->settings.taps[0], config->settings.preprocess.crop,
                               config->settings.preprocess.crop, &shape));
    *out_h = shape.h;
    *out_w = shape.w;
    return AD_OK;
}

static int32_t layer_of(const adi_graph *graph, const adi_settings *s, int32_t *io_channel)
{
    for (int32_t layer = 0;; layer++) {
        const int32_t c = (int32_t)graph->nodes[graph->taps[s->taps[layer]].node].out_channels;
        if (*io_channel < c)
            return layer;
        *io_channel -= c;
    }
}

static void write_picks(adi_padim_embedding *e, const adi_graph *graph,
                        const adi_padim_config *config, float *pick)
{
    for (int32_t layer = 0; layer < config->settings.tap_count; layer++) {
        e->picks[layer] = 0;
        for (int32_t k = 0; k < config->o.dimensions; k++) {
            int32_t channel = e->subset[k];
            if (layer_of(graph, &config->settings, &channel) != layer)
                continue;
            *pick++ = (float)channel; /* exact: ADI_MAX_CHANNELS is less than 2^24 */
            *pick++ = (float)k;
            e->picks[layer]++;
        }
    }
}

ad_status adi_padim_embedding_fill(adi_padim_embedding *e, const ad_context *context,
                                   const adi_graph *graph, const adi_padim_config *config)
{
    const size_t bytes = 2 * (size_t)config->o.dimensions * sizeof *e->pick;
    void *pick = adi_alloc(&context->allocator, bytes), *placed = NULL;
    if (!pick)
        return adi_fail_memory();
    write_picks(e, graph, config, pick);
    const ad_status status =
        adi_mem_place(&context->device, &context->allocator, &pick, bytes, &placed);
    adi_free(&context->allocator, pick);
    e->pick = placed;
    return status;
}

void adi_padim_embedding_free(adi_padim_embedding *e, const ad_context *context)
{
    adi_free(&context->allocator, e->subset);
    adi_mem_free(&context->device, &context->allocator, e->pick);
    *e = (adi_padim_embedding){0};
}

ad_status adi_padim_embed(const adi_padim_embedding *e, const adi_padim_config *config,
                          const adi_extractor *x, const adi_workspace *w, adi_f32 *out)
{
    const adi_exec ex = adi_workspace_exec(x, w);
    const adi_f32 *pick = e->pick;
    for (int32_t layer = 0; layer < x->tap_count; layer++) {
        const adi_shape *s = adi_extractor_shape(x, layer);
        const adi_gather_dims d = {.h = s->h, .w = s->w, .c = s->c, .oh = e->h, .ow = e->w,
                                   .y_stride = config->o.dimensions, .count = e->picks[layer]};
        const ad_status status = x->context->device.kernels->gather_channels(
            &ex, out, adi_extractor_data(x, w, layer), pick, &d);
        if (status != AD_OK)
            return adi_fail(status, "the vectors of layer '%s' failed in the backend",
                            adi_extractor_layer(x, layer));
        pick += 2 * d.count;
    }
    return AD_OK;
}
