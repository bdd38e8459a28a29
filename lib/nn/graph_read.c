/* The text form of a graph, one statement a line, '#' begins a comment:
 *
 *     network resnet18
 *     input_size 224
 *     mean 0.485 0.456 0.406
 *     std 0.229 0.224 0.225
 *     hint gaussian.layers maxpool,layer1,layer2,layer3
 *     padding same_dynamic                 what pad=same means below; see ad_padding
 *     eps 1e-3                             of every batchnorm below that does not say its own
 *     input image : channels=3
 *     conv2d layer1.0.conv1 <- maxpool : out=64 kernel=3 pad=1
 *     tap layer1 <- layer1.1.relu2
 *
 * A network of several inputs has them all first, input b : channels=64 scale=2 with twice the
 * first one's side. A network that takes features has no input_size, mean and std:
 * adi_graph_check_image() asks for them. A node names earlier nodes only, so a graph has no cycles.
 * The text may come from a scorer file that somebody else made: every count, number and name is
 * checked here, and nothing later needs to. */
#include "nn/graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/number.h"

enum { MAX_WORDS = 24 };

typedef struct line {
    int32_t number;
    int32_t count;
    char *words[MAX_WORDS];
} line;

static ad_status bad(const line *l, const char *what, const char *word)
{
    return adi_fail(AD_ERR_FORMAT, "graph line %d: %s '%s'", l->number, what, word);
}

static ad_status split(char *text, line *l)
{
    l->count = 0;
    char *save = NULL;
    for (char *w = strtok_r(text, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
        if (*w == '#')
            break;
        if (l->count == MAX_WORDS)
            return bad(l, "too many words, at", w);
        l->words[l->count++] = w;
    }
    return AD_OK;
}

static ad_status check_name(const line *l, const char *name)
{
    if (strlen(name) > ADI_GRAPH_MAX_NAME)
        return adi_fail(AD_ERR_FORMAT, "graph line %d: a name of %zu characters, at most %d",
                        l->number, strlen(name), ADI_GRAPH_MAX_NAME);
    for (const char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c))
            return bad(l, "letters, digits, '.', '_' and '-' make a name, not", name);
    return AD_OK;
}

static ad_status parse_int(const line *l, const char *text, long low, long high, int32_t *out)
{
    char *end;
    const long v = strtol(text, &end, 10);
    if (end == text || *end || v < low || v > high)
        return adi_fail(AD_ERR_FORMAT, "graph line %d: '%s' is not a whole number from %ld to %ld",
                        l->number, text, low, high);
    *out = (int32_t)v;
    return AD_OK;
}

static ad_status parse_real(const line *l, const char *text, double low, double high, double *out)
{
    char *end;
    const double v = adi_strtod(text, &end);
    if (end == text || *end || !(v >= low && v <= high))
        return adi_fail(AD_ERR_FORMAT, "graph line %d: '%s' is not a number from %g to %g",
                        l->number, text, low, high);
    *out = v;
    return AD_OK;
}

static ad_status parse_triple(const line *l, double low, float *out)
{
    if (l->count != 4)
        return bad(l, "three numbers must follow", l->words[0]);
    for (int i = 0; i < 3; i++) {
        double v = 0.0;
        ADI_TRY(parse_real(l, l->words[1 + i], low, 1e6, &v));
        out[i] = (float)v;
    }
    return AD_OK;
}

/* Parse KEY=VALUE and mark the attribute in `seen`, a byte for each. */
static ad_status parse_attr(const line *l, char *word, adi_attrs *attrs, uint8_t *seen)
{
    char *value = strchr(word, '=');
    if (!value)
        return bad(l, "an attribute reads key=value, not", word);
    *value++ = '\0';
    const adi_attr attr = adi_attr_find(word);
    if (attr == ADI_ATTR_NONE)
        return bad(l, "no such attribute:", word);
    const adi_attr_row *row = &adi_attr_rows[attr];
    void *const out = (char *)attrs + row->offset;
    if (row->kind == ADI_ATTR_REAL)
        ADI_TRY(parse_real(l, value, row->low, row->high, out));
    else if (row->kind == ADI_ATTR_PADDING && strcmp(value, "same") == 0)
        *(int32_t *)out = ADI_PAD_SAME;
    else
        ADI_TRY(parse_int(l, value, (long)row->low, (long)row->high, out));
    if (seen[attr])
        return bad(l, "attribute given twice:", word);
    if (attr == ADI_ATTR_PAD)
        attrs->pad_after = attrs->pad;
    seen[attr] = 1;
    return AD_OK;
}

