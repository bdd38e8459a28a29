/* A fitted student in a scorer file: its folded weights behind "student.", U-Nets behind "ae.1." and so on, whose
 * graphs are in the metadata, so that an old file means the same for ever. */
#include <stdio.h>
#include <string.h>

#include "methods/model_file.h"
#include "methods/stfpm.h"

#define UNET_GRAPH "adfeat.graph.ae."

ad_status adi_stfpm_save(const void *model, adi_st_writer *writer, adi_kept *keep)
{
    const adi_stfpm_model *m = model;
    const int32_t out = 0;
    char prefix[16], key[40];
    adi_student_prefix(AD_STUDENT_STFPM_UNET, 0, prefix, sizeof prefix);
    ADI_TRY(adi_network_write(m->net, m->config.taps, m->config.tap_count, prefix, writer, keep));
    for (int32_t l = 0; m->config.unets && l < m->config.tap_count; l++) {
        adi_student_prefix(AD_STUDENT_STFPM_UNET, l + 1, prefix, sizeof prefix);
        snprintf(key, sizeof key, UNET_GRAPH "%d", l + 1);
        ADI_TRY(adi_st_writer_meta(writer, key, m->unets[l]->graph->text));
        ADI_TRY(adi_network_write(m->unets[l], &out, 1, prefix, writer, keep));
    }
    return adi_model_save_info(writer, m->images, m->normal_score, m->normal_map);
}

/* The options in the metadata, through the same door as a user's; those that are there, since a student without
 * U-Nets has none of theirs. */
static ad_status load_config(const adi_graph *graph, const adi_safetensors *file, int32_t unets,
                             adi_stfpm_config *out_config)
{
    ad_stfpm_options options;
    ad_stfpm_options_init(&options, sizeof options);
    int32_t taps[ADI_MAX_LAYERS], count = 0;
    const char *layers = adi_st_meta(file, "adfeat.option.layers");
    if (!layers)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata has no 'adfeat.option.layers'");
    if (adi_layers_parse(graph, layers, taps, &count) != AD_OK)
        return adi_fail_prefix(AD_ERR_FORMAT, "the scorer's metadata: ");
    if (count > ADI_STFPM_MAX_LAYERS)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata: %d layers, at most %d", count, ADI_STFPM_MAX_LAYERS);
    const char *keys[ADI_MAX_OPTIONS];
    size_t key_count = 0;
    adi_stfpm_config any = {.unets = unets};
    char value[ADI_OPTION_TEXT];
    for (int32_t i = 0; i < ADI_MAX_OPTIONS; i++) { /* the keys that such a model writes */
        const char *key = adi_stfpm_option(&any, graph, i, value);
        if (!key)
            break;
        if (strcmp(key, "layers") != 0)
            keys[key_count++] = key;
    }
    ADI_TRY(adi_model_load_options(file, keys, key_count, adi_stfpm_set, &options));
    if (adi_stfpm_resolve(&options, graph, taps, count, unets, out_config) != AD_OK)
        return adi_fail_prefix(AD_ERR_FORMAT, "the scorer's metadata: ");
    return AD_OK;
}

static ad_status load_network(const adi_allocator *a, const char *text, const adi_safetensors *file, int32_t index,
                              adi_network **out_network)
{
    char prefix[16];
    adi_graph *graph = NULL;
    adi_student_prefix(AD_STUDENT_STFPM_UNET, index, prefix, sizeof prefix);
    ADI_TRY(adi_graph_read(a, text, strlen(text), &graph));
    return adi_network_create(graph, file, prefix, out_network);
}

static ad_status load_unet(const adi_allocator *a, const adi_safetensors *file, int32_t index,
                           adi_network **out_network)
{
    char key[40];
    snprintf(key, sizeof key, UNET_GRAPH "%d", index);
    const char *text = adi_st_meta(file, key);
    if (!text)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata has no '%s'", key);
    ADI_TRY(load_network(a, text, file, index, out_network));
    if ((*out_network)->graph->tap_count != 1)
        return adi_fail(AD_ERR_FORMAT, "the scorer's U-Net %d has %d results, not one", index,
                        (*out_network)->graph->tap_count);
    return AD_OK;
}

ad_status adi_stfpm_load(ad_context *context, const adi_graph *graph, const adi_safetensors *file,
                         void **out_model)
{
    const adi_allocator *a = &context->allocator;
    const char *method = adi_st_meta(file, "adfeat.method");
    const int32_t unets = method && strcmp(method, adi_method_stfpm_unet.name) == 0;
    adi_stfpm_config config;
    adi_network *net = NULL, *all[ADI_STFPM_MAX_LAYERS] = {NULL};
    adi_stfpm_model *m = NULL;
    ADI_TRY(load_config(graph, file, unets, &config));
    ad_status status = load_network(a, graph->text, file, 0, &net);
    for (int32_t l = 0; unets && status == AD_OK && l < config.tap_count; l++)
        status = load_unet(a, file, l + 1, &all[l]);
    if (status != AD_OK) {
        adi_network_destroy(net);
        for (int32_t l = 0; l < ADI_STFPM_MAX_LAYERS; l++)
            adi_network_destroy(all[l]);
        return status;
    }
    ADI_TRY(adi_stfpm_model_create(context, graph, &config, net, all, &m));
    status = adi_model_load_info(file, &m->images, &m->normal_score, &m->normal_map);
    if (status == AD_OK)
        *out_model = m;
    else
        adi_stfpm_model_destroy(m);
    return status;
}
