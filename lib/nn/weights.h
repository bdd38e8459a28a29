/* The two halves of loading weights: finding a network's tensors in a file, and taking their
 * values. */
#ifndef ADI_NN_WEIGHTS_H
#define ADI_NN_WEIGHTS_H

#include "nn/network.h"

typedef struct adi_loader {
    adi_network *net;
    const adi_safetensors *file;
    char prefix[ADI_ST_MAX_NAME + 1];
    const adi_st_tensor **tensors; /* per node and parameter: NULL where the file has none */
    uint8_t *used;                 /* per tensor of the file */
    uint8_t *found;                /* per node: the file has at least one of its tensors */
    int32_t *only_user;            /* per node: its only consumer, -1 none, -2 several or tapped */
    int32_t fitted; /* tensors of the file with a name and a shape of the network's */
} adi_loader;

static inline const adi_st_tensor *adi_loader_param(const adi_loader *l, int32_t node,
                                                    int32_t index)
{
    return l->tensors[node * ADI_OP_MAX_PARAMS + index];
}

/* Return the convolution that a batch norm can be folded into, or -1. */
int32_t adi_foldable_into(const adi_loader *l, int32_t node);
/* Find out whether the file holds the network, and where, without reading values. needed and
 * before: a byte for each node. prefix NULL: any; AD_ERR_INVALID_ARGUMENT if that leaves two. */
ad_status adi_weights_find(adi_loader *l, const char *prefix, uint8_t *needed, uint8_t *before);

#endif