static int is_listed(const uint8_t list[ADI_OP_MAX_ATTRS], int32_t attr)
{
    for (int32_t i = 0; i < ADI_OP_MAX_ATTRS; i++)
        if (list[i] == attr)
            return 1;
    return 0;
}

static ad_status check_attrs(const line *l, const adi_node *node, const uint8_t *seen)
{
    const adi_op *op = node->op;
    for (int32_t i = 0; i < ADI_OP_MAX_ATTRS; i++)
        if (op->required[i] && !seen[op->required[i]])
            return bad(l, "an attribute is missing for op", op->name);
    for (int32_t i = ADI_ATTR_NONE + 1; i < ADI_ATTR_COUNT; i++)
        if (seen[i] && !is_listed(op->required, i) && !is_listed(op->optional, i))
            return bad(l, "an attribute does not belong to op", op->name);
    if (node->attrs.kernel && node->attrs.pad >= node->attrs.kernel && node->attrs.pad > 0)
        return adi_fail(AD_ERR_FORMAT, "graph line %d: pad %d is not smaller than kernel %d",
                        l->number, node->attrs.pad, node->attrs.kernel);
    if (!op->pad_same && node->attrs.pad == ADI_PAD_SAME)
        return bad(l, "pad=same says nothing to op", op->name);
    return AD_OK;
}

/* Find the input and output channels of a node. Sizes are only known once there is an input. */
static ad_status find_channels(const adi_graph *g, const line *l, int32_t inputs, adi_node *node)
{
    node->in_channels = inputs ? g->nodes[node->input[0]].out_channels : node->attrs.channels;
    node->out_channels = node->attrs.out ? node->attrs.out : node->in_channels;
    const int64_t second = inputs == 2 ? g->nodes[node->input[1]].out_channels : 0;
    if (node->op->channels) {
        node->out_channels = node->op->channels(&node->attrs, node->in_channels, second);
        const int32_t groups = node->attrs.groups ? node->attrs.groups : 1;
        if (!node->out_channels && (node->in_channels % groups || node->attrs.out % groups))
            return adi_fail(AD_ERR_FORMAT,
                            "graph line %d: '%s': %d groups do not divide %lld%s%.0d channels",
                            l->number, node->name, groups, (long long)node->in_channels,
                            node->attrs.out ? " and " : "", node->attrs.out);
        if (!node->out_channels)
            return adi_fail(AD_ERR_FORMAT, "graph line %d: '%s' is not for %lld%s%.0lld channels",
                            l->number, node->name, (long long)node->in_channels,
                            inputs == 2 ? " and " : "", (long long)second);
    } else if (node->op->joins)
        node->out_channels += second;
    else if (inputs == 2 && second != node->in_channels)
        return adi_fail(AD_ERR_FORMAT, "graph line %d: '%s' joins %lld and %lld channels",
                        l->number, node->name, (long long)node->in_channels, (long long)second);
    if (node->out_channels > ADI_MAX_CHANNELS)
        return adi_fail(AD_ERR_FORMAT, "graph line %d: '%s' has %lld channels, at most %d",
                        l->number, node->name, (long long)node->out_channels, ADI_MAX_CHANNELS);
    return AD_OK;
}

/* Check that inputs come first, and that all but the first have a scale. */
static ad_status check_input(const adi_graph *g, const line *l, const adi_node *node)
{
    if (g->node_count > g->input_count)
        return bad(l, "inputs come before all other nodes, not", node->name);
    if (g->input_count == ADI_GRAPH_MAX_INPUTS)
        return bad(l, "too many inputs, at", node->name);
    if (!node->attrs.scale != !g->input_count)
        return bad(l, "all inputs but the first have a scale, unlike", node->name);
    return AD_OK;
}

