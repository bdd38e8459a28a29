/* AST's own parts: options (ast_options.c), networks (ast_networks.c), distances and what its
 * training computes (ast_loss.c), and score and map (ast.c). */
#ifndef ADI_METHODS_AST_H
#define ADI_METHODS_AST_H

#include "model/layer_maps.h"
#include "nn/graph.h"
#include "student/student_fit.h"
#include "vision/depth.h"

enum { ADI_AST_FLOW = 0, ADI_AST_STUDENT = 1, ADI_AST_NETWORKS = 2, ADI_AST_ENLARGE = 8 };
enum {
    ADI_AST_MIN_CHANNELS = 2,
    ADI_AST_MAX_CHANNELS = 8192,
    ADI_AST_MAX_HIDDEN = 8192,
    ADI_AST_MAX_BLOCKS = 16,
    ADI_AST_MAX_POSITIONS = 256
};

typedef enum adi_ast_mode {
    ADI_AST_RGB,   /* features of the pixels */
    ADI_AST_DEPTH, /* the depth plane alone */
    ADI_AST_COMBI  /* features, and depth behind them */
} adi_ast_mode;
typedef enum adi_ast_mask {
    ADI_AST_MASK_AUTO,   /* BINARY where there is depth, else NONE */
    ADI_AST_MASK_NONE,   /* every position counts */
    ADI_AST_MASK_BINARY, /* positions of the foreground count, as in the paper's text */
    ADI_AST_MASK_SOFT    /* by their share of the foreground, as in the authors' code */
} adi_ast_mask;
typedef enum adi_ast_norm { ADI_AST_NORM_FOREGROUND, ADI_AST_NORM_ALL } adi_ast_norm;
typedef enum adi_ast_score { ADI_AST_SCORE_STUDENT, ADI_AST_SCORE_TEACHER } adi_ast_score;
typedef enum adi_ast_aggregate {
    ADI_AST_AGGREGATE_AUTO, /* MAX with a mask, else MEAN */
    ADI_AST_AGGREGATE_MEAN,
    ADI_AST_AGGREGATE_MAX
} adi_ast_aggregate;

