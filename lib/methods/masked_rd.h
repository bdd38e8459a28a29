/* The parts of masked reverse distillation: options (masked_rd_options.c), network
 * (masked_rd_networks.c), what its training computes (masked_rd_loss.c), and score and map
 * (masked_rd.c). */
#ifndef ADI_METHODS_MASKED_RD_H
#define ADI_METHODS_MASKED_RD_H

#include "model/layer_maps.h"
#include "nn/graph.h"
#include "student/student_fit.h"
#include "vision/blur.h"

enum { ADI_RD_LEVELS = 3, ADI_RD_ALL_LEVELS = 7, ADI_RD_STAGES = 4, ADI_RD_STRIDE = 32 };

typedef enum adi_rd_loss { ADI_RD_LOSS_POSITION, ADI_RD_LOSS_FLAT } adi_rd_loss;

#define ADI_RD_SCORING (AD_OPTION_SCORING | ADI_OPTION_FREE)
#define ADI_RD_OPTIONS(X)                                                                          \
    X(CHOICE, levels, AD_OPTION_STUDENT | AD_OPTION_SCORING, 0, 7, "all|1|2|12|3|13|23|123",       \
      "all", "which of the teacher's three maps are compared, 1 is layer1's")                      \
    X(CHOICE, msff_out, AD_OPTION_STUDENT, 0, 1, "conv|concat", "conv",                            \
      "the fused maps are narrowed by a 1x1 convolution, or stand one behind the other")           \
    X(INTEGER, sru, AD_OPTION_STUDENT, 0, 1, NULL, "1", "1: a spatial reconstruction unit")        \
    X(INTEGER, cru, AD_OPTION_STUDENT, 0, 1, NULL, "1", "1: a channel reconstruction unit")        \
    X(INTEGER, simam, AD_OPTION_STUDENT, 0, 1, NULL, "1", "1: SimAM's attention")                  \
    X(CHOICE, gate, AD_OPTION_STUDENT, 0, 1, "hard|soft", "hard",                                  \
      "of the spatial unit: by sign, or by a sigmoid as in SCConv's code")                         \
    X(INTEGER, gn_groups, AD_OPTION_STUDENT, 1, ADI_MAX_CHANNELS, NULL, "4",                       \
      "groups of the spatial unit's normalisation")                                                \
    X(CHOICE, cru_softmax, AD_OPTION_STUDENT, 0, 1, "two_way|joint", "two_way",                    \
      "of the channel unit: between both maps, or over all channels of both")                      \
    X(INTEGER, fmm, AD_OPTION_STUDENT, 0, 1, NULL, "1",                                            \
      "1: generators behind masks; 0: the decoder's maps are compared")                            \
    X(INTEGER, fmm_align, AD_OPTION_STUDENT, 0, 1, NULL, "1",                                      \
      "1: a 1x1 convolution before each mask")                                                     \
    X(REAL, mask_rate, AD_OPTION_STUDENT, 0, 0.999999, NULL, "0.2",                                \
      "share of positions that a mask hides; 0: none")                                             \
    X(CHOICE, eval_mask, AD_OPTION_STUDENT, 0, 1, "none|seeded", "none",                           \
      "no masks when images are scored, or the same for each")                                     \
    X(INTEGER, epochs, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1000000, NULL, "200",              \
      "of training; 0: the student is used as it is")                                              \
    X(INTEGER, batch, AD_OPTION_TRAINING, 2, 1024, NULL, "16", "images of a step")                 \
    X(CHOICE, loss, AD_OPTION_TRAINING, 0, 1, "position|flat", "position",                         \
      "cosine distance of each position's vector, or of whole maps as in RD4AD's code")            \
    X(REAL, lr, AD_OPTION_TRAINING, 1e-12, 1e12, NULL, "0.001", "Adam's learning rate")            \
    X(REAL, beta1, AD_OPTION_TRAINING, 0, 0.999999, NULL, "0.5", "of Adam")                        \
    X(REAL, beta2, AD_OPTION_TRAINING, 0, 0.999999, NULL, "0.999", "of Adam")                      \
    X(REAL, weight_decay, AD_OPTION_TRAINING, 0, 1e12, NULL, "0.00001", "of all parameters")       \
    X(SEED, seed, AD_OPTION_STUDENT | AD_OPTION_TRAINING, 0, UINT32_MAX, NULL, "0",                \
      "of the student's random parameters, the order of images and the masks")                     \
    X(REAL, validation_share, AD_OPTION_TRAINING, 0, 0.99, NULL, "0.1",                            \
      "of the images, held out; the epoch with their lowest loss is kept; 0: the last epoch is")   \
    X(SEED, split_seed, AD_OPTION_TRAINING, 0, UINT32_MAX, NULL, "0",                              \
      "of which images are held out, as scikit-learn's train_test_split has it")                   \
    X(INTEGER, patience, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1000000, NULL, "20",             \
      "stop after so many epochs without a lower validation loss; 0: never")                       \
    X(CHOICE, combine, ADI_RD_SCORING, 0, 1, "product|sum", "sum",                                 \
      "how the levels' maps are joined")                                                           \
    X(REAL, blur_sigma, ADI_RD_SCORING, 0, ADI_BLUR_MAX_SIGMA, NULL, "4",                          \
      "Gaussian blur of the map in pixels at input size; 0: none")                                 \
    X(BYTES, feature_cache, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1125899906842624.0, NULL,     \
      "2147483648",                                                                                \
      "bytes of teacher features kept; those beyond are computed in every epoch, alike")           \
    X(BYTES, memory_limit, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1125899906842624.0, NULL,      \
      "17179869184", "bytes that the fit may hold; more is refused")

