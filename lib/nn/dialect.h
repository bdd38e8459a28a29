/* The names under which a state dict holds a graph's parameters. EfficientNet graphs use
 * EfficientNet-PyTorch's names; torchvision and timm hold the same tensors under names of their
 * own. ResNets have the same names everywhere. */
#ifndef ADI_NN_DIALECT_H
#define ADI_NN_DIALECT_H

#include "nn/graph.h"

typedef enum adi_dialect {
    ADI_DIALECT_GRAPH, /* the graph's own names */
    ADI_DIALECT_TORCHVISION,
    ADI_DIALECT_TIMM,
    ADI_DIALECTS
} adi_dialect;

/* Write the name of node `index`'s tensor `suffix` to out, which holds `size` bytes. 0 if the
 * dialect has no name for it or the name is too long. */
int32_t adi_dialect_name(adi_dialect dialect, const adi_graph *graph, int32_t index,
                         const char *suffix, char *out, size_t size);
/* "torchvision", "timm", "efficientnet_pytorch", or "graph" for a graph that follows none of
 * them. */
const char *adi_dialect_word(adi_dialect dialect, const adi_graph *graph);

#endif
