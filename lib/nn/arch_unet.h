/* The U-Net auto-encoder of STFPM + U-Net, as the text of a graph. */
#ifndef ADI_NN_ARCH_UNET_H
#define ADI_NN_ARCH_UNET_H

#include "nn/graph.h"

typedef enum adi_unet_head {
    ADI_UNET_HEAD_NONE,   /* the last step is a concatenation */
    ADI_UNET_HEAD_CONV1X1 /* a 1x1 convolution follows it */
} adi_unet_head;

typedef struct adi_unet_options {
    int32_t channels; /* of the maps that it re-creates */
    int32_t head;     /* an adi_unet_head */
    int32_t depth;    /* poolings: 1 or 2 */
    int32_t convs;    /* of each block: 1 or 2; 0: 2, with a head 1 */
} adi_unet_options;

/* The graph has the input `f` and the tap `out`, of one shape. AD_ERR_INVALID_ARGUMENT where an option is not
 * possible. The text is freed by the caller. */
ad_status adi_unet_graph_text(const adi_allocator *a, const adi_unet_options *o, char **out_text);
/* AD_ERR_SHAPE, with a sentence that names the layer, where maps of h x w cannot be halved so often. */
ad_status adi_unet_check_size(const adi_unet_options *o, const char *layer, int64_t h, int64_t w);

#endif
