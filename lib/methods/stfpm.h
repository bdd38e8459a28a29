/* The parts of STFPM, with and without U-Nets: options (stfpm_options.c), networks
 * (stfpm_networks.c), what its training computes (stfpm_loss.c), and score and map (stfpm.c). */
#ifndef ADI_METHODS_STFPM_H
#define ADI_METHODS_STFPM_H

#include "model/layer_maps.h"
#include "nn/graph.h"
#include "student/student_fit.h"

enum { ADI_STFPM_MAX_LAYERS = ADI_STUDENT_MAX_LAYERS };

typedef enum adi_loss_batch { ADI_LOSS_BATCH_MEAN, ADI_LOSS_BATCH_SUM } adi_loss_batch;
typedef enum adi_validation {
    ADI_VALIDATION_DISTANCE, /* mean over images and positions of the layers' summed distances */
    ADI_VALIDATION_PRODUCT   /* mean of the joined map, as the official code has it */
} adi_validation;
typedef enum adi_combine { ADI_COMBINE_PRODUCT, ADI_COMBINE_SUM } adi_combine;
typedef enum adi_rec_target { ADI_REC_TARGET_STUDENT, ADI_REC_TARGET_TEACHER } adi_rec_target;

#define ADI_STFPM_OPTIONS(X, clip)                                                                 \
    X(TEXT, layer_weights, AD_OPTION_TRAINING, 0, 0, NULL, NULL,                                   \
      "comma-separated weights of the layers in the loss; default: all 1")                         \
    X(INTEGER, epochs, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1000000, NULL, "100",              \
      "of training; 0: the student is used as it is")                                              \
    X(INTEGER, batch, AD_OPTION_TRAINING, 2, 1024, NULL, "32", "images of a step")                 \
    X(CHOICE, optimizer, AD_OPTION_TRAINING, 0, 1, "sgd|adam", "sgd", "of the student")            \
    X(REAL, lr, AD_OPTION_TRAINING, 1e-12, 1e12, NULL, "0.4", "learning rate of the student")      \
    X(REAL, momentum, AD_OPTION_TRAINING, 0, 0.999999, NULL, "0.9", "of SGD")                      \
    X(REAL, weight_decay, AD_OPTION_TRAINING, 0, 1e12, NULL, "0.0001", "of all parameters")        \
    X(SEED, seed, AD_OPTION_STUDENT | AD_OPTION_TRAINING, 0, UINT32_MAX, NULL, "0",                \
      "of the student's random parameters and of the order of images")                             \
    X(INTEGER, loss_half, AD_OPTION_TRAINING, 0, 1, NULL, "1",                                     \
      "1: half the squared distance, as in the paper; 0: all of it")                               \
    X(CHOICE, loss_batch, AD_OPTION_TRAINING, 0, 1, "mean|sum", "mean",                            \
      "the loss is the mean or the sum over the batch's images")                                   \
    X(CHOICE, val, AD_OPTION_TRAINING, 0, 1, "distance|product", "distance",                       \
      "validation error: mean distance, or mean of the joined map as in the official code")        \
    X(INTEGER, patience, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1000000, NULL, "0",              \
      "stop after so many epochs without a lower validation error; 0: never")                      \
    X(REAL, validation_share, AD_OPTION_TRAINING, 0, 0.99, NULL, "0.2",                            \
      "of the images, held out; the epoch with their lowest error is kept; 0: the last epoch is")  \
    X(SEED, split_seed, AD_OPTION_TRAINING, 0, UINT32_MAX, NULL, "0",                              \
      "of which images are held out, as scikit-learn's train_test_split has it")                   \
    X(REAL, clip_norm, AD_OPTION_TRAINING, 0, 1e12, NULL, clip,                                    \
      "largest L2 norm of all gradients; 0: any")                                                  \
    X(CHOICE, combine, AD_OPTION_TRAINING | AD_OPTION_SCORING, 0, 1, "product|sum", "product",     \
      "how the layers' maps are joined")                                                           \
    X(INTEGER, combine_at, AD_OPTION_TRAINING | AD_OPTION_SCORING, 0, 4096, NULL, "0",             \
      "side at which the maps are joined; 0: the input's")                                         \
    X(BYTES, feature_cache, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1125899906842624.0, NULL,     \
      "2147483648",                                                                                \
      "bytes of teacher features kept; those beyond are computed in every epoch, alike")           \
    X(BYTES, memory_limit, AD_OPTION_TRAINING | ADI_OPTION_FREE, 0, 1125899906842624.0, NULL,      \
      "17179869184", "bytes that the fit may hold; more is refused")

