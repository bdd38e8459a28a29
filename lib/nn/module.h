/* A trainable network: a graph whose parameters change. They lie in one block, in the kernels'
 * layouts, trained ones first and running statistics behind them, so that optimisers and
 * checkpoints see plain arrays. */
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

/* Owns the graph, also on failure. All that the taps do not depend on is left out.
 * AD_ERR_UNSUPPORTED where that needs an op that cannot be trained. Parameters are zeros. */
ad_status adi_module_create(adi_graph *graph, const int32_t *taps, int32_t tap_count,
                            adi_module **out_module);
void adi_module_destroy(adi_module *module);

/* Parameter `index` of a node, NULL where it has none. */
const adi_module_param *adi_module_find(const adi_module *module, int32_t node, int32_t index);

/* Seeded initial values, node after node, each tensor in the file's order: convolutions
 * kaiming_fan_out, those with a bias and transposed ones PyTorch's default, batch norm 1 and 0,
 * statistics 0 and 1. AD_ERR_OUT_OF_MEMORY. */
ad_status adi_module_init(adi_module *module, adi_mt19937 *mt);

/* Name of a tensor in a file, for `suffix` of node `name`; 0 where it has none or it is too
 * long. */
typedef int32_t (*adi_module_namer)(const void *user, const char *node, const char *suffix,
                                    char *out, size_t size);
/* Every parameter by name, prefix + node + "." + suffix, or as `namer` says where it is not NULL.
 * AD_ERR_MISMATCH names the first that is missing or has another shape; AD_ERR_NUMERIC where a
 * value is not finite or a variance is negative. On failure the module is as before. */
ad_status adi_module_read(adi_module *module, const adi_safetensors *file, const char *prefix,
                          adi_module_namer namer, const void *user);
/* The same into a file being written, in the file's layouts. Blocks that must live until the save
 * are put in *keep. */
ad_status adi_module_write(const adi_module *module, const char *prefix, adi_st_writer *writer,
                           adi_kept *keep);
/* One parameter between the kernels' layout and the file's. */
void adi_module_to_file(const adi_module *module, const adi_module_param *param,
                        const float *values, float *out);
void adi_module_from_file(const adi_module *module, const adi_module_param *param, const float *in,
                          float *values);

/* An inference network with these values, batch norm folded. */
ad_status adi_module_freeze(const adi_module *module, adi_network **out_network);

#endif
