/* Taking the values of the tensors that were found, folding batch norm, and making the digest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "nn/weights.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weights and scorer files are little-endian and read in place"
#endif

/* The checksum of floats that are read as the file holds them is known already. */
static void add_to_digest(const adi_loader *l, const adi_st_tensor *t, const float *values,
                          uint64_t *digest)
{
    const size_t size = (size_t)t->count * sizeof *values;
    uint32_t crc;
    if (t->dtype == ADI_F32 && adi_st_crc_of_read(l->file, t, &crc))
        adi_digest_known(digest, crc, values, size);
    else
        adi_digest_bytes(digest, values, size);
}

/* Read a node's parameters as float32 into one block; raw[i] is NULL if optional and absent. */
static ad_status read_params(adi_loader *l, int32_t index, float **out_block, const float *raw[4])
{
    const adi_node *node = &l->net->graph->nodes[index];
    size_t total = 0;
    *out_block = NULL;
    for (int32_t i = 0; i < node->op->params; i++)
        total += adi_loader_param(l, index, i) ? (size_t)adi_loader_param(l, index, i)->count : 0;
    float *block = adi_alloc(l->net->allocator, total * sizeof *block);
    if (!block)
        return adi_fail_memory();
    *out_block = block;
    for (int32_t i = 0; i < node->op->params; i++) {
        const adi_st_tensor *t = adi_loader_param(l, index, i);
        raw[i] = NULL;
        if (!t)
            continue;
        ADI_TRY(adi_st_read_f32(l->file, t, block));
        add_to_digest(l, t, block, &l->net->params[index].digest);
        raw[i] = block;
        block += t->count;
        if (i < 2) /* running statistics are not parameters */
            l->net->parameter_count += t->count;
    }
    return AD_OK;
}

/* Read the scale and shift of the batch norm that follows a convolution; NULL if not in the
 * file. */
static ad_status read_affine(adi_loader *l, int32_t bn, double **out_affine)
{
    const adi_node *node = &l->net->graph->nodes[bn];
    const float *raw[4];
    float *block = NULL;
    ad_status status = read_params(l, bn, &block, raw);
    double *affine = NULL;
    if (status == AD_OK) {
        affine = adi_alloc(l->net->allocator, 2 * (size_t)node->in_channels * sizeof *affine);
        if (!affine)
            status = adi_fail_memory();
        else if (adi_batchnorm_affine(raw, node->in_channels, node->attrs.eps, affine,
                                      affine + node->in_channels) != AD_OK)
            status = adi_fail(AD_ERR_NUMERIC, "batch norm '%s': a running variance is not positive",
                              node->name);
    }
    adi_free(l->net->allocator, block);
    if (status != AD_OK) {
        adi_free(l->net->allocator, affine);
        affine = NULL;
    }
    *out_affine = affine;
    return status;
}

static ad_status take_convolution(adi_loader *l, int32_t index)
{
    const adi_allocator *a = l->net->allocator;
    const adi_node *node = &l->net->graph->nodes[index];
    adi_params *p = &l->net->params[index];
    const int32_t bn =
        l->only_user[index] >= 0 && adi_foldable_into(l, l->only_user[index]) == index
            ? l->only_user[index]
            : -1;
    const float *raw[4];
    float *block = NULL;
    double *affine = NULL;
    ad_status status;
    ADI_TRY_CLEANUP(read_params(l, index, &block, raw));
    if (bn >= 0) {
        if (l->found[bn])
            ADI_TRY_CLEANUP(read_affine(l, bn, &affine));
        l->net->params[bn].folded = 1;
    }
    int64_t shape[ADI_ST_MAX_DIMS], k;
    node->op->param_shape(&node->attrs, node->in_channels, 0, shape);
    node->op->param_shape(&node->attrs, node->in_channels, 1, &k);
    p->weight = adi_alloc(a, (size_t)(shape[0] * shape[1] * shape[2] * shape[3]) * sizeof(float));
    if (affine || raw[1])
        p->bias = adi_alloc(a, (size_t)k * sizeof(float));
    if (!p->weight || ((affine || raw[1]) && !p->bias)) {
        status = adi_fail_memory();
        goto cleanup;
    }
    const adi_weight_layout layout = node->op->layout;
    adi_fold_weight(p->weight, raw[0], shape, layout == ADI_WEIGHT_DEPTHWISE,
                    layout == ADI_WEIGHT_TRANSPOSED ? NULL : affine);
    if (affine && layout == ADI_WEIGHT_TRANSPOSED)
        adi_scale_transposed(p->weight, shape, affine);
    for (int64_t i = 0; p->bias && i < k; i++) {
        const double bias = raw[1] ? raw[1][i] : 0.0;
        p->bias[i] = (float)(affine ? bias * affine[i] + affine[k + i] : bias);
    }
cleanup:
    adi_free(a, affine);
    adi_free(a, block);
    return status;
}

static ad_status take_batchnorm(adi_loader *l, int32_t index)
{
    adi_params *p = &l->net->params[index];
    const int64_t c = l->net->graph->nodes[index].in_channels;
    double *affine = NULL;
    ADI_TRY(read_affine(l, index, &affine));
    p->weight = adi_alloc(l->net->allocator, (size_t)c * sizeof(float));
    p->bias = adi_alloc(l->net->allocator, (size_t)c * sizeof(float));
    for (int64_t i = 0; p->weight && p->bias && i < c; i++) {
        p->weight[i] = (float)affine[i];
        p->bias[i] = (float)affine[c + i];
    }
    adi_free(l->net->allocator, affine);
    return p->weight && p->bias ? AD_OK : adi_fail_memory();
}