#define ADI_AST_FREE (AD_OPTION_TRAINING | AD_OPTION_SCORING | ADI_OPTION_FREE)
/* The mode, and behind it rows that only modes with depth have. */
#define ADI_AST_OPTIONS(X)                                                                         \
    X(CHOICE, mode, AD_OPTION_STUDENT | AD_OPTION_SCORING, 0, 2, "rgb|depth|combi", "rgb",         \
      "what the networks see: features of the pixels, depth, or both")                             \
    X(INTEGER, flow_blocks, AD_OPTION_STUDENT, 1, ADI_AST_MAX_BLOCKS, NULL, "4",                   \
      "couplings of the flow")                                                                     \
    X(INTEGER, flow_hidden, AD_OPTION_STUDENT, 0, ADI_AST_MAX_HIDDEN, NULL, "0",                   \
      "channels within the couplings' networks; 0: 1024, with depth 64")                           \
    X(INTEGER, student_blocks, AD_OPTION_STUDENT, 1, ADI_AST_MAX_BLOCKS, NULL, "4",                \
      "residual blocks of the student")                                                            \
    X(INTEGER, student_hidden, AD_OPTION_STUDENT, 1, ADI_AST_MAX_HIDDEN, NULL, "1024",             \
      "channels of the student")                                                                   \
    X(INTEGER, positions, AD_OPTION_STUDENT, 4, ADI_AST_MAX_POSITIONS, NULL, "32",                 \
      "channels of the positional encoding, a multiple of 4")                                      \
    X(REAL, alpha, AD_OPTION_STUDENT, 0, 64, NULL, "0",                                            \
      "largest scale of a coupling; 0: 3, with depth 1.9")                                         \
    X(REAL, leaky, AD_OPTION_STUDENT, 1e-6, 1, NULL, "0.2",                                        \
      "slope of the student's leaky ReLU; the authors' code has 0.01")                             \
    X(INTEGER, teacher_epochs, AD_OPTION_TRAINING, 0, 1000000, "auto", "auto",                     \
      "of the flow; auto: 240, with depth 72; 0: the flow is used as it is")                       \
    X(INTEGER, student_epochs, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1000000, "auto", "auto",   \
      "of the student, likewise")                                                                  \
    X(INTEGER, batch, AD_OPTION_TRAINING, 1, 1024, NULL, "8",                                      \
      "images of a step; an incomplete last batch is skipped")                                     \
    X(REAL, lr, AD_OPTION_TRAINING, 1e-12, 1e12, NULL, "0.0002", "Adam's learning rate")           \
    X(REAL, weight_decay, AD_OPTION_TRAINING, 0, 1e12, NULL, "0.00001", "of all parameters")       \
    X(REAL, clip_norm, AD_OPTION_TRAINING, 0, 1e12, NULL, "0",                                     \
      "largest L2 norm of all gradients; 0: any")                                                  \
    X(SEED, seed, AD_OPTION_STUDENT | AD_OPTION_TRAINING, 0, UINT32_MAX, NULL, "0",                \
      "of the student's random parameters and of the order of images")                             \
    X(CHOICE, mask, AD_OPTION_TRAINING | AD_OPTION_SCORING, 0, 3, "auto|none|binary|soft", "auto", \
      "which positions count: all, the foreground of the depth, or by its share; auto: binary "    \
      "with depth")                                                                                \
    X(CHOICE, mask_norm, AD_OPTION_TRAINING, 0, 1, "foreground|all", "foreground",                 \
      "losses are means over what counts (the paper) or over all positions (the code)")            \
    X(CHOICE, score, ADI_AST_FREE, 0, 1, "student|teacher", "student",                             \
      "distance of student and flow, or the flow's negative log-likelihood alone")                 \
    X(CHOICE, aggregate, ADI_AST_FREE, 0, 2, "auto|mean|max", "auto",                              \
      "image score of the positions; auto: max with a mask, else mean")                            \
    X(INTEGER, max_after_upsample, ADI_AST_FREE, 0, 1, NULL, "0",                                  \
      "1: the maximum of the enlarged map")                                                        \
    X(INTEGER, mask_twice, ADI_AST_FREE, 0, 1, NULL, "0",                                          \
      "1: the mask counts twice in the maximum, as in the code")                                   \
    X(REAL, validation_share, AD_OPTION_TRAINING, 0, 0.99, NULL, "0",                              \
      "of the images, held out; the epoch with their lowest loss is kept; 0: the last epoch is")   \
    X(SEED, split_seed, AD_OPTION_TRAINING, 0, UINT32_MAX, NULL, "0",                              \
      "of which images are held out, as scikit-learn's train_test_split has it")                   \
    X(BYTES, feature_cache, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1125899906842624.0, NULL,     \
      "2147483648", "bytes of features kept in memory")                                            \
    X(BYTES, cache_file, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1125899906842624.0, NULL, "0",   \
      "bytes of features kept beyond that in a file of cache_dir, which has no name")              \
    X(TEXT, cache_dir, AD_OPTION_TRAINING | ADI_OPTION_UNKEPT, 0, 0, NULL, NULL,                   \
      "the folder of that file; given together with cache_file")                                   \
    X(BYTES, memory_limit, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1125899906842624.0, NULL,      \
      "17179869184", "bytes that the fit may hold; more is refused")                               \
    X(REAL, depth_threshold, AD_OPTION_SCORING, 1e-12, 1e6, NULL, "0.007",                         \
      "metres; what differs more from a surface through the four corners is foreground")           \
    X(INTEGER, depth_fill, AD_OPTION_SCORING, 0, 64, NULL, "3",                                    \
      "rounds in which holes of the depth take the mean of their neighbours")                      \
    X(INTEGER, depth_fill_border, AD_OPTION_SCORING, 0, 1, NULL, "0",                              \
      "1: also in the first row and column; 0: as in the authors' code")                           \
    X(CHOICE, depth_corners, AD_OPTION_SCORING, 0, 1, "reject|nearest", "reject",                  \
      "a corner without depth is refused, or takes the nearest depth")                             \
    X(INTEGER, depth_dilation, AD_OPTION_SCORING, 1, 64, NULL, "8",                                \
      "side of the square that widens the foreground, at 8 depth pixels a position")

typedef struct adi_ast_options {
    adi_common_options common;
    ADI_AST_OPTIONS(ADI_OPTION_FIELD)
} adi_ast_options;

typedef struct adi_ast_config {
    adi_settings settings;
    adi_ast_options o;
    int32_t h, w;     /* rows and columns of positions */
    int32_t features; /* channels of the layer; 0: they are not used */
    int32_t channels; /* with those of depth */
    adi_depth_options depth;
} adi_ast_config;

