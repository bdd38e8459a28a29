/* The parts of the Gaussian method: options (gaussian_options.c), fit and score (gaussian.c), and
 * the model in a file (gaussian_file.c). */
#ifndef ADI_METHODS_GAUSSIAN_H
#define ADI_METHODS_GAUSSIAN_H

#include "model/method.h"
#include "stats/mvg.h"

/* Which statistics give the map. */
typedef enum adi_pixel_fit {
    ADI_PIXEL_FIT_NONE,  /* image scores only */
    ADI_PIXEL_FIT_DENSE, /* statistics of their own over all positions of all images */
    ADI_PIXEL_FIT_GAP    /* the image-level statistics, applied at every position */
} adi_pixel_fit;

#define ADI_GAUSSIAN_OPTIONS(X)                                                                    \
    X(TEXT, reduce, AD_OPTION_SCORING, 0, 0, "none|pca:T|npca:T|auto", "auto",                     \
      "components kept: all, the leading ones up to a share T of the variance (PCA), or those "    \
      "behind them (NPCA); auto: none for ResNets, npca:0.95 for EfficientNets")                   \
    X(CHOICE, pixel, AD_OPTION_SCORING, 0, 2, "none|dense|gap", "dense",                           \
      "statistics of the map: none (no map), of all positions, or the image's at each position")   \
    X(INTEGER, ddof, AD_OPTION_SCORING, 0, 1, NULL, "0",                                           \
      "the covariance's divisor is the number of images minus this")                               \
    X(INTEGER, squared, AD_OPTION_SCORING, 0, 1, NULL, "0", "1: squared distances")                \
    X(INTEGER, samples, AD_OPTION_SCORING, 256, 1 << 20, NULL, "16384",                            \
      "vectors kept per layer for the shrinkage of reduced statistics; exact up to that many")     \
    X(REAL, blur_sigma, AD_OPTION_SCORING, 0, 64, NULL, "0",                                       \
      "Gaussian blur of the map in pixels at input size; 0: none")

typedef struct adi_gaussian_options {
    adi_common_options common;
    ADI_GAUSSIAN_OPTIONS(ADI_OPTION_FIELD)
} adi_gaussian_options;

typedef struct adi_gaussian_config {
    adi_settings settings;
    adi_gaussian_options o;
    adi_mvg_options mvg;
} adi_gaussian_config;

extern const adi_option_table adi_gaussian_options_table;
ad_status adi_gaussian_settle(adi_settings *settings, const adi_allocator *a,
                              const adi_graph *graph);

/* Statistics and weights of one layer. */
typedef struct adi_gaussian_layer {
    adi_mvg image;
    adi_mvg pixel;         /* c == 0 where pixel statistics are not separate */
    /* What the backend's kernel takes, in its memory. */
    adi_f32 *pixel_mean;   /* [c] */
    void *pixel_whitening; /* the matrix, packed */
} adi_gaussian_layer;

typedef struct adi_gaussian_model {
    adi_model head;
    adi_gaussian_config config;
    adi_gaussian_layer layers[ADI_MAX_LAYERS];
} adi_gaussian_model;

ad_status adi_gaussian_model_create(ad_context *context, const adi_graph *graph,
                                    const adi_gaussian_config *config,
                                    adi_gaussian_model **out_model);
/* Float copies, in the backend's memory, of what the maps are scored with; after all layers are
 * there. */
ad_status adi_gaussian_model_place(adi_gaussian_model *model);
void adi_gaussian_model_destroy(adi_model *model);
/* The Gaussian that gives a layer's map. */
const adi_mvg *adi_gaussian_pixel_mvg(const adi_gaussian_model *model, int32_t layer);

ad_status adi_gaussian_save(const adi_model *model, adi_st_writer *writer, adi_kept *keep);
ad_status adi_gaussian_load(ad_context *context, const adi_graph *graph,
                            const adi_settings *settings, const adi_safetensors *file,
                            adi_model **out_model);

#endif