/* Take the one or two parameters of an op that have the same layout in a file and in kernels. */
static ad_status take_plain(adi_loader *l, int32_t index)
{
    const adi_allocator *a = l->net->allocator;
    const adi_node *node = &l->net->graph->nodes[index];
    adi_params *p = &l->net->params[index];
    const float *raw[4];
    float *block = NULL, **const out[2] = {&p->weight, &p->bias};
    ad_status status = read_params(l, index, &block, raw);
    for (int32_t i = 0; status == AD_OK && i < node->op->params; i++) {
        const int64_t count = adi_loader_param(l, index, i)->count;
        if (node->op->check_param)
            ADI_TRY_CLEANUP(node->op->check_param(node->name, i, raw[i], count));
        *out[i] = adi_alloc(a, (size_t)count * sizeof(float));
        if (!*out[i])
            ADI_TRY_CLEANUP(adi_fail_memory());
        memcpy(*out[i], raw[i], (size_t)count * sizeof(float));
    }
cleanup:
    adi_free(a, block);
    return status;
}

static ad_status take_node(adi_loader *l, int32_t index)
{
    const adi_op *op = l->net->graph->nodes[index].op;
    if (op->statistics)
        return take_batchnorm(l, index);
    return op->layout == ADI_WEIGHT_PLAIN ? take_plain(l, index) : take_convolution(l, index);
}

/* Treat what the taps do not need as absent. */
static void leave_out(adi_loader *l, const int32_t *taps, int32_t tap_count, uint8_t *needed)
{
    adi_network_needed(l->net->graph, taps, tap_count, needed);
    for (int32_t i = 0; i < l->net->graph->node_count; i++)
        l->net->params[i].present = l->net->params[i].present && needed[i];
}

static void mark_missing(adi_loader *l, uint8_t *needed)
{
    adi_graph *g = l->net->graph;
    for (int32_t t = 0; t < g->tap_count; t++) {
        adi_network_needed(g, &t, 1, needed);
        for (int32_t i = 0; i < g->node_count; i++)
            g->taps[t].missing |= needed[i] && !l->net->params[i].present;
    }
}

static ad_status take_weights(adi_loader *l)
{
    const adi_graph *g = l->net->graph;
    for (int32_t i = 0; i < g->node_count; i++)
        adi_node_digest(&g->nodes[i], &l->net->params[i].digest);
    for (int32_t i = 0; i < g->node_count; i++) {
        const adi_params *p = &l->net->params[i];
        if (!g->nodes[i].op->params || !p->present || p->folded)
            continue;
        ADI_TRY(take_node(l, i));
    }
    return AD_OK;
}

/* taps: NULL for all that there are. */
static ad_status create(adi_graph *graph, const adi_safetensors *file, const char *prefix,
                        int32_t with_weights, const int32_t *taps, int32_t tap_count,
                        int32_t *out_fitted, adi_network **out_network)
{
    const adi_allocator *a = graph->allocator;
    adi_network *net = adi_calloc(a, 1, sizeof *net);
    if (!net) {
        adi_graph_destroy(graph);
        return adi_fail_memory();
    }
    *net = (adi_network){.allocator = a, .graph = graph};
    const size_t nodes = (size_t)graph->node_count;
    net->params = adi_calloc(a, nodes, sizeof *net->params);
    adi_loader l = {.net = net, .file = file};
    l.tensors = adi_calloc(a, nodes * ADI_OP_MAX_PARAMS, sizeof *l.tensors);
    l.used = adi_calloc(a, (size_t)adi_st_count(file), 1);
    l.found = adi_calloc(a, 3 * nodes, 1);
    l.only_user = adi_calloc(a, nodes, sizeof *l.only_user);
    ad_status status = net->params && l.tensors && l.used && l.found && l.only_user
                           ? adi_weights_find(&l, prefix, l.found + nodes, l.found + 2 * nodes)
                           : adi_fail_memory();
    if (status == AD_OK && taps)
        leave_out(&l, taps, tap_count, l.found + nodes);
    if (status == AD_OK && with_weights)
        status = take_weights(&l);
    if (status == AD_OK)
        mark_missing(&l, l.found + nodes);
    if (status == AD_OK && with_weights)
        status = adi_packed_pool_create(a, &net->packed);
    if (out_fitted)
        *out_fitted = l.fitted;
    adi_free(a, l.tensors);
    adi_free(a, l.used);
    adi_free(a, l.found);
    adi_free(a, l.only_user);
    if (status == AD_OK)
        *out_network = net;
    else
        adi_network_destroy(net);
    return status;
}

ad_status adi_network_create(adi_graph *graph, const adi_safetensors *file, const char *prefix,
                             adi_network **out_network)
{
    *out_network = NULL;
    return create(graph, file, prefix, 1, NULL, 0, NULL, out_network);
}

ad_status adi_network_create_part(adi_graph *graph, const adi_safetensors *file, const char *prefix,
                                  const int32_t *taps, int32_t tap_count, adi_network **out_network)
{
    *out_network = NULL;
    return create(graph, file, prefix, 1, taps, tap_count, NULL, out_network);
}

ad_status adi_network_examine(adi_graph *graph, const adi_safetensors *file, const char *prefix,
                              adi_dialect *out_dialect, int32_t *out_fitted)
{
    adi_network *net = NULL;
    *out_fitted = 0;
    ADI_TRY(create(graph, file, prefix, 0, NULL, 0, out_fitted, &net));
    *out_dialect = net->dialect;
    adi_network_destroy(net);
    return AD_OK;
}