/* OP NAME [<- INPUT...] [: KEY=VALUE...] */
static ad_status parse_node(adi_graph *g, const line *l, const adi_op *op)
{
    if (l->count < 2)
        return bad(l, "a name must follow", l->words[0]);
    adi_node node = {.name = l->words[1], .op = op, .attrs = {.stride = 1, .eps = 1e-5}};
    if (op->statistics && g->eps > 0.0)
        node.attrs.eps = g->eps;
    ADI_TRY(check_name(l, node.name));
    if (adi_graph_find_node(g, node.name) >= 0)
        return bad(l, "node defined twice:", node.name);
    int32_t at = 2, inputs = 0;
    if (at < l->count && strcmp(l->words[at], "<-") == 0)
        for (at++; at < l->count && strcmp(l->words[at], ":") != 0; at++) {
            if (inputs == op->inputs)
                return bad(l, "too many inputs for op", op->name);
            node.input[inputs] = adi_graph_find_node(g, l->words[at]);
            if (node.input[inputs++] < 0)
                return bad(l, "no earlier node is named", l->words[at]);
        }
    if (inputs != op->inputs)
        return adi_fail(AD_ERR_FORMAT, "graph line %d: op '%s' takes %d inputs, got %d", l->number,
                        op->name, op->inputs, inputs);
    uint8_t seen[ADI_ATTR_COUNT] = {0};
    if (at < l->count) {
        if (strcmp(l->words[at], ":") != 0)
            return bad(l, "expected ':' before", l->words[at]);
        for (at++; at < l->count; at++)
            ADI_TRY(parse_attr(l, l->words[at], &node.attrs, seen));
    }
    ADI_TRY(check_attrs(l, &node, seen));
    if (adi_op_is_input(op))
        ADI_TRY(check_input(g, l, &node));
    ADI_TRY(find_channels(g, l, inputs, &node));
    node.nominal = inputs ? g->nodes[node.input[0]].nominal : g->input_size;
    adi_padding_resolve(g, &node);
    if (g->node_count == ADI_GRAPH_MAX_NODES)
        return bad(l, "too many nodes, at", node.name);
    adi_node *nodes = adi_grow(g->allocator, g->nodes, &g->node_capacity, (size_t)g->node_count + 1,
                               sizeof *nodes);
    if (!nodes)
        return adi_fail_memory();
    g->nodes = nodes;
    g->nodes[g->node_count++] = node;
    g->input_count += adi_op_is_input(op);
    return AD_OK;
}

/* tap NAME <- NODE */
static ad_status parse_tap(adi_graph *g, const line *l)
{
    if (l->count != 4 || strcmp(l->words[2], "<-") != 0)
        return bad(l, "a tap reads 'tap NAME <- NODE', near", l->words[l->count - 1]);
    const adi_tap tap = {.name = l->words[1], .node = adi_graph_find_node(g, l->words[3])};
    ADI_TRY(check_name(l, tap.name));
    if (tap.node < 0)
        return bad(l, "no earlier node is named", l->words[3]);
    if (tap.node < g->input_count)
        return bad(l, "the input cannot be a tap:", tap.name);
    if (adi_graph_find_tap(g, tap.name) >= 0)
        return bad(l, "tap defined twice:", tap.name);
    if (g->tap_count == ADI_GRAPH_MAX_TAPS)
        return bad(l, "too many taps, at", tap.name);
    adi_tap *taps = adi_grow(g->allocator, g->taps, &g->tap_capacity, (size_t)g->tap_count + 1,
                             sizeof *taps);
    if (!taps)
        return adi_fail_memory();
    g->taps = taps;
    g->taps[g->tap_count++] = tap;
    return AD_OK;
}

/* padding WORD: before the nodes, which it tells how to read */
static ad_status parse_padding(adi_graph *g, const line *l)
{
    if (l->count != 2 || g->padding != AD_PADDING_AUTO)
        return bad(l, "one word must follow, once:", l->words[0]);
    g->padding = adi_padding_find(l->words[1]);
    if (g->padding <= AD_PADDING_AUTO)
        return adi_fail(AD_ERR_FORMAT, "graph line %d: padding '%s' is none of %s", l->number,
                        l->words[1], adi_padding_words());
    if (g->node_count || !g->input_size)
        return bad(l, "input_size comes before it and the nodes after it:", l->words[0]);
    return AD_OK;
}

/* eps NUMBER: before the nodes, too */
static ad_status parse_eps(adi_graph *g, const line *l)
{
    if (l->count != 2 || g->eps > 0.0 || g->node_count)
        return bad(l, "one number must follow, once and before the nodes:", l->words[0]);
    return parse_real(l, l->words[1], 1e-12, 1.0, &g->eps);
}