#define ADI_STFPM_UNET_OPTIONS(X)                                                                  \
    X(INTEGER, pretrain_epochs, AD_OPTION_TRAINING, 0, 1000000, NULL, "50",                        \
      "in which the U-Nets alone learn the teacher's features; 0: none")                           \
    X(REAL, pretrain_lr, AD_OPTION_TRAINING, 1e-12, 1e12, NULL, "0.001",                           \
      "Adam's learning rate of the U-Nets alone")                                                  \
    X(REAL, unet_lr, AD_OPTION_TRAINING, 1e-12, 1e12, NULL, "0.0001",                              \
      "Adam's learning rate of the U-Nets beside the student")                                     \
    X(REAL, unet_weight_decay, AD_OPTION_TRAINING, 0, 1e12, NULL, "0", "of the U-Nets")            \
    X(REAL, rec_weight, AD_OPTION_TRAINING, 0, 1e12, NULL, "1",                                    \
      "weight of the reconstruction loss")                                                         \
    X(REAL, sim_weight, AD_OPTION_TRAINING, 0, 1e12, NULL, "1", "weight of the similarity loss")   \
    X(CHOICE, rec_target, AD_OPTION_TRAINING, 0, 1, "student|teacher", "student",                  \
      "what the U-Nets re-create in the reconstruction loss")                                      \
    X(INTEGER, rec_stopgrad, AD_OPTION_TRAINING, 0, 1, NULL, "0",                                  \
      "1: the student gets no gradient as that target")                                            \
    X(CHOICE, unet_head, AD_OPTION_STUDENT, 0, 1, "none|conv1x1", "none",                          \
      "a 1x1 convolution behind a U-Net's last concatenation, or none")                            \
    X(INTEGER, unet_depth, AD_OPTION_STUDENT, 1, 2, NULL, "2", "poolings of a U-Net")              \
    X(INTEGER, unet_convs, AD_OPTION_STUDENT, 0, 2, NULL, "0",                                     \
      "convolutions of each block of a U-Net; 0: 2, with a head 1")

typedef struct adi_stfpm_options {
    adi_common_options common;
    ADI_STFPM_OPTIONS(ADI_OPTION_FIELD, "0")
    ADI_STFPM_UNET_OPTIONS(ADI_OPTION_FIELD)
} adi_stfpm_options;

typedef struct adi_stfpm_config {
    adi_settings settings;
    adi_stfpm_options o;
    double weights[ADI_STFPM_MAX_LAYERS];
    int32_t unets; /* 1: there is a U-Net for every layer */
} adi_stfpm_config;

extern const adi_option_table adi_stfpm_table, adi_stfpm_unet_table;
ad_status adi_stfpm_settle(adi_settings *settings, const adi_allocator *a, const adi_graph *graph);
extern const adi_student_kind adi_stfpm_kind, adi_stfpm_unet_kind;

/* How distances become a map: of the model, and of the fit that finds what normal images score. */
adi_map_recipe adi_stfpm_recipe(const adi_stfpm_config *config);
ad_status adi_stfpm_model_create(ad_context *context, const adi_graph *graph,
                                 const adi_settings *settings, adi_networks *networks,
                                 adi_model **out_model);

/* ---- Networks: stfpm_networks.c ---- */

typedef enum adi_unet_head {
    ADI_UNET_HEAD_NONE,   /* the last step is a concatenation */
    ADI_UNET_HEAD_CONV1X1 /* a 1x1 convolution follows it */
} adi_unet_head;

typedef struct adi_unet_options {
    int32_t channels; /* of the maps that it reconstructs */
    int32_t head;     /* an adi_unet_head */
    int32_t depth;    /* poolings: 1 or 2 */
    int32_t convs;    /* of each block: 1 or 2; 0: 2, with a head 1 */
} adi_unet_options;

/* Graph text, which the caller frees: the input `f` and the tap `out` have one shape.
 * AD_ERR_INVALID_ARGUMENT where an option is not possible. */
ad_status adi_unet_graph_text(const adi_allocator *a, const adi_unet_options *o, char **out_text);
/* AD_ERR_SHAPE, with the name of the layer, where maps of h x w cannot be halved so often. */
ad_status adi_unet_check_size(const adi_unet_options *o, const char *layer, int64_t h, int64_t w);

ad_status adi_stfpm_student_settle(adi_settings *settings, const ad_backbone *teacher);
ad_status adi_stfpm_network(const adi_settings *settings, const ad_backbone *teacher,
                            int32_t index, int64_t values, char **out_text);
/* AD_ERR_SHAPE where a U-Net cannot halve the layer's maps of h x w so often. */
ad_status adi_stfpm_check_unet(const adi_settings *settings, const adi_graph *teacher,
                               int32_t layer, int64_t h, int64_t w);
extern const char *const adi_stfpm_network_names[ADI_STUDENT_MAX_MODULES];
extern const adi_checkpoint_dialect adi_stfpm_dialects[2];

/* ---- Training: stfpm_loss.c ---- */

typedef struct adi_stfpm_training {
    adi_training head;
    const adi_stfpm_config *config;
    adi_f32 *input;     /* a batch of images */
    adi_f32 *teacher;   /* a batch's features, one layer after the other, where they are kept */
    adi_f32 *distances; /* of the images that are compared at once, one layer after the other */
    /* One image's, on the host; fetched: its distances, NULL where they need not be. */
    float *fetched, *map, *tmp;
} adi_stfpm_training;

ad_status adi_stfpm_prepare(adi_training *training, int32_t batch);
void adi_stfpm_begin_phase(adi_training *training, int32_t phase);
double adi_stfpm_clip_norm(const adi_training *training, int32_t phase);
ad_status adi_stfpm_gradients(adi_training *training, int32_t phase, const int32_t *images,
                              int32_t count, const adi_cancel *cancel, adi_batch_loss *out_loss);
ad_status adi_stfpm_validate(adi_training *training, int32_t phase, const int32_t *images,
                             int32_t count, const adi_cancel *cancel, double *out_error);
ad_status adi_stfpm_scores(adi_training *training, const int32_t *images, int32_t count,
                           double *out_score, double *out_map);

#endif
