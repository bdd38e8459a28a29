/* PaDiM's own parts: options as text (padim_options.c), which channels of which layers make a
 * position's vector (padim_embedding.c), fit and score (padim.c), and how a model is kept in a file
 * (padim_file.c). */
#ifndef ADI_METHODS_PADIM_H
#define ADI_METHODS_PADIM_H

#include "methods/method.h"
#include "stats/position_gaussian.h"

/* Options resolved against a backbone: nothing is left to default. */
typedef struct adi_padim_config {
    adi_preprocess preprocess;
    int32_t taps[ADI_MAX_LAYERS];
    int32_t tap_count;
    int32_t channels;   /* of all layers together */
    int32_t dimensions; /* of them kept */
    int32_t covariance; /* ad_padim_covariance */
    uint64_t seed;
    double ridge;
    double blur_sigma;
    uint64_t memory_limit;
} adi_padim_config;

/* ad_padim_options_set() of a full struct. */
ad_status adi_padim_set(void *full, const char *key, const char *value);
ad_status adi_padim_resolve(const ad_padim_options *options, const adi_graph *graph,
                            adi_padim_config *out_config);
/* Option `index` of an adi_padim_config as text, in a form that ad_padim_options_set() reads; its
 * key, or NULL past the last. value holds ADI_OPTION_TEXT bytes. */
const char *adi_padim_option(const void *config, const adi_graph *graph, int32_t index,
                             char *value);

/* One vector per position of the first layer's grid: of the channels of all layers, in the order
 * listed, those of the subset. Layers of another size are read at the nearest position, floor(i *
 * size / grid) along each axis. */
typedef struct adi_padim_embedding {
    int64_t h, w;    /* the grid */
    int32_t *subset; /* [dimensions], in the order drawn; the owner's */
} adi_padim_embedding;

/* The grid that a configuration gives on a graph. */
ad_status adi_padim_grid(const adi_allocator *a, const adi_graph *graph,
                         const adi_padim_config *config, int64_t *out_h, int64_t *out_w);
/* out: [h * w, dimensions] from the features in a workspace. AD_ERR_NUMERIC where one of them is
 * not finite. */
ad_status adi_padim_embed(const adi_padim_embedding *e, const adi_padim_config *config,
                          const adi_extractor *x, const adi_workspace *w, float *out);

typedef struct adi_padim_model {
    ad_context *context; /* the backbone that the owner holds keeps it alive */
    const adi_graph *graph;
    adi_padim_config config;
    adi_padim_embedding embedding;
    int64_t images;
    double normal_map;
    float *mean;   /* [h * w, dimensions] */
    float *factor; /* [h * w, dimensions (dimensions + 1) / 2], columns of the inverse Cholesky
                      factors */
} adi_padim_model;

adi_position_dims adi_padim_dims(const adi_padim_embedding *e, const adi_padim_config *config);
ad_status adi_padim_model_create(ad_context *context, const adi_graph *graph,
                                 const adi_padim_config *config, int64_t h, int64_t w,
                                 adi_padim_model **out_model);
size_t adi_padim_model_bytes(const adi_position_dims *d);
void adi_padim_model_destroy(void *model);

ad_status adi_padim_save(const void *model, adi_st_writer *writer, adi_kept *keep);
ad_status adi_padim_load(ad_context *context, const adi_graph *graph, const adi_safetensors *file,
                         void **out_model);

#endif
