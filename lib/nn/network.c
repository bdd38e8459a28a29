/* Questions about a network, and writing its parameters. */
#include "nn/network.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/digest.h"
#include "core/number.h"

void adi_network_destroy(adi_network *network)
{
    if (!network)
        return;
    const adi_allocator *a = network->allocator;
    for (int32_t i = 0; network->params && i < network->graph->node_count; i++) {
        adi_free(a, network->params[i].weight);
        adi_free(a, network->params[i].bias);
    }
    adi_free(a, network->params);
    adi_packed_pool_destroy(network->packed);
    adi_graph_destroy(network->graph);
    adi_free(a, network);
}

void adi_network_needed(const adi_graph *graph, const int32_t *taps, int32_t tap_count,
                        uint8_t *needed)
{
    memset(needed, 0, (size_t)graph->node_count);
    for (int32_t i = 0; i < tap_count; i++)
        needed[graph->taps[taps[i]].node] = 1;
    for (int32_t i = graph->node_count - 1; i >= 0; i--) /* inputs are earlier nodes */
        for (int32_t j = 0; needed[i] && j < graph->nodes[i].op->inputs; j++)
            needed[graph->nodes[i].input[j]] = 1;
}

void adi_network_places(const adi_graph *graph, const int32_t *taps, int32_t tap_count,
                        int32_t *out_places)
{
    uint8_t needed[ADI_GRAPH_MAX_NODES];
    adi_network_needed(graph, taps, tap_count, needed);
    for (int32_t t = 0; t < tap_count; t++) {
        out_places[t] = 0;
        for (int32_t i = 0; i < graph->taps[taps[t]].node; i++)
            out_places[t] += needed[i];
    }
}

int32_t adi_network_tap_available(const adi_network *network, int32_t tap)
{
    return !network->graph->taps[tap].missing;
}

ad_status adi_network_check_taps(const adi_network *network, const int32_t *taps, int32_t tap_count)
{
    const adi_graph *g = network->graph;
    char all[512];
    for (int32_t t = 0; t < tap_count; t++)
        if (g->taps[taps[t]].missing)
            return adi_fail(AD_ERR_MISMATCH,
                            "layer '%s' of %s: the weights file ends before it and has %s",
                            g->taps[taps[t]].name, g->name,
                            adi_graph_list_taps(g, all, sizeof all));
    return AD_OK;
}

void adi_node_digest(const adi_node *node, uint64_t *digest)
{
    char text[256];
    const adi_attrs *at = &node->attrs;
    int n = adi_snprintf(text, sizeof text, "%s %d %d %d %d %d %.9g <- %d %d", node->op->name,
                         at->channels, at->out, at->kernel, at->stride, at->pad, at->eps,
                         node->input[0], node->input[1]);
    /* this and scale only if they matter, so that the digests of old files stay */
    if (at->pad_after != at->pad)
        n += adi_snprintf(text + n, sizeof text - (size_t)n, " %d", at->pad_after);
    if (at->scale)
        n += adi_snprintf(text + n, sizeof text - (size_t)n, " x%d", at->scale);
    if (at->from || at->inverse || at->slope > 0.0 || at->alpha > 0.0 || at->limit > 0.0)
        n += adi_snprintf(text + n, sizeof text - (size_t)n, " %d %d %.9g %.9g %.9g", at->from,
                          at->inverse, at->slope, at->alpha, at->limit);
    if (at->groups || at->joint || at->eval || at->lambda > 0.0 || at->rate > 0.0)
        n += adi_snprintf(text + n, sizeof text - (size_t)n, " %d %d %d %.9g %.9g", at->groups,
                          at->joint, at->eval, at->lambda, at->rate);
    *digest = ADI_DIGEST_START;
    adi_digest_bytes(digest, text, (size_t)n);
}

void adi_network_digest(const adi_network *network, const int32_t *taps, int32_t tap_count,
                        char *out_text)
{
    const adi_graph *g = network->graph;
    uint8_t needed[ADI_GRAPH_MAX_NODES];
    adi_network_needed(g, taps, tap_count, needed);
    uint64_t digest = ADI_DIGEST_START;
    for (int32_t i = 0; i < g->node_count; i++)
        if (needed[i])
            adi_digest_bytes(&digest, &network->params[i].digest, sizeof network->params[i].digest);
    snprintf(out_text, 17, "%016" PRIx64, digest);
}

