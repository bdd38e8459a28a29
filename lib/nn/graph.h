/* A network as data: nodes in the order they run, taps where features are taken, and hints for
 * methods. Made from text, which is kept, since scorer files carry it. */
#ifndef ADI_NN_GRAPH_H
#define ADI_NN_GRAPH_H

#include "core/alloc.h"
#include "ops/op.h"

enum {
    ADI_GRAPH_MAX_NODES = 4096,
    ADI_GRAPH_MAX_TAPS = 256,
    ADI_GRAPH_MAX_HINTS = 64,
    ADI_GRAPH_MAX_TEXT = 1 << 20,
    ADI_GRAPH_MAX_NAME = 120,
    ADI_GRAPH_MAX_INPUTS = 4
};

/* limits of mean and std */
#define ADI_GRAPH_MAX_MEAN 1e6f
#define ADI_GRAPH_MIN_STD  1e-6f

typedef struct adi_node {
    const char *name;
    const adi_op *op;
    int32_t input[ADI_OP_MAX_INPUTS]; /* indices of earlier nodes */
    int64_t in_channels, out_channels;
    int64_t nominal; /* side of the result for a square input of the network's nominal size */
    adi_attrs attrs;
} adi_node;

typedef struct adi_tap {
    const char *name;
    int32_t node;
    int32_t missing; /* 1: the weights that the graph's network was made of end before it */
} adi_tap;

typedef struct adi_hint {
    const char *key, *value;
} adi_hint;

typedef struct adi_graph {
    const adi_allocator *allocator;
    char *text;  /* as given */
    char *words; /* a copy that the names point into */
    const char *name;
    int32_t input_size; /* 0 where the text has no such statement; so std */
    int32_t has_mean;
    float mean[3], std[3];
    /* an ad_padding: what pad=same means; AUTO if the text does not say */
    int32_t padding;
    /* of batch norms that do not say their own; 0 if the text does not say */
    double eps;
    adi_node *nodes;
    adi_tap *taps; /* in the order of the file: shallow to deep */
    adi_hint *hints;
    size_t node_capacity, tap_capacity, hint_capacity;
    int32_t node_count, tap_count, hint_count;
    int32_t input_count; /* the first so many nodes */
} adi_graph;

/* Parse `length` bytes of text, which need not end with 0. Messages name the line. */
ad_status adi_graph_read(const adi_allocator *a, const char *text, size_t length,
                         adi_graph **out_graph);
/* Check that the network takes images and says how they are prepared; AD_ERR_FORMAT if it takes
 * features. */
ad_status adi_graph_check_image(const adi_graph *graph);
void adi_graph_destroy(adi_graph *graph);

int32_t adi_graph_find_node(const adi_graph *graph, const char *name); /* -1 where absent */
int32_t adi_graph_find_tap(const adi_graph *graph, const char *name);  /* -1 where absent */
/* Write the names of the taps that are not missing into `out`, for messages; returns it. */
const char *adi_graph_list_taps(const adi_graph *graph, char *out, size_t size);
/* Compute the shapes of the needed nodes' results for the shape of the first input; the sides of
 * other inputs are `scale` times its. AD_ERR_SHAPE names the node that it does not fit. */
ad_status adi_graph_shapes(const adi_graph *graph, const uint8_t *needed, const adi_shape *input,
                           adi_shape *out_shapes);
const char *adi_graph_hint(const adi_graph *graph, const char *key);   /* NULL where absent */

/* padding.c: the word of an ad_padding, like "same_dynamic", and the ad_padding of a word, or
 * -1. */
const char *adi_padding_word(int32_t padding);
int32_t adi_padding_find(const char *word);
/* A list of all words, for messages. */
const char *adi_padding_words(void);
/* Replace a node's pad=same by the samples before and after that the graph's padding means. */
void adi_padding_resolve(const adi_graph *graph, adi_node *node);

/* graph_text.c: copy a graph's text with other values in its statements `padding`, `eps`, `mean` or
 * `std`. AD_ERR_INVALID_ARGUMENT if the text has no statement for a key. */
typedef struct adi_statement {
    const char *key, *value;
} adi_statement;
ad_status adi_graph_text_with(const adi_allocator *a, const char *text,
                              const adi_statement *statements, int32_t count, char **out_text);

/* The built-in graphs, in alphabetical order. */
int32_t adi_builtin_graph_count(void);
const char *adi_builtin_graph_name(int32_t index);
/* NULL if there is no such architecture. */
const char *adi_builtin_graph_text(const char *name);

#endif