typedef struct adi_rd_options {
    adi_common_options common;
    ADI_RD_OPTIONS(ADI_OPTION_FIELD)
} adi_rd_options;

typedef struct adi_rd_config {
    adi_settings settings;
    adi_rd_options o;
    adi_shape shapes[ADI_RD_LEVELS]; /* of one image's features */
} adi_rd_config;

/* levels as a bit for each: that is what its values are, but for all. */
static inline int32_t adi_rd_bits(int32_t levels)
{
    return levels ? levels : ADI_RD_ALL_LEVELS;
}

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
    return adi_rd_bits(c->o.levels) >> level & 1;
}

extern const adi_option_table adi_rd_table;
ad_status adi_rd_settle(adi_settings *settings, const adi_allocator *a, const adi_graph *graph);
extern const adi_student_kind adi_rd_kind;
/* How distances become score and map. */
adi_map_recipe adi_rd_recipe(const adi_rd_config *config);

/* ---- The network: masked_rd_networks.c ---- */

/* A residual network as its student needs to know it, by stages "layer1" to "layer4". */
typedef struct adi_rd_teacher {
    int32_t bottleneck; /* 1: blocks of three convolutions, 0: of two */
    int32_t blocks[ADI_RD_STAGES];
    int32_t channels[ADI_RD_LEVELS]; /* of a stage's result */
    int32_t inner[ADI_RD_LEVELS];    /* of its blocks' 3x3 convolutions */
} adi_rd_teacher;

typedef struct adi_rd_arch {
    adi_rd_teacher teacher;
    int32_t concat;               /* 1: the fused maps are not narrowed */
    int32_t sru, cru, simam, fmm; /* 1: the network has the part */
    int32_t soft, joint;          /* of the SRU's gate, of the CRU's softmax */
    int32_t gn_groups;            /* of the SRU's normalisation */
    int32_t align;                /* 1: a 1x1 convolution before a generator's mask */
    int32_t levels;               /* bits of the levels that are compared; bit 0 is layer1 */
    int32_t eval_mask;            /* 1: masks in evaluation, too */
    double mask_rate;
} adi_rd_arch;

/* AD_ERR_UNSUPPORTED where the graph is no such network. */
ad_status adi_rd_teacher_of(const adi_graph *graph, adi_rd_teacher *out_teacher);
/* Graph text, which the caller frees. Inputs e3, e2, e1; taps g1, g2, g3 of compared levels. */
ad_status adi_rd_text(const adi_allocator *a, const adi_rd_arch *arch, char **out_text);

extern const char *const adi_rd_network_names[1];
extern const adi_checkpoint_dialect adi_rd_dialects[2];
ad_status adi_rd_student_settle(adi_settings *settings, const ad_backbone *teacher);
ad_status adi_rd_network(const adi_settings *settings, const ad_backbone *teacher, int32_t index,
                         int64_t values, char **out_text);

/* ---- Training: masked_rd_loss.c ---- */

typedef struct adi_rd_training {
    adi_training head;
    const adi_rd_config *config;
    adi_f32 *features[ADI_RD_LEVELS]; /* of a batch */
    adi_f32 *distances;               /* of a level of a batch, or of all levels of one image */
    /* One image's, on the host; fetched: its distances, NULL where they need not be. */
    float *fetched, *map, *tmp;
} adi_rd_training;

ad_status adi_rd_prepare(adi_training *training, int32_t batch);
ad_status adi_rd_gradients(adi_training *training, int32_t phase, const int32_t *images,
                           int32_t count, const adi_cancel *cancel, adi_batch_loss *out_loss);
ad_status adi_rd_validate(adi_training *training, int32_t phase, const int32_t *images,
                          int32_t count, const adi_cancel *cancel, double *out_error);
ad_status adi_rd_scores(adi_training *training, const int32_t *images, int32_t count,
                        double *out_score, double *out_map);

#endif
