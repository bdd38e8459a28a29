/* The four meanings of pad=same in EfficientNets (ad_padding in adfeat.h). TensorFlow's SAME puts
 * the odd sample to the right and bottom. EfficientNet-PyTorch computes the padding once, for a
 * nominal input size; until 0.6.3 it took that size for every layer. Layers with stride 1 are equal
 * in all. */
#include <string.h>

#include "nn/graph.h"

static const char *const words[] = {"auto", "same_dynamic", "same_static", "same_static_v063",
                                    "symmetric"};
enum { WORDS = sizeof words / sizeof *words };

const char *adi_padding_word(int32_t padding)
{
    return padding >= 0 && padding < WORDS ? words[padding] : "unknown";
}

int32_t adi_padding_find(const char *word)
{
    for (int32_t i = 0; i < WORDS; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

const char *adi_padding_words(void)
{
    return "same_dynamic, same_static, same_static_v063, symmetric";
}

/* Set the padding to SAME for an input of `side`. */
static void fix_same(adi_attrs *attrs, int64_t side)
{
    const int64_t out = (side + attrs->stride - 1) / attrs->stride;
    const int64_t total = (out - 1) * attrs->stride + attrs->kernel - side;
    attrs->pad = total > 0 ? (int32_t)(total / 2) : 0;
    attrs->pad_after = total > 0 ? (int32_t)(total - attrs->pad) : 0;
}

void adi_padding_resolve(const adi_graph *graph, adi_node *node)
{
    adi_attrs *at = &node->attrs;
    if (at->kernel && at->pad == ADI_PAD_SAME) {
        if (graph->padding == AD_PADDING_SYMMETRIC)
            at->pad = at->pad_after = (at->kernel - 1) / 2;
        else if (graph->padding == AD_PADDING_SAME_STATIC)
            fix_same(at, node->nominal);
        else if (graph->padding == AD_PADDING_SAME_STATIC_V063)
            fix_same(at, graph->input_size);
    }
    int64_t side = node->nominal;
    if (node->op->side)
        side = node->op->side(at, side);
    if (side > ADI_MAX_SIDE) /* the op refuses it where it runs */
        side = ADI_MAX_SIDE;
    node->nominal = side > 1 ? side : 1;
}