/* hint KEY VALUE */
static ad_status parse_hint(adi_graph *g, const line *l)
{
    if (l->count != 3)
        return bad(l, "a hint reads 'hint KEY VALUE', near", l->words[l->count - 1]);
    if (g->hint_count == ADI_GRAPH_MAX_HINTS)
        return bad(l, "too many hints, at", l->words[1]);
    adi_hint *hints = adi_grow(g->allocator, g->hints, &g->hint_capacity, (size_t)g->hint_count + 1,
                               sizeof *hints);
    if (!hints)
        return adi_fail_memory();
    g->hints = hints;
    g->hints[g->hint_count++] = (adi_hint){l->words[1], l->words[2]};
    return AD_OK;
}

static ad_status parse_line(adi_graph *g, const line *l)
{
    const char *word = l->words[0];
    if (strcmp(word, "network") == 0) {
        if (l->count != 2 || g->name)
            return bad(l, "one 'network NAME' line, not", word);
        g->name = l->words[1];
        return check_name(l, g->name);
    }
    if (strcmp(word, "input_size") == 0) {
        if (l->count != 2)
            return bad(l, "one number must follow", word);
        return parse_int(l, l->words[1], 1, 4096, &g->input_size);
    }
    if (strcmp(word, "mean") == 0) {
        g->has_mean = 1;
        return parse_triple(l, -1e6, g->mean);
    }
    if (strcmp(word, "std") == 0)
        return parse_triple(l, 1e-6, g->std);
    if (strcmp(word, "padding") == 0)
        return parse_padding(g, l);
    if (strcmp(word, "eps") == 0)
        return parse_eps(g, l);
    if (strcmp(word, "hint") == 0)
        return parse_hint(g, l);
    if (strcmp(word, "tap") == 0)
        return parse_tap(g, l);
    const adi_op *op = adi_op_find(word);
    return op ? parse_node(g, l, op) : bad(l, "no such op:", word);
}

static ad_status lines_are_needed(void)
{
    return adi_fail(AD_ERR_FORMAT, "graph: network, input_size, mean and std lines are needed");
}

static ad_status parse_lines(adi_graph *g)
{
    line l = {0};
    for (char *text = g->words; text;) {
        char *next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        l.number++;
        ADI_TRY(split(text, &l));
        if (l.count)
            ADI_TRY(parse_line(g, &l));
        text = next;
    }
    if (!g->name)
        return lines_are_needed();
    if (!g->tap_count)
        return adi_fail(AD_ERR_FORMAT, "graph '%s' has no tap", g->name);
    return AD_OK;
}

ad_status adi_graph_check_image(const adi_graph *g)
{
    if (!g->input_size || !g->has_mean || g->std[0] == 0.0f)
        return lines_are_needed();
    if (g->input_count != 1)
        return adi_fail(AD_ERR_FORMAT, "graph '%s' has %d inputs, an image is one", g->name,
                        g->input_count);
    if (g->nodes[0].out_channels != 3)
        return adi_fail(AD_ERR_FORMAT, "graph '%s': the input has %lld channels, images have 3",
                        g->name, (long long)g->nodes[0].out_channels);
    return AD_OK;
}

ad_status adi_graph_read(const adi_allocator *a, const char *text, size_t length,
                         adi_graph **out_graph)
{
    *out_graph = NULL;
    if (length > ADI_GRAPH_MAX_TEXT)
        return adi_fail(AD_ERR_FORMAT, "graph: %zu bytes of text, at most %d", length,
                        ADI_GRAPH_MAX_TEXT);
    if (memchr(text, '\0', length))
        return adi_fail(AD_ERR_FORMAT, "graph: the text holds a NUL byte");
    adi_graph *g = adi_calloc(a, 1, sizeof *g);
    if (!g)
        return adi_fail_memory();
    g->allocator = a;
    g->text = adi_alloc(a, length + 1);
    g->words = adi_alloc(a, length + 1);
    ad_status status = AD_OK;
    if (!g->text || !g->words) {
        status = adi_fail_memory();
        goto cleanup;
    }
    memcpy(g->text, text, length);
    g->text[length] = '\0';
    memcpy(g->words, g->text, length + 1);
    ADI_TRY_CLEANUP(parse_lines(g));
    *out_graph = g;
    return AD_OK;
cleanup:
    adi_graph_destroy(g);
    return status;
}
