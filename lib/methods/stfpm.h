/* STFPM's own parts: options as text (stfpm_options.c), what its training computes (stfpm_train.c), the fitter
 * (stfpm_fit.c), score and map (stfpm.c), and how a model is kept in a file (stfpm_file.c). */
#ifndef ADI_METHODS_STFPM_H
#define ADI_METHODS_STFPM_H

#include "methods/student.h"
#include "methods/student_data.h"
#include "nn/train_plan.h"
#include "train/fit_loop.h"
#include "train/optimiser.h"

enum { ADI_STFPM_MAX_LAYERS = ADI_STUDENT_MAX_LAYERS };

/* Options resolved against a student: nothing is left to default. */
typedef struct adi_stfpm_config {
    adi_preprocess preprocess;
    ad_stfpm_options o; /* its preprocess and layer_weights are not used */
    double weights[ADI_STFPM_MAX_LAYERS];
    int32_t unets;      /* 1: there is a U-Net for every layer */
    int32_t tap_count;
    int32_t taps[ADI_STFPM_MAX_LAYERS];
} adi_stfpm_config;

/* ad_stfpm_options_set() of a full struct. */
ad_status adi_stfpm_set(void *full, const char *key, const char *value);
ad_status adi_stfpm_resolve(const ad_stfpm_options *options, const adi_graph *graph, const int32_t *taps,
                            int32_t tap_count, int32_t unets, adi_stfpm_config *out_config);
/* Option `index` of a configuration as text, in a form that ad_stfpm_options_set() reads, behind the layers;
 * its key, or NULL past the last. value holds ADI_OPTION_TEXT bytes. */
const char *adi_stfpm_option(const void *config, const adi_graph *graph, int32_t index, char *value);

/* ---- Maps: stfpm.c ---- */

/* The layers' distance maps, one after the other in `distances`, to one map of side * side, side being what
 * adi_stfpm_combine_side() says. tmp: side * side floats. */
int64_t adi_stfpm_combine_side(const adi_stfpm_config *config);
ad_status adi_stfpm_combine(const adi_stfpm_config *config, const ad_context *context, const adi_shape *shapes,
                            const float *distances, float *tmp, float *map);
/* The same to the side of the input, and its maximum; tmp: twice side * side of the larger side. */
ad_status adi_stfpm_map(const adi_stfpm_config *config, const ad_context *context, const adi_shape *shapes,
                        const float *distances, float *tmp, float *map, double *out_score);

typedef struct adi_stfpm_model {
    ad_context *context; /* the backbone that the owner holds keeps it alive */
    const adi_graph *graph;
    adi_stfpm_config config;
    adi_shape shapes[ADI_STFPM_MAX_LAYERS];
    adi_network *net, *unets[ADI_STFPM_MAX_LAYERS];
    adi_plan *plan, *unet_plans[ADI_STFPM_MAX_LAYERS];
    int64_t images;
    double normal_score, normal_map;
} adi_stfpm_model;

/* A model around networks, which it owns from then on, also on failure. `graph`: the teacher's. */
ad_status adi_stfpm_model_create(ad_context *context, const adi_graph *graph, const adi_stfpm_config *config,
                                 adi_network *net, adi_network *const *unets, adi_stfpm_model **out_model);
void adi_stfpm_model_destroy(void *model);
/* Entries of the method's table. */
void adi_stfpm_reserve(const void *model, adi_extractor *x);
ad_status adi_stfpm_infer(const void *model, const adi_extractor *x, adi_workspace *w, double *out_score,
                          float *map);
void adi_stfpm_info(const void *model, adi_model_info *out_info);
const adi_preprocess *adi_stfpm_preprocess(const void *model);
const int32_t *adi_stfpm_taps(const void *model, int32_t *out_count);
const char *adi_stfpm_model_option(const void *model, int32_t index, char *value);

ad_status adi_stfpm_save(const void *model, adi_st_writer *writer, adi_kept *keep);
ad_status adi_stfpm_load(ad_context *context, const adi_graph *graph, const adi_safetensors *file,
                         void **out_model);

/* ---- Training: stfpm_training.c, and what is computed in stfpm_train.c ---- */

/* What one training works in. All of it is there as long as the training may go on. */
typedef struct adi_stfpm_training {
    ad_student *student;
    const adi_stfpm_config *config;
    const adi_student_data *data;
    const ad_context *context;
    adi_extractor *extractor; /* the teacher's, for features that are not cached; of the call that runs */
    adi_workspace *workspace;
    adi_train_plan *plan, *unet_plans[ADI_STFPM_MAX_LAYERS];
    adi_train_run run, unet_runs[ADI_STFPM_MAX_LAYERS];
    adi_optimiser optimisers[1 + ADI_STFPM_MAX_LAYERS];
    float *best[1 + ADI_STFPM_MAX_LAYERS];
    float *input;          /* a batch of images */
    float *teacher;        /* a batch's features, one layer after the other; only with U-Nets */
    float *distances;      /* of a batch, one layer after the other within each image */
    float *maps;           /* one image's, for combining: three times the larger side squared */
    adi_trainee trainee;
} adi_stfpm_training;

/* Bytes that a training of batches of this size takes, without images. */
ad_status adi_stfpm_training_bytes(ad_student *student, const adi_stfpm_config *config, size_t *out_bytes);
ad_status adi_stfpm_training_create(ad_student *student, const adi_stfpm_config *config,
                                    const adi_student_data *data, int32_t batch,
                                    adi_stfpm_training **out_training);
void adi_stfpm_training_destroy(void *training);
/* Of the student's module `module`, as adi_student_module() counts them. */
const adi_train_plan *adi_stfpm_training_plan(const adi_stfpm_training *t, int32_t module);
adi_train_run *adi_stfpm_training_run(adi_stfpm_training *t, int32_t module);
/* stfpm_train.c: the loop's way in, with neither self nor phases nor arrays. */
extern const adi_trainee adi_stfpm_trainee;
/* Root mean square over images of the image score, and of the map's values, as the student is now. */
ad_status adi_stfpm_training_scores(void *training, const int32_t *images, int32_t count,
                                    double *out_score, double *out_map);

#endif
