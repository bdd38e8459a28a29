/* The Gaussian method's own parts: options as text (gaussian_options.c), fit and score (gaussian.c),
 * and how a model is kept in a file (gaussian_file.c). */
#ifndef ADI_METHODS_GAUSSIAN_H
#define ADI_METHODS_GAUSSIAN_H

#include "methods/method.h"
#include "stats/mvg.h"

/* Options resolved against a backbone: nothing is left to default. */
typedef struct adi_gaussian_config {
    adi_preprocess preprocess;
    int32_t taps[ADI_MAX_LAYERS];
    int32_t tap_count;
    adi_mvg_options mvg;
    int32_t pixel; /* ad_pixel_fit */
    int32_t squared;
    int32_t samples;
    double blur_sigma;
} adi_gaussian_config;

/* ad_gaussian_options_set() of a full struct. */
ad_status adi_gaussian_set(void *full, const char *key, const char *value);
ad_status adi_gaussian_resolve(const ad_gaussian_options *options, const adi_graph *graph,
                               adi_gaussian_config *out_config);
/* Option `index` of an adi_gaussian_config as text, in a form that ad_gaussian_options_set() reads; its key,
 * or NULL past the last. value holds ADI_OPTION_TEXT bytes. */
const char *adi_gaussian_option(const void *config, const adi_graph *graph, int32_t index, char *value);

/* Statistics and weights of one layer. */
typedef struct adi_gaussian_layer {
    adi_mvg image;
    adi_mvg pixel;      /* c == 0 where pixel statistics are not separate */
    float *pixel_mean;     /* what the backend's kernel takes: [c] in floats */
    void *pixel_whitening; /* and the matrix, packed */
} adi_gaussian_layer;

typedef struct adi_gaussian_model {
    ad_context *context;   /* the backbone that the owner holds keeps it alive */
    const adi_graph *graph;
    adi_gaussian_config config;
    int64_t images;
    double normal_score, normal_map;
    adi_gaussian_layer layers[ADI_MAX_LAYERS];
} adi_gaussian_model;

ad_status adi_gaussian_model_create(ad_context *context, const adi_graph *graph,
                                    const adi_gaussian_config *config, adi_gaussian_model **out_model);
/* Float copies of what the maps are scored with; after all layers are there. */
ad_status adi_gaussian_model_prepare(adi_gaussian_model *model);
void adi_gaussian_model_destroy(void *model);
/* The Gaussian that gives a layer's map. */
const adi_mvg *adi_gaussian_pixel_mvg(const adi_gaussian_model *model, int32_t layer);

ad_status adi_gaussian_save(const void *model, adi_st_writer *writer, adi_kept *keep);
ad_status adi_gaussian_load(ad_context *context, const adi_graph *graph, const adi_safetensors *file,
                            void **out_model);

#endif
