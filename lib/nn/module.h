/* A trainable network: a graph and its parameters in one block, in the kernels' layouts, trained
 * ones first and running statistics after them. To optimisers and checkpoints they are plain
 * arrays. */
#ifndef ADI_NN_MODULE_H
#define ADI_NN_MODULE_H

#include "core/mt19937.h"
#include "nn/network.h"

typedef struct adi_module_param {
    int32_t node, index;     /* whose, and which of the op's parameters */
    int32_t ndim;
    int64_t shape[4];        /* as the file holds it */
    size_t offset, count;    /* floats within the module's values */
} adi_module_param;

typedef struct adi_module {
    const adi_allocator *allocator;
    adi_graph *graph;         /* owned */
    int32_t *taps;            /* indices into the graph's */
    int32_t tap_count;
    int32_t param_count;
    uint8_t *needed;          /* per node: whether a tap depends on it */
    adi_module_param *params; /* of needed nodes, in their order */
    int32_t *first_param;     /* per node: its first entry of params, or -1 */
    size_t trainable, total;  /* floats: the trained ones, all */
    float *values;
} adi_module;

/* Make a module for the taps; nodes that they do not depend on are left out. The module owns the
 * graph, also on failure. AD_ERR_UNSUPPORTED if an op cannot be trained. Parameters are zeros. */
ad_status adi_module_create(adi_graph *graph, const int32_t *taps, int32_t tap_count,
                            adi_module **out_module);
void adi_module_destroy(adi_module *module);

/* Return parameter `index` of a node, or NULL. */
const adi_module_param *adi_module_find(const adi_module *module, int32_t node, int32_t index);

/* Draw initial values (nn/init.h), node after node, each tensor in the file's order.
 * AD_ERR_OUT_OF_MEMORY. */
ad_status adi_module_init(adi_module *module, adi_mt19937 *mt);

/* Write the name of the tensor `suffix` of node `name` in a file; return 0 if it has none or it is
 * too long. */
typedef int32_t (*adi_module_namer)(const void *user, const char *node, const char *suffix,
                                    char *out, size_t size);
/* Read every parameter, named prefix + node + "." + suffix or by `namer` if that is not NULL.
 * AD_ERR_MISMATCH names the first that is missing or has another shape; AD_ERR_NUMERIC if a value
 * is not finite or a variance is negative. On failure the module is as before. */
ad_status adi_module_read(adi_module *module, const adi_safetensors *file, const char *prefix,
                          adi_module_namer namer, const void *user);
/* Write every parameter, in the file's layout. Blocks that must live until the file is saved are
 * put in *keep. */
ad_status adi_module_write(const adi_module *module, const char *prefix, adi_st_writer *writer,
                           adi_kept *keep);
/* Convert one parameter between the kernels' layout and the file's. */
void adi_module_to_file(const adi_module *module, const adi_module_param *param,
                        const float *values, float *out);
void adi_module_from_file(const adi_module *module, const adi_module_param *param, const float *in,
                          float *values);

/* Make an inference network of these values, with batch norm folded. */
ad_status adi_module_freeze(const adi_module *module, adi_network **out_network);

#endif
