/* Finding a network in a weights file: its tensors under the names that state dicts use, behind any
 * prefix; checking every shape; telling a file that ends early from a damaged one. */
#include "nn/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Write the name of parameter `index` of a node in the file, for look-up and for messages. */
static const char *param_name(const adi_loader *l, adi_dialect dialect, const char *prefix,
                              int32_t node, int32_t index, char *out)
{
    const int n = snprintf(out, ADI_ST_MAX_NAME + 1, "%s", prefix);
    const adi_graph *g = l->net->graph;
    if (n < 0 || n > ADI_ST_MAX_NAME ||
        !adi_dialect_name(dialect, g, node, g->nodes[node].op->param[index].suffix, out + n,
                          (size_t)(ADI_ST_MAX_NAME + 1 - n)))
        return NULL;
    return out;
}

/* Find each node's only reader: a batch norm is folded only into a convolution that nothing else
 * reads. */
static void find_users(adi_loader *l)
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

/* Return the convolution that a batch norm can be folded into, or -1. */
int32_t adi_foldable_into(const adi_loader *l, int32_t node)
{
    const adi_graph *g = l->net->graph;
    const int32_t before = g->nodes[node].input[0];
    if (!g->nodes[node].op->statistics || !g->nodes[before].op->foldable)
        return -1;
    return l->only_user[before] == node ? before : -1;
}

static ad_status check_shape(const adi_loader *l, const adi_node *node, int32_t index,
                             const adi_st_tensor *t)
{
    int64_t want[ADI_ST_MAX_DIMS];
    const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, index, want);
    return adi_st_check_shape(t, want, dims, l->net->graph->name);
}

/* Find every parameter in the file and check its shape. All are counted; the message is about the
 * first that does not fit. */
static ad_status bind_tensors(adi_loader *l)
{
    const adi_graph *g = l->net->graph;
    char name[ADI_ST_MAX_NAME + 1];
    int32_t wrong_node = -1, wrong_param = 0;
    for (int32_t i = 0; i < g->node_count; i++)
        for (int32_t j = 0; j < g->nodes[i].op->params; j++) {
            const adi_st_tensor *t = param_name(l, l->net->dialect, l->prefix, i, j, name)
                                         ? adi_st_find(l->file, name)
                                         : NULL;
            if (!t)
                continue;
            const int fits = check_shape(l, &g->nodes[i], j, t) == AD_OK;
            if (!fits && wrong_node < 0) {
                wrong_node = i;
                wrong_param = j;
            }
            l->tensors[i * ADI_OP_MAX_PARAMS + j] = t;
            l->found[i] = 1;
            l->used[t - adi_st_at(l->file, 0)] = 1;
            l->fitted += fits;
        }
    return wrong_node < 0 ? AD_OK
                          : check_shape(l, &g->nodes[wrong_node], wrong_param,
                                        adi_loader_param(l, wrong_node, wrong_param));
}

/* Return the first parameter of a node that is required and missing, or -1. */
static int32_t missing_param(const adi_loader *l, int32_t index)
{
    const adi_node *node = &l->net->graph->nodes[index];
    const int32_t conv = adi_foldable_into(l, index);
    /* Folded in the file: the convolution has a bias and the batch norm is gone. A convolution that
     * has a bias of its own tells nothing; then only a scorer, whose backbones are always folded,
     * is believed. */
    if (conv >= 0 && !l->found[index] && adi_loader_param(l, conv, 1) &&
        (!l->net->graph->nodes[conv].attrs.bias || adi_st_meta(l->file, "adfeat.embedded")))
        return -1;
    for (int32_t i = 0; i < node->op->params; i++)
        if (adi_op_needs_param(node->op, &node->attrs, i) && !adi_loader_param(l, index, i))
            return i;
    return -1;
}

/* A file may end before the deepest taps, but not in the middle of the way to one: between two taps
 * either every tensor is there or none, and nothing follows a gap. */
static ad_status check_completeness(adi_loader *l, uint8_t *needed, uint8_t *before)
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
            return adi_fail(
                AD_ERR_MISMATCH, "the weights hold no tensor '%s', which %s needs",
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

/* Collect what precedes the first dot in the graph's names, sorted, each once. */
static int32_t collect_heads(const adi_loader *l, head *heads)
{
    const adi_graph *g = l->net->graph;
    char name[ADI_ST_MAX_NAME + 1];
    int32_t count = 0;
    for (int32_t i = 0; i < g->node_count; i++) {
        if (!g->nodes[i].op->params || !param_name(l, l->net->dialect, "", i, 0, name))
            continue;
        const size_t n = strcspn(name, ".");
        if (n > ADI_GRAPH_MAX_NAME ||
            (count && strncmp(heads[count - 1].text, name, n) == 0 && !heads[count - 1].text[n]))
            continue;
        memcpy(heads[count].text, name, n);
        heads[count++].text[n] = '\0';
    }
    qsort(heads, (size_t)count, sizeof *heads, compare_heads);
    return count;
}

/* Refuse a deeper network of the same family, which has all our names and more. */
static ad_status refuse_strangers(const adi_loader *l)
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
            status = adi_fail(AD_ERR_MISMATCH, "the weights hold '%s', which %s does not have",
                              name, l->net->graph->name);
    }
    adi_free(a, heads);
    return status;
}

/* ---- Where it is in the file ---- */

/* Networks in one file: teachers, students, copies with averaged weights. */
enum { MAX_STARTS = 16 };

/* A place where the network may begin: the dialect of its names, and how much of its first tensor's
 * name is prefix. */
typedef struct start {
    const adi_st_tensor *first;
    adi_dialect dialect;
    size_t prefix;
} start;

