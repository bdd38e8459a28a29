/* A graph with its weights: immutable, shared by all plans made from it. */
#ifndef ADI_NN_NETWORK_H
#define ADI_NN_NETWORK_H

#include "core/safetensors.h"
#include "nn/dialect.h"
#include "nn/packed.h"

/* A node's parameters in the kernels' layout. */
typedef struct adi_params {
    /* convolution: HWIO, batch norm folded in; transposed: that of the convolution it transposes;
     * batch norm: scale */
    float *weight;
    float *bias;         /* convolution: bias or NULL; batch norm: shift */
    int32_t present;     /* the file has what the node needs */
    int32_t folded;      /* batch norm that has become part of the convolution before it */
    uint64_t digest;     /* of the op, its attributes and its parameters as they were in the file */
} adi_params;

typedef struct adi_network {
    const adi_allocator *allocator;
    adi_graph *graph;
    adi_params *params; /* one per node */
    adi_dialect dialect; /* of the file */
    int64_t parameter_count;
    adi_conv2d_algorithm convolution; /* that plans ask for */
    adi_packed_pool *packed; /* shared by the plans: what they change */
} adi_network;

/* Take a graph's weights from a file. The network owns the graph, also on failure. `prefix` NULL:
 * any, if the file has only one such network. */
ad_status adi_network_create(adi_graph *graph, const adi_safetensors *file, const char *prefix,
                             adi_network **out_network);
/* The same for the part that the given taps depend on; of the rest only names and shapes are
 * checked. */
ad_status adi_network_create_part(adi_graph *graph, const adi_safetensors *file, const char *prefix,
                                  const int32_t *taps, int32_t tap_count,
                                  adi_network **out_network);
/* Check by names and shapes alone whether adi_network_create() would take the file. Owns the graph.
 * *out_fitted: the number of tensors with a name and a shape of the network's, also if the file is
 * refused. */
ad_status adi_network_examine(adi_graph *graph, const adi_safetensors *file, const char *prefix,
                              adi_dialect *out_dialect, int32_t *out_fitted);
void adi_network_destroy(adi_network *network);

/* 1 if the file had the parameters of every node that the tap needs. */
int32_t adi_network_tap_available(const adi_network *network, int32_t tap);
/* AD_ERR_MISMATCH with a sentence if a tap is not available: it names those that are. */
ad_status adi_network_check_taps(const adi_network *network, const int32_t *taps,
                                 int32_t tap_count);
/* needed[node] = 1 for every node that the given taps depend on. */
void adi_network_needed(const adi_graph *graph, const int32_t *taps, int32_t tap_count,
                        uint8_t *needed);
/* Number the taps' nodes among the nodes that the taps need. Networks with equal digests and equal
 * numbers give the same values; the digest alone does not know which nodes are tapped. */
void adi_network_places(const adi_graph *graph, const int32_t *taps, int32_t tap_count,
                        int32_t *out_places);
/* Identity of all that the given taps depend on, as 16 hex digits: out_text holds 17 bytes. */
void adi_network_digest(const adi_network *network, const int32_t *taps, int32_t tap_count,
                        char *out_text);
/* Begin the digest of a node with its op and attributes. */
void adi_node_digest(const adi_node *node, uint64_t *digest);
/* Put the (folded) parameters that the given taps need into a file being written, under prefix +
 * name, in the file's OIHW layout. Blocks that must live until the save are put in *keep. */
typedef struct adi_kept {
    float **blocks;
    size_t capacity, count;
} adi_kept;
/* A block that lives as long as *keep; NULL where memory runs out. */
float *adi_kept_block(const adi_allocator *a, adi_kept *keep, size_t floats);
/* *out: `floats` of the backend's memory in the host's: from a device, in a block of *keep. */
ad_status adi_kept_fetch(const adi_device *d, const adi_allocator *a, adi_kept *keep,
                         const adi_f32 *from, size_t floats, const float **out);
ad_status adi_network_write(const adi_network *network, const int32_t *taps, int32_t tap_count,
                            const char *prefix, adi_st_writer *writer, adi_kept *keep);
void adi_kept_free(const adi_allocator *a, adi_kept *keep);

/* fold.c: batch norm parameters (weight, bias, mean, var; each [c]) to scale and shift in
 * double: scale = weight / sqrt(var + eps), shift = bias - mean * scale. AD_ERR_NUMERIC where
 * var + eps <= 0. */
ad_status adi_batchnorm_affine(const float *const raw[4], int64_t c, double eps, double *scale,
                               double *shift);
/* OIHW weights to HWIO, each output channel times scale[k] (NULL: 1). For a depthwise weight
 * [c,1,kh,kw] the result is [kh,kw,c]; a transposed convolution's [C_in,C_out,kh,kw] is OIHW of the
 * convolution that it transposes. */
void adi_fold_weight(float *hwio, const float *oihw, const int64_t *shape, int32_t depthwise,
                     const double *scale);
/* Multiply each output channel of a transposed convolution's weight, [C_in,C_out,kh,kw] in a file
 * and in HWIO already, by scale[k]. */
void adi_scale_transposed(float *hwio, const int64_t *shape, const double *scale);
/* HWIO back to OIHW. */
void adi_unfold_weight(float *oihw, const float *hwio, const int64_t *shape, int32_t depthwise);

#endif
