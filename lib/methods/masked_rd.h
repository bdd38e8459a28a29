/* The own parts of masked reverse distillation: options as text (masked_rd_options.c), what its training computes
 * (masked_rd_train.c) and works in (masked_rd_training.c), the fitter (masked_rd_fit.c), score and map (masked_rd.c), and how
 * a model is kept in a file (masked_rd_file.c). */
#ifndef ADI_METHODS_MASKED_RD_H
#define ADI_METHODS_MASKED_RD_H

#include "methods/student.h"
#include "methods/student_data.h"
#include "nn/train_plan.h"
#include "train/fit_loop.h"
#include "train/optimiser.h"

/* Options resolved against a student: nothing is left to default. */
typedef struct adi_rd_config {
    adi_preprocess preprocess;
    ad_masked_rd_options o;       /* its preprocess is not used */
    int32_t taps[ADI_RD_LEVELS];  /* of the teacher: layer1, layer2, layer3 */
    int32_t levels;               /* that are compared, a bit each */
    adi_shape shapes[ADI_RD_LEVELS]; /* of one image's features */
} adi_rd_config;

/* ad_masked_rd_options_set() of a full struct. */
ad_status adi_rd_set(void *full, const char *key, const char *value);
ad_status adi_rd_resolve(const ad_masked_rd_options *options, const adi_allocator *a, const adi_graph *graph,
                         const int32_t *taps, int32_t levels, adi_rd_config *out_config);
/* Option `index` of a configuration as text, in a form that ad_masked_rd_options_set() reads, behind layers and levels;
 * its key, or NULL past the last. value holds ADI_OPTION_TEXT bytes. */
const char *adi_rd_option(const void *config, const adi_graph *graph, int32_t index, char *value);

/* ---- Scores: masked_rd.c ---- */

static inline int64_t adi_rd_values(const adi_shape *s)
{
    return s->h * s->w * s->c;
}

/* Which input of the student level `level` is: the deepest comes first. */
static inline int32_t adi_rd_input(int32_t level)
{
    return ADI_RD_LEVELS - 1 - level;
}

static inline int adi_rd_compares(const adi_rd_config *c, int32_t level)
{
    return c->levels >> level & 1;
}

/* The compared levels' distance maps, one after the other, to one map of the input's side, blurred, and its maximum.
 * scratch: adi_rd_map_scratch() bytes. */
size_t adi_rd_map_scratch(const adi_rd_config *config, const ad_context *context);
ad_status adi_rd_map(const adi_rd_config *config, const ad_context *context, const float *distances, void *scratch,
                     float *map, double *out_score);

typedef struct adi_rd_model {
    ad_context *context; /* the backbone that the owner holds keeps it alive */
    const adi_graph *graph;
    adi_rd_config config;
    adi_network *net;
    adi_plan *plan;
    int64_t images;
    double normal_score, normal_map;
} adi_rd_model;

/* A model around a network, which it owns from then on, also on failure. `graph`: the teacher's. */
ad_status adi_rd_model_create(ad_context *context, const adi_graph *graph, const adi_rd_config *config, adi_network *net,
                              adi_rd_model **out_model);
void adi_rd_model_destroy(void *model);
/* Entries of the method's table. */
void adi_rd_reserve(const void *model, adi_extractor *x);
ad_status adi_rd_infer(const void *model, const adi_extractor *x, adi_workspace *w, double *out_score, float *map);
void adi_rd_info(const void *model, adi_model_info *out_info);
const adi_preprocess *adi_rd_preprocess(const void *model);
const int32_t *adi_rd_taps(const void *model, int32_t *out_count);
const char *adi_rd_model_option(const void *model, int32_t index, char *value);

ad_status adi_rd_save(const void *model, adi_st_writer *writer, adi_kept *keep);
ad_status adi_rd_load(ad_context *context, const adi_graph *graph, const adi_safetensors *file, void **out_model);

/* ---- Training: masked_rd_training.c, and what is computed in masked_rd_train.c ---- */

/* What one training works in. */
typedef struct adi_rd_training {
    ad_student *student;
    const adi_rd_config *config;
    const adi_student_data *data;
    const ad_context *context;
    adi_extractor *extractor; /* the teacher's, for features that are not cached; of the call that runs */
    adi_workspace *workspace;
    adi_train_plan *plan;
    adi_train_run run;
    adi_optimiser optimiser;
    float *best;
    float *features[ADI_RD_LEVELS]; /* of a batch */
    float *distances;               /* of a level of a batch; when images are scored, of all levels of one */
    float *map;                     /* one image's */
    adi_trainee trainee;
} adi_rd_training;

/* Bytes that a training of batches of this size takes, without images. */
ad_status adi_rd_training_bytes(ad_student *student, const adi_rd_config *config, size_t *out_bytes);
ad_status adi_rd_training_create(ad_student *student, const adi_rd_config *config, const adi_student_data *data,
                                 int32_t batch, adi_rd_training **out_training);
void adi_rd_training_destroy(void *training);
/* masked_rd_train.c: the loop's way in, with neither self nor phases nor arrays. */
extern const adi_trainee adi_rd_trainee;
/* Root mean square over images of the image score, and of the map's values, as the student is now. */
ad_status adi_rd_training_scores(void *training, const int32_t *images, int32_t count, double *out_score,
                                 double *out_map);

#endif
