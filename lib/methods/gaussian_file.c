/* The model of gaussian in memory and in a file. A file has per layer `image.<layer>.mean` [c],
 * `.whitening` [r, c] and `.stats` [2] (shrinkage, rms), and `pixel.<layer>.*` where the map has
 * statistics of its own. */
#include <stdio.h>

#include "methods/gaussian.h"

ad_status adi_gaussian_model_create(ad_context *context, const adi_graph *graph,
                                    const adi_gaussian_config *config,
                                    adi_gaussian_model **out_model)
{
    adi_gaussian_model *m = adi_calloc(&context->allocator, 1, sizeof *m);
    if (!m)
        return adi_fail_memory();
    m->config = *config;
    m->head = (adi_model){.method = config->settings.method, .context = context, .graph = graph,
                          .settings = &m->config.settings,
                          .has_map = config->o.pixel != ADI_PIXEL_FIT_NONE,
                          .recipe = {.join = ADI_JOIN_MEAN,
                                     .at = config->settings.preprocess.crop,
                                     .side = config->settings.preprocess.crop,
                                     .blur_sigma = config->o.blur_sigma,
                                     .score = ADI_SCORE_GIVEN}};
    *out_model = m;
    return AD_OK;
}

void adi_gaussian_model_destroy(adi_model *model)
{
    adi_gaussian_model *m = (adi_gaussian_model *)model;
    if (!m)
        return;
    const ad_context *c = model->context;
    for (int32_t i = 0; i < m->config.settings.tap_count; i++) {
        adi_mvg_free(&m->layers[i].image);
        adi_mvg_free(&m->layers[i].pixel);
        adi_mem_free(&c->device, &c->allocator, m->layers[i].pixel_mean);
        adi_mem_free(&c->device, &c->allocator, m->layers[i].pixel_whitening);
    }
    adi_free(&c->allocator, m);
}

const adi_mvg *adi_gaussian_pixel_mvg(const adi_gaussian_model *model, int32_t layer)
{
    const adi_gaussian_layer *l = &model->layers[layer];
    return model->config.o.pixel == ADI_PIXEL_FIT_DENSE ? &l->pixel : &l->image;
}

static ad_status place_layer(const ad_context *c, const adi_mvg *g, adi_gaussian_layer *l)
{
    const adi_kernels *k = c->device.kernels;
    const size_t mean_bytes = (size_t)g->c * sizeof(float);
    const size_t packed_bytes = k->mahalanobis_packed_bytes(g->whitening, g->c, g->r);
    float *mean = adi_alloc(&c->allocator, mean_bytes);
    void *packed = adi_alloc(&c->allocator, packed_bytes), *host_mean = mean, *placed = NULL;
    ad_status status = mean && packed ? AD_OK : adi_fail_memory();
    if (status == AD_OK) {
        for (int64_t i = 0; i < g->c; i++)
            mean[i] = (float)g->mean[i];
        k->mahalanobis_pack(packed, g->whitening, g->c, g->r);
        status = adi_mem_place(&c->device, &c->allocator, &host_mean, mean_bytes, &placed);
        l->pixel_mean = placed;
    }
    if (status == AD_OK)
        status = adi_mem_place(&c->device, &c->allocator, &packed, packed_bytes,
                               &l->pixel_whitening);
    adi_free(&c->allocator, host_mean);
    adi_free(&c->allocator, packed);
    return status;
}

ad_status adi_gaussian_model_place(adi_gaussian_model *model)
{
    if (model->config.o.pixel == ADI_PIXEL_FIT_NONE)
        return AD_OK;
    for (int32_t i = 0; i < model->config.settings.tap_count; i++)
        ADI_TRY(place_layer(model->head.context, adi_gaussian_pixel_mvg(model, i),
                            &model->layers[i]));
    return AD_OK;
}

enum { NAME = ADI_GRAPH_MAX_NAME + 32 };