static inline int adi_ast_has_depth(int32_t mode)
{
    return mode != ADI_AST_RGB;
}

/* What a flow reads of a layer with so many features. */
static inline int64_t adi_ast_features(int32_t mode, int64_t features)
{
    return mode == ADI_AST_DEPTH ? 0 : features;
}

static inline int64_t adi_ast_channels(int32_t mode, int64_t features)
{
    const int64_t depth = adi_ast_has_depth(mode) ? ADI_DEPTH_UNSHUFFLE * ADI_DEPTH_UNSHUFFLE : 0;
    return adi_ast_features(mode, features) + depth;
}

static inline int64_t adi_ast_positions(const adi_ast_config *c)
{
    return (int64_t)c->h * c->w;
}

extern const adi_option_table adi_ast_table;
ad_status adi_ast_settle(adi_settings *settings, const adi_allocator *a, const adi_graph *graph);
/* Tell an extractor what the configuration needs of an image. */
void adi_ast_need(const adi_settings *settings, adi_extractor *x);
extern const adi_student_kind adi_ast_kind;

/* ---- Networks: ast_networks.c ---- */

typedef struct adi_ast_arch {
    int32_t channels;  /* of features and depth together */
    int32_t positions; /* channels of the positional encoding, a multiple of 4 */
    int32_t flow_blocks, flow_hidden;
    int32_t student_blocks, student_hidden;
    double alpha, slope; /* of the coupling, of the leaky ReLU */
} adi_ast_arch;

/* Graph text of the flow; taps z [channels] and logdet [1]. The caller frees every text. */
ad_status adi_ast_flow_text(const adi_allocator *a, const adi_ast_arch *arch, char **out_text);
/* The inverse flow, whose parameters have the same names; tap x. */
ad_status adi_ast_inverse_text(const adi_allocator *a, const adi_ast_arch *arch, char **out_text);
/* The student; tap z. */
ad_status adi_ast_student_text(const adi_allocator *a, const adi_ast_arch *arch, char **out_text);

extern const char *const adi_ast_network_names[ADI_AST_NETWORKS];
extern const adi_checkpoint_dialect adi_ast_dialects[3];
ad_status adi_ast_student_settle(adi_settings *settings, const ad_backbone *teacher);
ad_status adi_ast_network(const adi_settings *settings, const ad_backbone *teacher, int32_t index,
                          int64_t values, char **out_text);

/* ---- Distances: ast_loss.c ---- */

/* The weights of positions by their shares of foreground. */
void adi_ast_weigh(const adi_ast_config *config, const float *shares, float *weights);
/* The squares that the distances come from, of the flow's z and perhaps the student's result, in
 * the backend's memory. */
ad_status adi_ast_measure(const adi_ast_config *config, const adi_kernels *k, const adi_exec *ex,
                          const adi_f32 *z, const adi_f32 *student, adi_f32 *squares);
/* Squares become distances, on the host; logdet is read where the teacher alone scores. */
void adi_ast_distances(const adi_ast_config *config, const float *logdet, float *io);
/* How distances become score and map. */
adi_map_recipe adi_ast_recipe(const adi_ast_config *config);

/* ---- Training: ast_loss.c ---- */

typedef struct adi_ast_training {
    adi_training head;
    const adi_ast_config *config;
    adi_f32 *x, *weights; /* of a batch */
    adi_f32 *target;      /* the flow's result of a batch, and behind it the log-determinants */
    adi_f32 *distances;   /* of a batch's positions */
    /* One image's, on the host; fetched: its distances, log-determinants and weights, NULL where
     * they need not be. */
    float *fetched, *map, *tmp;
} adi_ast_training;

ad_status adi_ast_store(adi_student_fit *fit);
ad_status adi_ast_add(adi_student_fit *fit, const adi_extractor *x, adi_workspace *w);
ad_status adi_ast_prepare(adi_training *training, int32_t batch);
double adi_ast_clip_norm(const adi_training *training, int32_t phase);
ad_status adi_ast_gradients(adi_training *training, int32_t phase, const int32_t *images,
                            int32_t count, const adi_cancel *cancel, adi_batch_loss *out_loss);
ad_status adi_ast_validate(adi_training *training, int32_t phase, const int32_t *images,
                           int32_t count, const adi_cancel *cancel, double *out_error);
ad_status adi_ast_scores(adi_training *training, const int32_t *images, int32_t count,
                         double *out_score, double *out_map);

#endif
