/* From a weights file to a network: finds the tensors under the names that state dicts use, checks
 * every shape, tells a file that ends early from a damaged one, folds batch norm, takes the digest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "nn/network.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weights and scorer files are little-endian and read in place"
#endif

static const char *const usual_prefixes[] = {"",          "module.",  "model.",
                                             "backbone.", "encoder.", "feature_extractor."};

typedef struct loader {
    adi_network *net;
    const adi_safetensors *file;
    const char *prefix;
    const adi_st_tensor **tensors; /* per node and parameter: NULL where the file has none */
    uint8_t *used;      /* per tensor of the file */
    uint8_t *found;     /* per node: the file has at least one of its tensors */
    int32_t *only_user; /* per node: its only consumer, -1 none, -2 several or tapped */
} loader;

/* The name that parameter `index` of a node has in the file, for looking up and for sentences. */
static const char *param_name(const loader *l, adi_dialect dialect, const char *prefix, int32_t node,
                              int32_t index, char *out)
{
    const int n = snprintf(out, ADI_ST_MAX_NAME + 1, "%s", prefix);
    const adi_graph *g = l->net->graph;
    if (n < 0 || n > ADI_ST_MAX_NAME
        || !adi_dialect_name(dialect, g, node, g->nodes[node].op->param[index].suffix, out + n,
                             (size_t)(ADI_ST_MAX_NAME + 1 - n)))
        return NULL;
    return out;
}

static const adi_st_tensor *param(const loader *l, int32_t node, int32_t index)
{
    return l->tensors[node * ADI_OP_MAX_PARAMS + index];
}

static int same_shape(const adi_st_tensor *a, const adi_st_tensor *b)
{
    return a->ndim == b->ndim && memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0;
}

/* Whose names the file uses and what stands before them, told by the first parameter. Where that is there
 * twice there are two networks, and taking either would be a guess. */
static ad_status choose_names(loader *l, const char *asked)
{
    const adi_graph *g = l->net->graph;
    int32_t first = 0;
    char name[ADI_ST_MAX_NAME + 1];
    const adi_st_tensor *chosen = NULL;
    while (first < g->node_count && !g->nodes[first].op->params)
        first++;
    if (first == g->node_count)
        return adi_fail(AD_ERR_FORMAT, "graph '%s' has no weights", g->name);
    const size_t prefixes = asked ? 1 : sizeof usual_prefixes / sizeof *usual_prefixes;
    for (size_t i = 0; i < prefixes; i++)
        for (int32_t d = 0; d < ADI_DIALECTS; d++) {
            const char *prefix = asked ? asked : usual_prefixes[i];
            const adi_st_tensor *t = param_name(l, (adi_dialect)d, prefix, first, 0, name)
                                         ? adi_st_find(l->file, name)
                                         : NULL;
            if (t && chosen && same_shape(t, chosen))
                return adi_fail(AD_ERR_MISMATCH, "the weights hold both '%s' and '%s': %s is needed",
                                chosen->name, t->name, strcmp(l->prefix, prefix) ? "a prefix" : "one network");
            if (!t || chosen)
                continue;
            chosen = t;
            l->prefix = prefix;
            l->net->dialect = (adi_dialect)d;
        }
    if (chosen)
        return AD_OK;
    if (asked)
        return adi_fail(AD_ERR_MISMATCH, "the weights hold no tensor '%s%s.%s' that %s begins with",
                        asked, g->nodes[first].name, g->nodes[first].op->param[0].suffix, g->name);
    return adi_fail(AD_ERR_MISMATCH,
                    "the weights hold no tensor '%s.%s', with or without a usual prefix: not %s",
                    g->nodes[first].name, g->nodes[first].op->param[0].suffix, g->name);
}

/* Who reads each node: a convolution can take a batch norm in only if nobody else sees its result. */
static void find_users(loader *l)
{
    const adi_graph *g = l->net->graph;
    for (int32_t i = 0; i < g->node_count; i++)
        l->only_user[i] = -1;
    for (int32_t i = 0; i < g->node_count; i++)
        for (int32_t j = 0; j < g->nodes[i].op->inputs; j++) {
            int32_t *user = &l->only_user[g->nodes[i].input[j]];
            *user = *user == -1 ? i : -2;
        }
    for (int32_t i = 0; i < g->tap_count; i++)
        l->only_user[g->taps[i].node] = -2;
}

