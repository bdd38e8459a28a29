/* A plan: the steps that compute given taps for one input size, with every buffer at its offset in
 * one block. Made once, then run by any number of threads, each with a block of its own. */
#ifndef ADI_NN_PLAN_H
#define ADI_NN_PLAN_H

#include "nn/network.h"

enum { ADI_PLAN_MAX_SIDE = 8192 };

/* What a step reads that is no step's result. */
enum { ADI_STEP_NONE = -1 };
static inline int32_t adi_step_input(int32_t input)
{
    return -2 - input; /* and back again */
}

typedef struct adi_step {
    const adi_node *node;  /* whose op runs */
    adi_op_call call;
    adi_op_call first;     /* call.first, where another step runs in this one */
    int32_t x, x2, gate;   /* steps whose results are read; ADI_STEP_NONE, or adi_step_input() */
    size_t offset;         /* of the result, in floats from the block's start */
    int32_t last_use;      /* the last step that reads the result; step_count for a tap */
} adi_step;

typedef struct adi_plan_tap {
    int32_t step;
    adi_shape shape;
} adi_plan_tap;

typedef struct adi_plan {
    const adi_allocator *allocator;
    const adi_network *network; /* the caller keeps it alive */
    const adi_kernels *kernels;
    int32_t num_threads;
    int32_t input_count;
    /* Of inputs that no tap depends on, all zeros. */
    adi_shape input[ADI_GRAPH_MAX_INPUTS];
    size_t input_offset[ADI_GRAPH_MAX_INPUTS];  /* floats */
    int32_t input_last_use[ADI_GRAPH_MAX_INPUTS];
    adi_step *steps;
    int32_t step_count;
    adi_plan_tap *taps;   /* in the order asked for */
    int32_t tap_count;
    size_t packed_bytes;  /* of the network's packed weights that this plan uses */
    size_t block_floats;  /* activations */
    size_t scratch_bytes; /* of the hungriest kernel */
} adi_plan;

/* taps: indices into the graph's taps; height and width: of the first input. AD_ERR_SHAPE where it
 * is smaller than the network's stride allows, AD_ERR_MISMATCH where a tap's weights are not in the
 * file. */
ad_status adi_plan_create(const adi_network *network, const adi_kernels *kernels,
                          int32_t num_threads, const int32_t *taps, int32_t tap_count,
                          int64_t height, int64_t width, adi_plan **out_plan);
void adi_plan_destroy(adi_plan *plan);

/* Shape of one tap for an input size, without making a plan. */
ad_status adi_plan_tap_shape(const adi_allocator *a, const adi_graph *graph, int32_t tap,
                             int64_t height, int64_t width, adi_shape *out_shape);

/* run.c: inputs are at block + input_offset[]; results are at adi_plan_tap_data(). scratch holds
 * scratch_bytes, block block_floats; both 64-byte aligned. */
ad_status adi_plan_run(const adi_plan *plan, float *block, void *scratch);
/* The same, `runs` times; out_ms [step_count] is each step's median. times holds runs x step_count
 * doubles. */
ad_status adi_plan_profile(const adi_plan *plan, float *block, void *scratch, int32_t runs,
                           double *times, double *out_ms);
const float *adi_plan_tap_data(const adi_plan *plan, const float *block, int32_t tap);

#endif
