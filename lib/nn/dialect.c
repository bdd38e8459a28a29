/* The names of EfficientNet parameters in three packages. Those of torchvision count modules, so
 * they depend on what a block has; both torchvision's and timm's count blocks within a stage,
 * and a stage ends where the graph taps its level. */
#include "nn/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS "_blocks."

/* The position of a block and the parts that it has. */
typedef struct block {
    int32_t stage, place; /* the stage, from 1, and the block's place in it */
    int32_t has_expand, has_se;
} block;

/* Return the number N of "_blocks.N.part", and what follows it in *out_part; -1 if the name is of
 * another kind. N is written in one way only, so a block has each part once however a hostile graph
 * names its nodes. */
static int32_t block_number(const char *name, const char **out_part)
{
    char *end;
    if (strncmp(name, BLOCKS, sizeof BLOCKS - 1) != 0)
        return -1;
    const char *digits = name + sizeof BLOCKS - 1;
    if (*digits < '0' || *digits > '9' || (digits[0] == '0' && digits[1] != '.'))
        return -1;
    const long n = strtol(digits, &end, 10);
    if (*end != '.' || n >= ADI_GRAPH_MAX_NODES)
        return -1;
    *out_part = end + 1;
    return (int32_t)n;
}

/* Return whether a part has another name in other packages. Cheaper than block_at(), which reads
 * the whole block. */
static int is_part(const char *part)
{
    static const char *const parts[] = {"_expand_conv", "_bn0",       "_depthwise_conv", "_bn1",
                                        "_se_reduce",   "_se_expand", "_project_conv",   "_bn2"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(part, parts[i]) == 0)
            return 1;
    return 0;
}

static block block_at(const adi_graph *g, int32_t index)
{
    const char *part = "";
    const int32_t n = block_number(g->nodes[index].name, &part);
    int32_t first = index;
    while (first > 0 && block_number(g->nodes[first - 1].name, &part) == n)
        first--;
    block b = {.stage = 1, .place = n};
    for (int32_t i = first; i < g->node_count && block_number(g->nodes[i].name, &part) == n; i++) {
        b.has_expand |= strcmp(part, "_expand_conv") == 0;
        b.has_se |= strcmp(part, "_se_reduce") == 0;
    }
    for (int32_t t = 0; t < g->tap_count; t++) {
        const int32_t node = g->taps[t].node;
        if (strncmp(g->taps[t].name, "level", 5) != 0 || node >= first)
            continue;
        const int32_t last = block_number(g->nodes[node].name, &part);
        if (last < 0) /* the stem's level */
            continue;
        b.stage++;
        b.place = n - last - 1;
    }
    return b;
}

/* The part of a block in torchvision: a module index each for expand, depthwise, SE and project. */
static int32_t torchvision_part(const block *b, const char *part, char *out, size_t size)
{
    const int32_t depthwise = b->has_expand, se = depthwise + 1, project = se + b->has_se;
    const struct {
        const char *ours;
        int32_t module;
        const char *theirs;
    } map[] = {{"_expand_conv", 0, "0"},
               {"_bn0", 0, "1"},
               {"_depthwise_conv", depthwise, "0"},
               {"_bn1", depthwise, "1"},
               {"_se_reduce", se, "fc1"},
               {"_se_expand", se, "fc2"},
               {"_project_conv", project, "0"},
               {"_bn2", project, "1"}};
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (strcmp(part, map[i].ours) == 0)
            return snprintf(out, size, "features.%d.%d.block.%d.%s", b->stage, b->place,
                            map[i].module, map[i].theirs);
    return -1;
}

/* In timm a block without expansion calls its projection conv_pw and counts its batch norms from
 * there. */
static int32_t timm_part(const block *b, const char *part, char *out, size_t size)
{
    const struct {
        const char *ours, *expanded, *plain;
    } map[] = {{"_expand_conv", "conv_pw", NULL},
               {"_bn0", "bn1", NULL},
               {"_depthwise_conv", "conv_dw", "conv_dw"},
               {"_bn1", "bn2", "bn1"},
               {"_se_reduce", "se.conv_reduce", "se.conv_reduce"},
               {"_se_expand", "se.conv_expand", "se.conv_expand"},
               {"_project_conv", "conv_pwl", "conv_pw"},
               {"_bn2", "bn3", "bn2"}};
    for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
        const char *theirs = b->has_expand ? map[i].expanded : map[i].plain;
        if (theirs && strcmp(part, map[i].ours) == 0)
            return snprintf(out, size, "blocks.%d.%d.%s", b->stage - 1, b->place, theirs);
    }
    return -1;
}

int32_t adi_dialect_name(adi_dialect dialect, const adi_graph *graph, int32_t index,
                         const char *suffix, char *out, size_t size)
{
    static const char *const ends[][3] = {{"_conv_stem", "features.0.0", "conv_stem"},
                                          {"_bn0", "features.0.1", "bn1"},
                                          {"_conv_head", "features.8.0", "conv_head"},
                                          {"_bn1", "features.8.1", "bn2"}};
    const char *name = graph->nodes[index].name, *part;
    int32_t n = -1;
    if (dialect == ADI_DIALECT_GRAPH) {
        n = snprintf(out, size, "%s", name);
    } else if (block_number(name, &part) >= 0) {
        if (!is_part(part))
            return 0;
        const block b = block_at(graph, index);
        n = dialect == ADI_DIALECT_TIMM ? timm_part(&b, part, out, size)
                                        : torchvision_part(&b, part, out, size);
    } else {
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
            if (strcmp(name, ends[i][0]) == 0)
                n = snprintf(out, size, "%s", ends[i][dialect]);
    }
    if (n < 0 || (size_t)n >= size)
        return 0;
    const int m = snprintf(out + n, size - (size_t)n, ".%s", suffix);
    return m > 0 && (size_t)m < size - (size_t)n;
}

const char *adi_dialect_word(adi_dialect dialect, const adi_graph *graph)
{
    if (dialect == ADI_DIALECT_TORCHVISION)
        return "torchvision";
    if (dialect == ADI_DIALECT_TIMM)
        return "timm";
    if (adi_graph_find_node(graph, "_conv_stem") >= 0)
        return "efficientnet_pytorch";
    return adi_graph_find_node(graph, "layer1.0.conv1") >= 0 ? "torchvision" : "graph";
}
