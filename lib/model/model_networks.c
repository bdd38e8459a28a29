/* The networks of a fitted model in a scorer file. */
#include "model/model_networks.h"

#include <stdio.h>
#include <string.h>

void adi_networks_destroy(adi_networks *networks)
{
    for (int32_t i = 0; i < networks->count; i++) {
        adi_plan_destroy(networks->items[i].plan);
        adi_network_destroy(networks->items[i].net);
    }
    networks->count = 0;
}

ad_status adi_networks_save(const adi_networks *networks, const adi_graph *backbone,
                            const adi_settings *settings, adi_st_writer *writer, adi_kept *keep)
{
    int32_t all[ADI_GRAPH_MAX_TAPS];
    char key[48], prefix[32];
    for (int32_t i = 0; i < ADI_GRAPH_MAX_TAPS; i++)
        all[i] = i;
    for (int32_t i = 0; i < networks->count; i++) {
        const adi_network *net = networks->items[i].net;
        const char *name = networks->items[i].name;
        const int same = strcmp(net->graph->text, backbone->text) == 0;
        snprintf(key, sizeof key, "adfeat.graph.%s", name);
        snprintf(prefix, sizeof prefix, "%s.", name);
        if (!same)
            ADI_TRY(adi_st_writer_meta(writer, key, net->graph->text));
        ADI_TRY(adi_network_write(net, same ? settings->taps : all,
                                  same ? settings->tap_count : net->graph->tap_count, prefix,
                                  writer, keep));
    }
    return AD_OK;
}

ad_status adi_networks_load(adi_networks *io_networks, const char *name, int32_t own_graph,
                            const adi_allocator *a, const adi_graph *backbone,
                            const adi_safetensors *file)
{
    char key[48], prefix[32];
    adi_graph *graph = NULL;
    snprintf(key, sizeof key, "adfeat.graph.%s", name);
    snprintf(prefix, sizeof prefix, "%s.", name);
    const char *text = own_graph ? adi_st_meta(file, key) : backbone->text;
    if (!text)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata has no '%s'", key);
    ADI_TRY(adi_graph_read(a, text, strlen(text), &graph));
    adi_network *net = NULL;
    ADI_TRY(adi_network_create(graph, file, prefix, &net));
    io_networks->items[io_networks->count].name = name;
    io_networks->items[io_networks->count++].net = net;
    return AD_OK;
}
