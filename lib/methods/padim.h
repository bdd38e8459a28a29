/* PaDiM's own parts: options as text (padim_options.c), which channels of which layers make a
 * position's vector (padim_embedding.c), fit and score (padim.c), and how a model is kept in a file
 * (padim_file.c). */
#ifndef ADI_METHODS_PADIM_H
#define ADI_METHODS_PADIM_H

#include "model/method.h"
#include "stats/position_gaussian.h"
#include "vision/blur.h"

typedef enum adi_padim_covariance {
    ADI_PADIM_RIDGE,       /* scatter / (n - 1) + ridge * I, as published */
    ADI_PADIM_LEDOIT_WOLF  /* Ledoit and Wolf's shrinkage at every position; no ridge */
} adi_padim_covariance;

enum { ADI_PADIM_MAX_DIMENSIONS = 2048 };

#define ADI_PADIM_OPTIONS(X)                                                                       \
    X(INTEGER, dimensions, AD_OPTION_SCORING, 1, ADI_PADIM_MAX_DIMENSIONS, "all|auto", "auto",     \
      "channels kept of all layers together; auto: 100 of up to 512, 550 of more")                 \
    X(SEED, seed, AD_OPTION_SCORING, 0, UINT32_MAX, NULL, "1024",                                  \
      "of the channels that are kept, drawn as Python's random.sample() does")                     \
    X(CHOICE, covariance, AD_OPTION_SCORING, 0, 1, "ridge|ledoit_wolf", "ridge",                   \
      "what makes the covariances invertible: a constant on the diagonal, or shrinkage")           \
    X(REAL, ridge, AD_OPTION_SCORING, 1e-12, 1e12, NULL, "0.01",                                   \
      "added to the diagonal of every covariance")                                                 \
    X(REAL, blur_sigma, AD_OPTION_SCORING, 0, ADI_BLUR_MAX_SIGMA, NULL, "4",                       \
      "Gaussian blur of the map in pixels at input size; 0: none")                                 \
    X(BYTES, memory_limit, AD_OPTION_SCORING | ADI_OPTION_FREE, 1, 0x1p64, NULL, "8589934592",     \
      "bytes that the statistics of a fit may hold; more is refused")

typedef struct adi_padim_options {
    adi_common_options common;
    ADI_PADIM_OPTIONS(ADI_OPTION_FIELD)
} adi_padim_options;

typedef struct adi_padim_config {
    adi_settings settings;
    adi_padim_options o;
    int32_t channels; /* of all layers together */
} adi_padim_config;

extern const adi_option_table adi_padim_options_table;
ad_status adi_padim_settle(adi_settings *settings, const adi_allocator *a, const adi_graph *graph);

/* One vector per position of the first layer's grid: of the channels of all layers, in the order
 * listed, those of the subset. Layers of another size are read at the nearest position, floor(i *
 * size / grid) along each axis. */
typedef struct adi_padim_embedding {
    int64_t h, w;    /* the grid */
    int32_t *subset; /* [dimensions], in the order drawn; the owner's */
    /* The same for the kernel, in the backend's memory: pairs of a layer's channel and the place in
     * a vector, layer after layer. */
    adi_f32 *pick;                  /* [dimensions, 2] */
    int32_t picks[ADI_MAX_LAYERS];  /* of a layer */
} adi_padim_embedding;

/* The grid that a configuration gives on a graph. */
ad_status adi_padim_grid(const adi_allocator *a, const adi_graph *graph,
                         const adi_padim_config *config, int64_t *out_h, int64_t *out_w);
/* Make the pairs of a subset that is there. */
ad_status adi_padim_embedding_fill(adi_padim_embedding *e, const ad_context *context,
                                   const adi_graph *graph, const adi_padim_config *config);
void adi_padim_embedding_free(adi_padim_embedding *e, const ad_context *context);
/* out: [h * w, dimensions] from the features in a workspace, in the backend's memory. */
ad_status adi_padim_embed(const adi_padim_embedding *e, const adi_padim_config *config,
                          const adi_extractor *x, const adi_workspace *w, adi_f32 *out);

typedef struct adi_padim_model {
    adi_model head;
    adi_padim_config config;
    adi_padim_embedding embedding;
    /* In the backend's memory. */
    adi_f32 *mean;   /* [h * w, dimensions] */
    adi_f32 *factor; /* [h * w, dimensions (dimensions + 1) / 2], columns of the inverse Cholesky
                      factors */
    float *host_mean, *host_factor; /* before they were placed there; then NULL */
} adi_padim_model;

adi_position_dims adi_padim_dims(const adi_padim_embedding *e, const adi_padim_config *config);
ad_status adi_padim_model_create(ad_context *context, const adi_graph *graph,
                                 const adi_padim_config *config, int64_t h, int64_t w,
                                 adi_padim_model **out_model);
/* Move what scoring reads to the backend's memory; after all of it is there. */
ad_status adi_padim_model_place(adi_padim_model *model);
size_t adi_padim_model_bytes(const adi_position_dims *d);
void adi_padim_model_destroy(adi_model *model);

ad_status adi_padim_save(const adi_model *model, adi_st_writer *writer, adi_kept *keep);
ad_status adi_padim_load(ad_context *context, const adi_graph *graph,
                         const adi_settings *settings, const adi_safetensors *file,
                         adi_model **out_model);

#endif