static ad_status save_mvg(adi_st_writer *writer, const char *kind, const char *layer,
                          const adi_mvg *g)
{
    char name[NAME];
    const int64_t mean_shape[1] = {g->c}, white_shape[2] = {g->r, g->c}, stats_shape[1] = {2};
    snprintf(name, sizeof name, "%s.%s.mean", kind, layer);
    ADI_TRY(adi_st_writer_tensor(writer, name, ADI_F64, 1, mean_shape, g->mean));
    snprintf(name, sizeof name, "%s.%s.whitening", kind, layer);
    ADI_TRY(adi_st_writer_tensor(writer, name, ADI_F64, 2, white_shape, g->whitening));
    snprintf(name, sizeof name, "%s.%s.stats", kind, layer);
    return adi_st_writer_tensor(writer, name, ADI_F64, 1, stats_shape, g->stats);
}

ad_status adi_gaussian_save(const adi_model *model, adi_st_writer *writer, adi_kept *keep)
{
    (void)keep;
    const adi_gaussian_model *m = (const adi_gaussian_model *)model;
    for (int32_t i = 0; i < m->config.settings.tap_count; i++) {
        const char *layer = m->head.graph->taps[m->config.settings.taps[i]].name;
        ADI_TRY(save_mvg(writer, "image", layer, &m->layers[i].image));
        if (m->config.o.pixel == ADI_PIXEL_FIT_DENSE)
            ADI_TRY(save_mvg(writer, "pixel", layer, &m->layers[i].pixel));
    }
    return AD_OK;
}

static ad_status find(const adi_safetensors *file, const char *kind, const char *layer,
                      const char *part, int32_t ndim, int64_t last, const adi_st_tensor **out)
{
    char name[NAME];
    snprintf(name, sizeof name, "%s.%s.%s", kind, layer, part);
    const adi_st_tensor *t = adi_st_find(file, name);
    if (!t)
        return adi_fail(AD_ERR_FORMAT, "the scorer holds no tensor '%s'", name);
    if (t->dtype != ADI_F64 || t->ndim != ndim || t->shape[ndim - 1] != last || t->shape[0] < 1)
        return adi_fail(AD_ERR_FORMAT, "tensor '%s' of the scorer has another type or shape", name);
    *out = t;
    return AD_OK;
}

static ad_status load_mvg(const adi_allocator *a, const adi_safetensors *file, const char *kind,
                          const char *layer, int64_t channels, adi_mvg *out)
{
    const adi_st_tensor *mean = NULL, *white = NULL, *stats = NULL;
    ADI_TRY(find(file, kind, layer, "mean", 1, channels, &mean));
    ADI_TRY(find(file, kind, layer, "whitening", 2, channels, &white));
    ADI_TRY(find(file, kind, layer, "stats", 1, 2, &stats));
    if (white->shape[0] > channels)
        return adi_fail(AD_ERR_FORMAT, "tensor '%s' has %lld rows for %lld channels", white->name,
                        (long long)white->shape[0], (long long)channels);
    ADI_TRY(adi_mvg_alloc(a, channels, white->shape[0], out));
    ADI_TRY(adi_st_read_f64(file, mean, out->mean));
    ADI_TRY(adi_st_read_f64(file, white, out->whitening));
    return adi_st_read_f64(file, stats, out->stats);
}

ad_status adi_gaussian_load(ad_context *context, const adi_graph *graph,
                            const adi_settings *settings, const adi_safetensors *file,
                            adi_model **out_model)
{
    const adi_gaussian_config *config = (const adi_gaussian_config *)settings;
    adi_gaussian_model *m = NULL;
    ADI_TRY(adi_gaussian_model_create(context, graph, config, &m));
    ad_status status = AD_OK;
    for (int32_t i = 0; i < config->settings.tap_count && status == AD_OK; i++) {
        const adi_tap *tap = &graph->taps[config->settings.taps[i]];
        const int64_t c = graph->nodes[tap->node].out_channels;
        status = load_mvg(&context->allocator, file, "image", tap->name, c, &m->layers[i].image);
        if (status == AD_OK && config->o.pixel == ADI_PIXEL_FIT_DENSE)
            status = load_mvg(&context->allocator, file, "pixel", tap->name, c,
                              &m->layers[i].pixel);
    }
    if (status == AD_OK)
        status = adi_gaussian_model_place(m);
    if (status == AD_OK)
        *out_model = &m->head;
    else
        adi_gaussian_model_destroy(&m->head);
    return status;
}
