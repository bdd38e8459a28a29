/* A plan: the steps that compute given taps for one input size, with every buffer at its offset in
 * one block. Any number of threads may run a plan, each with a block of its own. */
#ifndef ADI_NN_PLAN_H
#define ADI_NN_PLAN_H

#include "nn/network.h"

enum { ADI_PLAN_MAX_SIDE = 8192 };

/* A step's operand is a step's index, NONE, or an input. */
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
    adi_device device;
    int32_t input_count;
    /* all zeros for inputs that no tap depends on */
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

/* taps: indices into the graph's taps; height and width: of the first input. AD_ERR_SHAPE if it is
 * too small for the network, AD_ERR_MISMATCH if a tap's weights are not in the file,
 * AD_ERR_UNSUPPORTED if the table lacks a kernel. */
ad_status adi_plan_create(const adi_network *network, const adi_device *device, const int32_t *taps,
                          int32_t tap_count, int64_t height, int64_t width, adi_plan **out_plan);
void adi_plan_destroy(adi_plan *plan);

/* Compute the shape of one tap for an input size, without making a plan. */
ad_status adi_plan_tap_shape(const adi_allocator *a, const adi_graph *graph, int32_t tap,
                             int64_t height, int64_t width, adi_shape *out_shape);

/* run.c: run a plan on the inputs at block + input_offset[]; results are at adi_plan_tap_data().
 * block has block_floats and scratch scratch_bytes of the backend's memory. */
ad_status adi_plan_run(const adi_plan *plan, adi_queue *queue, adi_f32 *block, void *scratch);
/* Run it `runs` times; out_ms [step_count] is each step's median time. times has space for runs x
 * step_count doubles. */
ad_status adi_plan_profile(const adi_plan *plan, adi_queue *queue, adi_f32 *block, void *scratch,
                           int32_t runs, double *times, double *out_ms);
const adi_f32 *adi_plan_tap_data(const adi_plan *plan, const adi_f32 *block, int32_t tap);

#endif
