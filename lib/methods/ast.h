/* AST's own parts: options as text (ast_options.c), the features of a fit (ast_data.c), what its training computes
 * (ast_train.c) and works in (ast_training.c), the fitter (ast_fit.c), score and map (ast.c), and how a model is kept in a
 * file (ast_file.c). */
#ifndef ADI_METHODS_AST_H
#define ADI_METHODS_AST_H

#include "methods/student.h"
#include "nn/train_plan.h"
#include "train/fit_loop.h"
#include "train/optimiser.h"

enum { ADI_AST_FLOW = 0, ADI_AST_STUDENT = 1, ADI_AST_NETWORKS = 2, ADI_AST_ENLARGE = 8 };

/* Options resolved against a student: nothing is left to default. */
typedef struct adi_ast_config {
    adi_preprocess preprocess;
    ad_ast_options o;         /* its preprocess and cache_dir are not used */
    int32_t mode;             /* an ad_ast_mode */
    int32_t tap;
    int32_t h, w;             /* rows and columns of positions */
    int32_t features;         /* channels of the layer; 0: they are not used */
    int32_t channels;         /* with those of depth */
    adi_depth_options depth;
} adi_ast_config;

/* ad_ast_options_set() of a full struct. */
ad_status adi_ast_set(void *full, const char *key, const char *value);
/* epochs of -1 become the mode's own. */
ad_status adi_ast_resolve(const ad_ast_options *options, const adi_allocator *a, const adi_graph *graph, int32_t tap,
                          int32_t mode, adi_ast_config *out_config);
/* Option `index` of a configuration as text, in a form that ad_ast_options_set() reads, behind layers and mode; its key,
 * or NULL past the last. value holds ADI_OPTION_TEXT bytes. */
const char *adi_ast_option(const void *config, const adi_graph *graph, int32_t index, char *value);
/* ad_ast_mode as a word, and the words. */
extern const char *const adi_ast_mode_words[3];
/* Tell an extractor what the configuration needs of an image. */
void adi_ast_prepare(const adi_ast_config *config, adi_extractor *x);

/* ---- Scores: ast.c ---- */

static inline int64_t adi_ast_positions(const adi_ast_config *c)
{
    return (int64_t)c->h * c->w;
}

/* What the flow and the student read, from an image's features and depth in a workspace: x [positions, channels] and the
 * weights of positions [positions]. AD_ERR_NUMERIC where features are not finite. */
ad_status adi_ast_gather(const adi_ast_config *config, const adi_extractor *e, const adi_workspace *w, float *x,
                         float *weights);
/* Scores of positions from z, and from logdet or the student's result; in place of them their map, by the weights once,
 * in distances [positions]. */
ad_status adi_ast_distances(const adi_ast_config *config, const ad_context *context, const float *z, const float *logdet,
                            const float *student, float *distances);
/* The image's score of them and, where map is not NULL or the score is of it, the map of 8 h x 8 w. */
void adi_ast_score(const adi_ast_config *config, float *distances, const float *weights, float *map, double *out_score);

typedef struct adi_ast_model {
    ad_context *context; /* the backbone that the owner holds keeps it alive */
    const adi_graph *graph;
    adi_ast_config config;
    adi_network *net[ADI_AST_NETWORKS];
    adi_plan *plan[ADI_AST_NETWORKS];
    int64_t images;
    double normal_score, normal_map;
} adi_ast_model;

/* A model around networks, which it owns from then on, also on failure. `graph`: the backbone's. */
ad_status adi_ast_model_create(ad_context *context, const adi_graph *graph, const adi_ast_config *config,
                               adi_network *const *nets, adi_ast_model **out_model);
void adi_ast_model_destroy(void *model);
/* Entries of the method's table. */
void adi_ast_reserve(const void *model, adi_extractor *x);
ad_status adi_ast_infer(const void *model, const adi_extractor *x, adi_workspace *w, double *out_score, float *map);
void adi_ast_info(const void *model, adi_model_info *out_info);
const adi_preprocess *adi_ast_preprocess(const void *model);
const int32_t *adi_ast_taps(const void *model, int32_t *out_count);
const char *adi_ast_model_option(const void *model, int32_t index, char *value);

ad_status adi_ast_save(const void *model, adi_st_writer *writer, adi_kept *keep);
ad_status adi_ast_load(ad_context *context, const adi_graph *graph, const adi_safetensors *file, void **out_model);

/* ---- Features: ast_data.c ---- */

/* One record an image: x and the weights of positions. As many as feature_cache holds are in memory, the others in a
 * file without a name. */
typedef struct adi_ast_data {
    const adi_allocator *allocator;
    size_t floats;               /* of a record */
    size_t memory_limit, others; /* bytes; others: of the training beside the records */
    uint64_t cache_limit, file_limit;
    float **records;
    size_t capacity;
    int32_t count, cached;       /* the first `cached` are in memory */
    int fd;                      /* -1: no file */
    uint64_t digest;             /* of all records in their order */
} adi_ast_data;

/* dir: NULL without a file. AD_ERR_IO where none can be made there. */
ad_status adi_ast_data_init(adi_ast_data *d, const adi_allocator *a, size_t floats, const char *dir);
void adi_ast_data_free(adi_ast_data *d);
/* On failure as before. */
ad_status adi_ast_data_add(adi_ast_data *d, const float *record);
size_t adi_ast_data_bytes(const adi_ast_data *d);
/* Record `index`, in two parts. */
ad_status adi_ast_data_get(const adi_ast_data *d, int32_t index, float *x, size_t x_floats, float *weights);

/* ---- Training: ast_training.c, and what is computed in ast_train.c ---- */

extern const char *const adi_ast_phase_names[ADI_AST_NETWORKS];

/* What one training works in. */
typedef struct adi_ast_training {
    ad_student *student;
    const adi_ast_config *config;
    const adi_ast_data *data;
    const ad_context *context;
    adi_train_plan *plan[ADI_AST_NETWORKS];
    adi_train_run run[ADI_AST_NETWORKS]; /* one block and gradients serve both */
    adi_optimiser optimiser;             /* of the network that the phase trains */
    float *best;                         /* its best values */
    float *x, *weights;   /* of a batch */
    float *target;        /* the flow's result of a batch, and behind it the log-determinants */
    float *distances;     /* of a batch's positions */
    float *map;           /* one image's */
    adi_trainee trainee;
} adi_ast_training;

/* Bytes that a training of batches of this size takes, without the features. */
ad_status adi_ast_training_bytes(ad_student *student, const adi_ast_config *config, size_t *out_bytes);
ad_status adi_ast_training_create(ad_student *student, const adi_ast_config *config, const adi_ast_data *data,
                                  int32_t batch, adi_ast_training **out_training);
void adi_ast_training_destroy(void *training);
/* ast_train.c: the loop's way in, with neither self nor phases nor arrays. */
extern const adi_trainee adi_ast_trainee;
/* Root mean square over images of the image score, and of the map's values, as the networks are now. */
ad_status adi_ast_training_scores(void *training, const int32_t *images, int32_t count, double *out_score,
                                  double *out_map);

#endif