float *adi_kept_block(const adi_allocator *a, adi_kept *keep, size_t floats)
{
    float **blocks = adi_grow(a, keep->blocks, &keep->capacity, keep->count + 1, sizeof *blocks);
    if (!blocks)
        return NULL;
    keep->blocks = blocks;
    float *block = adi_alloc(a, floats * sizeof *block);
    if (block)
        keep->blocks[keep->count++] = block;
    return block;
}

ad_status adi_kept_fetch(const adi_device *d, const adi_allocator *a, adi_kept *keep,
                         const adi_f32 *from, size_t floats, const float **out)
{
    *out = adi_mem_host(d, from);
    if (*out)
        return AD_OK;
    float *block = adi_kept_block(a, keep, floats);
    if (!block)
        return adi_fail_memory();
    *out = block;
    return adi_mem_download(d, NULL, block, from, floats * sizeof *block);
}

static ad_status write_convolution(const adi_network *network, int32_t index, const char *prefix,
                                   adi_st_writer *writer, adi_kept *keep)
{
    const adi_node *node = &network->graph->nodes[index];
    const adi_params *p = &network->params[index];
    int64_t shape[ADI_ST_MAX_DIMS], biases;
    node->op->param_shape(&node->attrs, node->in_channels, 0, shape);
    node->op->param_shape(&node->attrs, node->in_channels, 1, &biases);
    float *oihw = adi_kept_block(network->allocator, keep,
                                 (size_t)(shape[0] * shape[1] * shape[2] * shape[3]));
    if (!oihw)
        return adi_fail_memory();
    adi_unfold_weight(oihw, p->weight, shape, node->op->layout == ADI_WEIGHT_DEPTHWISE);
    char name[2 * ADI_GRAPH_MAX_NAME];
    snprintf(name, sizeof name, "%s%s.weight", prefix, node->name);
    ADI_TRY(adi_st_writer_tensor(writer, name, ADI_F32, 4, shape, oihw));
    if (!p->bias)
        return AD_OK;
    snprintf(name, sizeof name, "%s%s.bias", prefix, node->name);
    return adi_st_writer_tensor(writer, name, ADI_F32, 1, &biases, p->bias);
}

/* Write parameters that have the same layout in a file and in kernels. */
static ad_status write_plain(const adi_network *network, int32_t index, const char *prefix,
                             adi_st_writer *writer)
{
    const adi_node *node = &network->graph->nodes[index];
    const float *const values[2] = {network->params[index].weight, network->params[index].bias};
    for (int32_t i = 0; i < node->op->params; i++) {
        int64_t shape[ADI_ST_MAX_DIMS];
        const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, i, shape);
        char name[2 * ADI_GRAPH_MAX_NAME];
        snprintf(name, sizeof name, "%s%s.%s", prefix, node->name, node->op->param[i].suffix);
        ADI_TRY(adi_st_writer_tensor(writer, name, ADI_F32, dims, shape, values[i]));
    }
    return AD_OK;
}

ad_status adi_network_write(const adi_network *network, const int32_t *taps, int32_t tap_count,
                            const char *prefix, adi_st_writer *writer, adi_kept *keep)
{
    const adi_graph *g = network->graph;
    uint8_t needed[ADI_GRAPH_MAX_NODES];
    adi_network_needed(g, taps, tap_count, needed);
    for (int32_t i = 0; i < g->node_count; i++) {
        const adi_op *op = g->nodes[i].op;
        if (!needed[i] || !op->params || network->params[i].folded)
            continue;
        if (op->statistics)
            return adi_fail(
                AD_ERR_UNSUPPORTED,
                "backbone '%s' cannot be embedded: batch norm '%s' follows no convolution", g->name,
                g->nodes[i].name);
        if (op->layout == ADI_WEIGHT_PLAIN)
            ADI_TRY(write_plain(network, i, prefix, writer));
        else
            ADI_TRY(write_convolution(network, i, prefix, writer, keep));
    }
    return AD_OK;
}

void adi_kept_free(const adi_allocator *a, adi_kept *keep)
{
    for (size_t i = 0; i < keep->count; i++)
        adi_free(a, keep->blocks[i]);
    adi_free(a, keep->blocks);
    *keep = (adi_kept){0};
}