/* That a batch norm can be folded into. */
static int is_convolution(const adi_node *node)
{
    return node->op == &adi_op_conv2d || node->op == &adi_op_dwconv2d || node->op == &adi_op_deconv2d;
}

/* The convolution that a batch norm can be folded into, or -1. */
static int32_t foldable_into(const loader *l, int32_t node)
{
    const adi_graph *g = l->net->graph;
    const int32_t before = g->nodes[node].input[0];
    if (g->nodes[node].op != &adi_op_batchnorm || !is_convolution(&g->nodes[before]))
        return -1;
    return l->only_user[before] == node ? before : -1;
}

static ad_status check_shape(const loader *l, const adi_node *node, int32_t index,
                             const adi_st_tensor *t)
{
    int64_t want[ADI_ST_MAX_DIMS];
    const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, index, want);
    return adi_st_check_shape(t, want, dims, l->net->graph->name);
}

/* Find every parameter in the file and check its shape. */
static ad_status bind_tensors(loader *l)
{
    const adi_graph *g = l->net->graph;
    char name[ADI_ST_MAX_NAME + 1];
    for (int32_t i = 0; i < g->node_count; i++)
        for (int32_t j = 0; j < g->nodes[i].op->params; j++) {
            const adi_st_tensor *t = param_name(l, l->net->dialect, l->prefix, i, j, name)
                                         ? adi_st_find(l->file, name)
                                         : NULL;
            if (!t)
                continue;
            ADI_TRY(check_shape(l, &g->nodes[i], j, t));
            l->tensors[i * ADI_OP_MAX_PARAMS + j] = t;
            l->found[i] = 1;
            l->used[t - adi_st_at(l->file, 0)] = 1;
        }
    return AD_OK;
}

/* Read a node's parameters as float32 into one block; raw[i] is NULL where optional and absent. */
static ad_status read_params(loader *l, int32_t index, float **out_block, const float *raw[4])
{
    const adi_node *node = &l->net->graph->nodes[index];
    size_t total = 0;
    *out_block = NULL;
    for (int32_t i = 0; i < node->op->params; i++)
        total += param(l, index, i) ? (size_t)param(l, index, i)->count : 0;
    float *block = adi_alloc(l->net->allocator, total * sizeof *block);
    if (!block)
        return adi_fail_memory();
    *out_block = block;
    for (int32_t i = 0; i < node->op->params; i++) {
        const adi_st_tensor *t = param(l, index, i);
        raw[i] = NULL;
        if (!t)
            continue;
        ADI_TRY(adi_st_read_f32(l->file, t, block));
        adi_digest_bytes(&l->net->params[index].digest, block, (size_t)t->count * sizeof *block);
        raw[i] = block;
        block += t->count;
        if (i < 2) /* running statistics are not parameters */
            l->net->parameter_count += t->count;
    }
    return AD_OK;
}

/* Scale and shift of the batch norm that follows a convolution; NULL where it is not in the file. */
static ad_status read_affine(loader *l, int32_t bn, double **out_affine)
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

