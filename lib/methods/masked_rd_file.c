/* A fitted student in a scorer file: its weights behind "student.", batch norm folded, and its graph in the metadata, so that
 * an old file means the same for ever. */
#include <string.h>

#include "methods/masked_rd.h"
#include "methods/model_file.h"

#define GRAPH_KEY "adfeat.graph.student"
#define PREFIX    "student."

ad_status adi_rd_save(const void *model, adi_st_writer *writer, adi_kept *keep)
{
    const adi_rd_model *m = model;
    static const int32_t taps[ADI_RD_LEVELS] = {0, 1, 2};
    ADI_TRY(adi_st_writer_meta(writer, GRAPH_KEY, m->net->graph->text));
    ADI_TRY(adi_network_write(m->net, taps, m->net->graph->tap_count, PREFIX, writer, keep));
    return adi_model_save_info(writer, m->images, m->normal_score, m->normal_map);
}

static ad_status in_metadata(ad_status status)
{
    return status == AD_OK || status == AD_ERR_OUT_OF_MEMORY ? status : adi_fail_prefix(AD_ERR_FORMAT, "the scorer's metadata: ");
}

/* The options in the metadata, through the same door as a user's. */
static ad_status load_config(const adi_allocator *a, const adi_graph *graph, const adi_safetensors *file,
                             adi_rd_config *out_config)
{
    const char *layers = adi_st_meta(file, "adfeat.option.layers"), *levels = adi_st_meta(file, "adfeat.option.levels");
    ad_masked_rd_options options;
    ad_masked_rd_options_init(&options, sizeof options);
    int32_t taps[ADI_MAX_LAYERS], count = 0, chosen = 0;
    if (!layers || !levels)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata has no 'adfeat.option.%s'", layers ? "levels" : "layers");
    ADI_TRY(in_metadata(adi_layers_parse(graph, layers, taps, &count)));
    ADI_TRY(in_metadata(adi_text_choice("levels", levels, adi_level_words, 8, &chosen)));
    if (count != ADI_RD_LEVELS)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata: %d layers, not %d", count, ADI_RD_LEVELS);
    adi_rd_config any = {.levels = chosen};
    const char *keys[ADI_MAX_OPTIONS];
    size_t key_count = 0;
    char value[ADI_OPTION_TEXT];
    for (int32_t i = 0; i < ADI_MAX_OPTIONS; i++) { /* the keys that such a model writes */
        const char *key = adi_rd_option(&any, graph, i, value);
        if (!key)
            break;
        if (strcmp(key, "layers") != 0 && strcmp(key, "levels") != 0)
            keys[key_count++] = key;
    }
    ADI_TRY(adi_model_load_options(file, keys, key_count, adi_rd_set, &options));
    return in_metadata(adi_rd_resolve(&options, a, graph, taps, adi_level_bits(chosen), out_config));
}

static ad_status load_network(const adi_allocator *a, const adi_safetensors *file, adi_network **out_network)
{
    const char *text = adi_st_meta(file, GRAPH_KEY);
    adi_graph *graph = NULL;
    if (!text)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata has no '%s'", GRAPH_KEY);
    ADI_TRY(adi_graph_read(a, text, strlen(text), &graph));
    return adi_network_create(graph, file, PREFIX, out_network);
}

ad_status adi_rd_load(ad_context *context, const adi_graph *graph, const adi_safetensors *file, void **out_model)
{
    const adi_allocator *a = &context->allocator;
    adi_rd_config config;
    adi_network *net = NULL;
    adi_rd_model *m = NULL;
    ADI_TRY(load_config(a, graph, file, &config));
    ADI_TRY(load_network(a, file, &net));
    ADI_TRY(adi_rd_model_create(context, graph, &config, net, &m));
    const ad_status status = adi_model_load_info(file, &m->images, &m->normal_score, &m->normal_map);
    if (status == AD_OK)
        *out_model = m;
    else
        adi_rd_model_destroy(m);
    return status;
}
