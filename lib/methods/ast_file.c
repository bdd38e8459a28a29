/* A fitted flow and student in a scorer file: their weights behind "flow." and "student.", batch norm folded, and their
 * graphs in the metadata, so that an old file means the same for ever. */
#include <string.h>

#include "methods/ast.h"
#include "methods/model_file.h"

static const char *const graph_keys[ADI_AST_NETWORKS] = {"adfeat.graph.flow", "adfeat.graph.student"};
static const char *const prefixes[ADI_AST_NETWORKS] = {"flow.", "student."};

ad_status adi_ast_save(const void *model, adi_st_writer *writer, adi_kept *keep)
{
    const adi_ast_model *m = model;
    static const int32_t taps[2] = {0, 1};
    for (int i = 0; i < ADI_AST_NETWORKS; i++) {
        ADI_TRY(adi_st_writer_meta(writer, graph_keys[i], m->net[i]->graph->text));
        ADI_TRY(adi_network_write(m->net[i], taps, m->net[i]->graph->tap_count, prefixes[i], writer, keep));
    }
    return adi_model_save_info(writer, m->images, m->normal_score, m->normal_map);
}

static ad_status in_metadata(ad_status status)
{
    return status == AD_OK || status == AD_ERR_OUT_OF_MEMORY ? status : adi_fail_prefix(AD_ERR_FORMAT, "the scorer's metadata: ");
}

/* The options in the metadata, through the same door as a user's. */
static ad_status load_config(const adi_allocator *a, const adi_graph *graph, const adi_safetensors *file,
                             adi_ast_config *out_config)
{
    const char *layers = adi_st_meta(file, "adfeat.option.layers"), *mode = adi_st_meta(file, "adfeat.option.mode");
    ad_ast_options options;
    ad_ast_options_init(&options, sizeof options);
    int32_t taps[ADI_MAX_LAYERS], count = 0;
    adi_ast_config any = {0};
    if (!layers || !mode)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata has no 'adfeat.option.%s'", layers ? "mode" : "layers");
    ADI_TRY(in_metadata(adi_layers_parse(graph, layers, taps, &count)));
    ADI_TRY(in_metadata(adi_text_choice("mode", mode, adi_ast_mode_words, 3, &any.mode)));
    if (count != 1)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata: %d layers, not one", count);
    const char *keys[ADI_MAX_OPTIONS];
    size_t key_count = 0;
    char value[ADI_OPTION_TEXT];
    for (int32_t i = 0; i < ADI_MAX_OPTIONS; i++) { /* the keys that such a model writes */
        const char *key = adi_ast_option(&any, graph, i, value);
        if (!key)
            break;
        if (strcmp(key, "layers") != 0 && strcmp(key, "mode") != 0)
            keys[key_count++] = key;
    }
    ADI_TRY(adi_model_load_options(file, keys, key_count, adi_ast_set, &options));
    return in_metadata(adi_ast_resolve(&options, a, graph, taps[0], any.mode, out_config));
}

static ad_status load_network(const adi_allocator *a, const adi_safetensors *file, int i, adi_network **out_network)
{
    const char *text = adi_st_meta(file, graph_keys[i]);
    const int32_t taps = i == ADI_AST_FLOW ? 2 : 1;
    adi_graph *graph = NULL;
    if (!text)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata has no '%s'", graph_keys[i]);
    ADI_TRY(adi_graph_read(a, text, strlen(text), &graph));
    ADI_TRY(adi_network_create(graph, file, prefixes[i], out_network));
    if ((*out_network)->graph->tap_count != taps)
        return adi_fail(AD_ERR_FORMAT, "'%s' has %d results, not %d", graph_keys[i], (*out_network)->graph->tap_count, taps);
    return AD_OK;
}

ad_status adi_ast_load(ad_context *context, const adi_graph *graph, const adi_safetensors *file, void **out_model)
{
    const adi_allocator *a = &context->allocator;
    adi_ast_config config;
    adi_network *nets[ADI_AST_NETWORKS] = {NULL};
    adi_ast_model *m = NULL;
    ADI_TRY(load_config(a, graph, file, &config));
    ad_status status = AD_OK;
    for (int i = 0; status == AD_OK && i < ADI_AST_NETWORKS; i++)
        status = load_network(a, file, i, &nets[i]);
    if (status != AD_OK) {
        for (int i = 0; i < ADI_AST_NETWORKS; i++)
            adi_network_destroy(nets[i]);
        return status;
    }
    ADI_TRY(adi_ast_model_create(context, graph, &config, nets, &m));
    status = adi_model_load_info(file, &m->images, &m->normal_score, &m->normal_map);
    if (status == AD_OK)
        *out_model = m;
    else
        adi_ast_model_destroy(m);
    return status;
}
