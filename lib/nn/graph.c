/* Look things up in a graph, and find the shapes of its values. */
#include "nn/graph.h"

#include <stdio.h>
#include <string.h>

void adi_graph_destroy(adi_graph *graph)
{
    if (!graph)
        return;
    const adi_allocator *a = graph->allocator;
    adi_free(a, graph->nodes);
    adi_free(a, graph->taps);
    adi_free(a, graph->hints);
    adi_free(a, graph->words);
    adi_free(a, graph->text);
    adi_free(a, graph);
}

int32_t adi_graph_find_node(const adi_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->node_count; i++)
        if (strcmp(graph->nodes[i].name, name) == 0)
            return i;
    return -1;
}

int32_t adi_graph_find_tap(const adi_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->tap_count; i++)
        if (strcmp(graph->taps[i].name, name) == 0)
            return i;
    return -1;
}

const char *adi_graph_list_taps(const adi_graph *graph, char *out, size_t size)
{
    snprintf(out, size, "no layer");
    for (int32_t i = 0, n = 0; i < graph->tap_count && (size_t)n + ADI_GRAPH_MAX_NAME < size; i++)
        if (!graph->taps[i].missing)
            n += snprintf(out + n, size - (size_t)n, "%s%s", n ? ", " : "", graph->taps[i].name);
    return out;
}

const char *adi_graph_hint(const adi_graph *graph, const char *key)
{
    for (int32_t i = 0; i < graph->hint_count; i++)
        if (strcmp(graph->hints[i].key, key) == 0)
            return graph->hints[i].value;
    return NULL;
}

ad_status adi_graph_shapes(const adi_graph *graph, const uint8_t *needed, const adi_shape *input,
                           adi_shape *out_shapes)
{
    for (int32_t i = 0; i < graph->node_count; i++) {
        const adi_node *node = &graph->nodes[i];
        if (!needed[i])
            continue;
        adi_shape in[ADI_OP_MAX_INPUTS] = {*input};
        for (int32_t j = 0; j < node->op->inputs; j++)
            in[j] = out_shapes[node->input[j]];
        const ad_status status = node->op->shape(node->name, &node->attrs, in, &out_shapes[i]);
        if (status != AD_OK)
            return adi_fail_prefix(status,
                                   "input of %lldx%lld does not fit %s: ", (long long)input->w,
                                   (long long)input->h, graph->name);
    }
    return AD_OK;
}