/* Return the length of what precedes `end` in a name that ends with it after a dot; else -1. */
static int64_t before_end(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    if (n < m || strcmp(name + n - m, end) != 0 || (n > m && name[n - m - 1] != '.'))
        return -1;
    return (int64_t)(n - m);
}

/* Find every tensor that may be the network's first: with its shape, behind any prefix or the one
 * asked for. One of another shape is taken if there is no other, so that a message can name it; but
 * not one inside a network, whose names have numbers. */
static ad_status find_starts(const adi_loader *l, const char *asked, int32_t first, start *starts,
                             int32_t *out_count)
{
    const adi_node *node = &l->net->graph->nodes[first];
    char name[ADI_ST_MAX_NAME + 1];
    start odd = {0};
    *out_count = 0;
    for (int32_t d = 0; d < ADI_DIALECTS; d++) {
        if (!param_name(l, (adi_dialect)d, "", first, 0, name))
            continue;
        for (int32_t t = 0; t < adi_st_count(l->file); t++) {
            const adi_st_tensor *tensor = adi_st_at(l->file, t);
            int64_t n = before_end(tensor->name, name);
            if (asked) {
                n = (int64_t)strlen(asked);
                if (strncmp(tensor->name, asked, (size_t)n) != 0 ||
                    strcmp(tensor->name + n, name) != 0)
                    n = -1;
            }
            if (n < 0)
                continue;
            const start found = {tensor, (adi_dialect)d, (size_t)n};
            if (check_shape(l, node, 0, tensor) != AD_OK) {
                const int within = !asked && strcspn(tensor->name, "0123456789") < found.prefix;
                odd = !within && (!odd.first || found.prefix < odd.prefix) ? found : odd;
                continue;
            }
            if (*out_count == MAX_STARTS)
                return adi_fail(AD_ERR_INVALID_ARGUMENT,
                                "the weights hold more than %d networks: the option prefix "
                                "must say which",
                                MAX_STARTS);
            starts[(*out_count)++] = found;
        }
    }
    if (!*out_count && odd.first)
        starts[(*out_count)++] = odd;
    return AD_OK;
}

/* Check whether the whole network is at this start, without reading values. */
static ad_status try_start(adi_loader *l, const start *s, uint8_t *needed, uint8_t *before)
{
    const size_t nodes = (size_t)l->net->graph->node_count;
    memset(l->tensors, 0, nodes * ADI_OP_MAX_PARAMS * sizeof *l->tensors);
    memset(l->used, 0, (size_t)adi_st_count(l->file));
    memset(l->found, 0, nodes);
    memcpy(l->prefix, s->first->name, s->prefix);
    l->prefix[s->prefix] = '\0';
    l->net->dialect = s->dialect;
    l->fitted = 0;
    ADI_TRY(bind_tensors(l));
    ADI_TRY(check_completeness(l, needed, before));
    return refuse_strangers(l);
}

/* Choose the only start of a whole network. Choosing one of two would be a guess; if there is none,
 * the one that fits best says what is wrong. */
static ad_status choose_start(adi_loader *l, const start *starts, int32_t count, uint8_t *needed,
                              uint8_t *before)
{
    int32_t best = 0, most = -1;
    const start *whole = NULL;
    for (int32_t i = 0; i < count && count > 1; i++) {
        const start *s = &starts[i];
        const ad_status status = try_start(l, s, needed, before);
        if (status == AD_ERR_OUT_OF_MEMORY)
            return status;
        if (status == AD_OK && whole && s->prefix == whole->prefix &&
            memcmp(s->first->name, whole->first->name, s->prefix) == 0)
            return adi_fail(AD_ERR_MISMATCH,
                            "the weights hold both '%s' and '%s': one network is needed",
                            whole->first->name, s->first->name);
        if (status == AD_OK && whole)
            return adi_fail(
                AD_ERR_INVALID_ARGUMENT,
                "the weights hold %s twice: the option prefix must say which, '%.*s' or '%.*s'",
                l->net->graph->name, (int)whole->prefix, whole->first->name, (int)s->prefix,
                s->first->name);
        if (status == AD_OK)
            whole = s;
        if (status == AD_OK || (!whole && l->fitted > most)) {
            best = i;
            most = l->fitted;
        }
    }
    return try_start(l, &starts[best], needed, before);
}

ad_status adi_weights_find(adi_loader *l, const char *prefix, uint8_t *needed, uint8_t *before)
{
    const adi_graph *g = l->net->graph;
    const char *made_for = adi_st_meta(l->file, "architecture");
    start starts[MAX_STARTS];
    int32_t first = 0, count = 0;
    if (made_for && strcmp(made_for, g->name) != 0)
        return adi_fail(AD_ERR_MISMATCH, "the weights are of architecture '%s', not '%s'", made_for,
                        g->name);
    while (first < g->node_count && !g->nodes[first].op->params)
        first++;
    if (first == g->node_count)
        return adi_fail(AD_ERR_FORMAT, "graph '%s' has no weights", g->name);
    find_users(l);
    ADI_TRY(find_starts(l, prefix, first, starts, &count));
    if (count > 0)
        return choose_start(l, starts, count, needed, before);
    if (prefix)
        return adi_fail(AD_ERR_MISMATCH, "the weights hold no tensor '%s%s.%s' that %s begins with",
                        prefix, g->nodes[first].name, g->nodes[first].op->param[0].suffix, g->name);
    return adi_fail(AD_ERR_MISMATCH,
                    "the weights hold no tensor '%s.%s', behind any prefix: not %s",
                    g->nodes[first].name, g->nodes[first].op->param[0].suffix, g->name);
}