static ad_status take_convolution(loader *l, int32_t index)
{
    const adi_allocator *a = l->net->allocator;
    const adi_node *node = &l->net->graph->nodes[index];
    adi_params *p = &l->net->params[index];
    const int32_t bn = l->only_user[index] >= 0 && foldable_into(l, l->only_user[index]) == index
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
    adi_fold_weight(p->weight, raw[0], shape, node->op == &adi_op_dwconv2d, node->op == &adi_op_deconv2d ? NULL : affine);
    if (affine && node->op == &adi_op_deconv2d)
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

static ad_status take_batchnorm(loader *l, int32_t index)
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

/* An op whose parameters, one or two, are taken as they are. */
static ad_status take_plain(loader *l, int32_t index)
{
    const adi_allocator *a = l->net->allocator;
    const adi_node *node = &l->net->graph->nodes[index];
    adi_params *p = &l->net->params[index];
    const float *raw[4];
    float *block = NULL, **const out[2] = {&p->weight, &p->bias};
    ad_status status = read_params(l, index, &block, raw);
    for (int32_t i = 0; status == AD_OK && i < node->op->params; i++) {
        const int64_t count = param(l, index, i)->count;
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

static ad_status take_node(loader *l, int32_t index)
{
    const adi_op *op = l->net->graph->nodes[index].op;
    if (adi_op_is_plain(op))
        return take_plain(l, index);
    return op == &adi_op_batchnorm ? take_batchnorm(l, index) : take_convolution(l, index);
}

/* The first parameter of a node that is needed and not there; -1 where nothing is missing. */
static int32_t missing_param(const loader *l, int32_t index)
{
    const adi_node *node = &l->net->graph->nodes[index];
    const int32_t conv = foldable_into(l, index);
    /* Folded in the file: the convolution has a bias and the batch norm is gone. A convolution that has a bias of
     * its own tells nothing; then only a scorer, whose backbones are always folded, is believed. */
    if (conv >= 0 && !l->found[index] && param(l, conv, 1)
        && (!l->net->graph->nodes[conv].attrs.bias || adi_st_meta(l->file, "adfeat.embedded")))
        return -1;
    for (int32_t i = 0; i < node->op->params; i++)
        if (adi_op_needs_param(node->op, &node->attrs, i) && !param(l, index, i))
            return i;
    return -1;
}

/* A file may end before the deepest taps, but not in the middle of the way to one: between two taps
 * either every tensor is there or none, and nothing follows a gap. */
static ad_status check_completeness(loader *l, uint8_t *needed, uint8_t *before)
{
    const adi_graph *g = l->net->graph;
    memset(before, 0, (size_t)g->node_count);
    for (int32_t t = 0; t < g->tap_count; t++) {
        adi_network_needed(g, &t, 1, needed);
        int32_t gap = -1, has_own = 0;
        for (int32_t i = 0; i < g->node_count; i++) {
            if (!needed[i])
                continue;
            l->net->params[i].present = missing_param(l, i) < 0;
            if (!l->net->params[i].present && gap < 0)
                gap = i;
            has_own |= !before[i] && l->found[i];
            before[i] = 1;
        }
        char name[ADI_ST_MAX_NAME + 1];
        if (gap >= 0 && (has_own || t == 0))
            return adi_fail(AD_ERR_MISMATCH, "the weights hold no tensor '%s', which %s needs",
                            param_name(l, l->net->dialect, l->prefix, gap, missing_param(l, gap), name)
                                ? name
                                : g->nodes[gap].name,
                            g->name);
    }
    return AD_OK;
}

typedef struct head {
    char text[ADI_GRAPH_MAX_NAME + 1];
} head;

static int compare_heads(const void *a, const void *b)
{
    return strcmp(((const head *)a)->text, ((const head *)b)->text);
}

/* What stands before the first dot of the graph's names, sorted, each once. */
static int32_t collect_heads(const loader *l, head *heads)
{
    const adi_graph *g = l->net->graph;
    char name[ADI_ST_MAX_NAME + 1];
    int32_t count = 0;
    for (int32_t i = 0; i < g->node_count; i++) {
        if (!g->nodes[i].op->params || !param_name(l, l->net->dialect, "", i, 0, name))
            continue;
        const size_t n = strcspn(name, ".");
        if (n > ADI_GRAPH_MAX_NAME || (count && strncmp(heads[count - 1].text, name, n) == 0
                                       && !heads[count - 1].text[n]))
            continue;
        memcpy(heads[count].text, name, n);
        heads[count++].text[n] = '\0';
    }
    qsort(heads, (size_t)count, sizeof *heads, compare_heads);
    return count;
}

/* A deeper network of the same family has all our names and more: take it for what it is. */
static ad_status refuse_strangers(const loader *l)
{
    const adi_allocator *a = l->net->allocator;
    const size_t skip = strlen(l->prefix);
    head *heads = adi_alloc(a, (size_t)l->net->graph->node_count * sizeof *heads);
    if (!heads)
        return adi_fail_memory();
    const int32_t count = collect_heads(l, heads);
    ad_status status = AD_OK;
    for (int32_t t = 0; t < adi_st_count(l->file) && status == AD_OK; t++) {
        const char *name = adi_st_at(l->file, t)->name;
        if (l->used[t] || strncmp(name, l->prefix, skip) != 0)
            continue;
        const char *dot = strrchr(name, '.');
        const size_t n = strcspn(name + skip, ".");
        if ((dot && strcmp(dot, ".num_batches_tracked") == 0) || n > ADI_GRAPH_MAX_NAME)
            continue;
        head key;
        memcpy(key.text, name + skip, n);
        key.text[n] = '\0';
        if (bsearch(&key, heads, (size_t)count, sizeof *heads, compare_heads))
            status = adi_fail(AD_ERR_MISMATCH, "the weights hold '%s', which %s does not have", name,
                              l->net->graph->name);
    }
    adi_free(a, heads);
    return status;
}

/* Everything that tells whether the file is this network, and nothing that takes long. */
static ad_status examine(loader *l, const char *prefix, uint8_t *needed, uint8_t *before)
{
    const adi_graph *g = l->net->graph;
    const char *made_for = adi_st_meta(l->file, "architecture");
    if (made_for && strcmp(made_for, g->name) != 0)
        return adi_fail(AD_ERR_MISMATCH, "the weights are of architecture '%s', not '%s'", made_for,
                        g->name);
    ADI_TRY(choose_names(l, prefix));
    find_users(l);
    ADI_TRY(bind_tensors(l));
    ADI_TRY(check_completeness(l, needed, before));
    return refuse_strangers(l);
}

/* What the taps do not need is as good as not there. */
static void leave_out(loader *l, const int32_t *taps, int32_t tap_count, uint8_t *needed)
{
    adi_network_needed(l->net->graph, taps, tap_count, needed);
    for (int32_t i = 0; i < l->net->graph->node_count; i++)
        l->net->params[i].present = l->net->params[i].present && needed[i];
}

static ad_status take_weights(loader *l)
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
static ad_status create(adi_graph *graph, const adi_safetensors *file, const char *prefix, int32_t with_weights,
                        const int32_t *taps, int32_t tap_count, adi_network **out_network)
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
    loader l = {.net = net, .file = file};
    l.tensors = adi_calloc(a, nodes * ADI_OP_MAX_PARAMS, sizeof *l.tensors);
    l.used = adi_calloc(a, (size_t)adi_st_count(file), 1);
    l.found = adi_calloc(a, 3 * nodes, 1);
    l.only_user = adi_calloc(a, nodes, sizeof *l.only_user);
    ad_status status = net->params && l.tensors && l.used && l.found && l.only_user
                           ? examine(&l, prefix, l.found + nodes, l.found + 2 * nodes)
                           : adi_fail_memory();
    if (status == AD_OK && taps)
        leave_out(&l, taps, tap_count, l.found + nodes);
    if (status == AD_OK && with_weights)
        status = take_weights(&l);
    if (status == AD_OK && with_weights)
        status = adi_packed_pool_create(a, &net->packed);
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
    return create(graph, file, prefix, 1, NULL, 0, out_network);
}

ad_status adi_network_create_part(adi_graph *graph, const adi_safetensors *file, const char *prefix,
                                  const int32_t *taps, int32_t tap_count, adi_network **out_network)
{
    *out_network = NULL;
    return create(graph, file, prefix, 1, taps, tap_count, out_network);
}

ad_status adi_network_examine(adi_graph *graph, const adi_safetensors *file, const char *prefix,
                              adi_dialect *out_dialect)
{
    adi_network *net = NULL;
    ADI_TRY(create(graph, file, prefix, 0, NULL, 0, &net));
    *out_dialect = net->dialect;
    adi_network_destroy(net);
    return AD_OK;
}
