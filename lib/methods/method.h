/* A method is one vtable; fitter, scorer and backbone are what it works with. */
#ifndef ADI_METHODS_METHOD_H
#define ADI_METHODS_METHOD_H

#include "core/safetensors.h"
#include "core/use.h"
#include "methods/option_text.h"

struct adi_fit_control; /* train/fit_loop.h */

struct ad_backbone {
    atomic_int refs;
    ad_context *context;
    adi_network *network;
    char digest[17];          /* of every available tap */
    pthread_mutex_t lock;     /* of last */
    struct adi_shared_extractor *last; /* the latest of ad_extract_features(); api/backbone.c */
};

/* Numbers a method finds while fitting and a scorer reports. */
typedef struct adi_model_info {
    int32_t has_map;
    int64_t image_count;
    double normal_score, normal_map;
} adi_model_info;

typedef struct adi_method {
    const char *name;

    /* Fitting. The workspace holds the image's features; on failure the state is as before. */
    ad_status (*add)(void *state, const adi_extractor *x, adi_workspace *w);
    ad_status (*merge)(void *state, const void *other); /* AD_ERR_MISMATCH where options differ */
    /* Methods with a student: train it on what was added, from where the last call stopped; NULL for others. */
    ad_status (*train)(void *state, adi_extractor *x, const struct adi_fit_control *control);
    ad_student *(*student)(const void *state); /* of them: which */
    ad_status (*finish)(const void *state, void **out_model);
    size_t (*memory)(const void *state);
    int64_t (*count)(const void *state);
    void (*destroy_state)(void *state);

    /* The fitted model. */
    /* What the model needs in a workspace. */
    void (*reserve)(const void *model, adi_extractor *x);
    /* Score from the features in the workspace; map: crop x crop floats, or NULL. */
    ad_status (*infer)(const void *model, const adi_extractor *x, adi_workspace *w, double *out_score,
                       float *map);
    void (*info)(const void *model, adi_model_info *out_info);
    /* Blocks that must live until the file is written are put in *keep. */
    ad_status (*save)(const void *model, adi_st_writer *writer, adi_kept *keep);
    /* `graph` has the model's layers; option values come from the file's metadata. */
    ad_status (*load)(ad_context *context, const adi_graph *graph, const adi_safetensors *file,
                      void **out_model);
    void (*destroy_model)(void *model);
    /* Preprocessing and taps, which the scorer's extractor is made from. */
    const adi_preprocess *(*preprocess)(const void *model);
    const int32_t *(*taps)(const void *model, int32_t *out_count);
    /* Options in force as text; NULL past the last. value: at least ADI_OPTION_TEXT bytes. */
    const char *(*option)(const void *model, int32_t index, char *value);
} adi_method;

extern const adi_method adi_method_gaussian;
extern const adi_method adi_method_padim;
extern const adi_method adi_method_stfpm;
extern const adi_method adi_method_stfpm_unet;
extern const adi_method adi_method_ast;
extern const adi_method adi_method_masked_rd;

/* method_list.c: by the name in a scorer file; NULL where there is none. */
const adi_method *adi_method_find(const char *name);

struct ad_fitter {
    atomic_int
        refs; /* the caller's, and one of each call that runs: a callback may destroy the fitter */
    adi_use use;
    ad_backbone *backbone; /* owned reference */
    const adi_method *method;
    void *state;
    adi_extractor *extractor;
    ad_read_options read; /* of the files that the images came from; AUTO and 0: not said */
    int64_t skipped;      /* damaged images */
};

/* One option in force, as text. */
typedef struct adi_option_pair {
    const char *key;
    char *value;
} adi_option_pair;

enum { ADI_MAX_OPTIONS = 64 };

/* How a scorer comes to its pixels: remembered by its file. */
typedef struct adi_scorer_reading {
    ad_read_options files; /* as in ad_scorer_read_options() */
    int32_t
        rounded_16; /* as in adi_preprocess; of scorers that were fitted before adi_grey_to_8() */
} adi_scorer_reading;

/* Whether a scorer sees images of the product that it was fitted on: api/product_watch.c. */
enum { ADI_WATCHED = 8 }; /* images */

typedef struct adi_product_watch {
    double limit; /* that the median score of good images does not pass; 0: not known */
    atomic_int taken, kept, said;
    _Atomic float first[ADI_WATCHED];
} adi_product_watch;

struct ad_scorer {
    atomic_int refs;
    ad_backbone *backbone;
    const adi_method *method;
    void *model;
    adi_extractor *extractor;
    char digest[17]; /* of the backbone's nodes in use, as it was when fitted */
    adi_scorer_reading reading;
    adi_option_pair options[ADI_MAX_OPTIONS];
    int32_t option_count;
    adi_product_watch watch;
};

/* api/backbone.c */
ad_backbone *adi_backbone_retain(ad_backbone *backbone);
/* A backbone from an open weights file; options as in ad_backbone_open(). layers: NULL, or comma-separated names: all
 * that will be asked for, so that the rest stays in the file. Names that the graph does not have are no reason. */
ad_status adi_backbone_from_file(ad_context *context, const adi_safetensors *file,
                                 const ad_backbone_options *options, const char *layers,
                                 ad_backbone **out_backbone);
/* The same from the path of a file. */
ad_status adi_backbone_open(ad_context *context, const char *weights_path,
                            const ad_backbone_options *options, const char *layers,
                            ad_backbone **out_backbone);
/* api/scorer.c: a scorer around a model, which it owns from then on, also on failure. */
ad_status adi_scorer_wrap(ad_backbone *backbone, const adi_method *method, void *model,
                          const char *digest, const adi_scorer_reading *reading,
                          ad_scorer **out_scorer);
/* Score an image whose label is known: what the scorer makes of the first images it sees is not
 * looked at. map: NULL, or checked, of a scorer that has maps. */
ad_status adi_scorer_run(ad_scorer *scorer, const ad_image *image, const ad_map *map,
                         float *out_score);
/* api/scorer_file.c: ad_scorer_load() from bytes in memory. */
ad_status adi_scorer_load_bytes(ad_context *context, const uint8_t *bytes, size_t size,
                                const char *weights_path, ad_scorer **out_scorer);
/* api/fitter.c: a fitter around a state, which it owns from then on, also on failure. */
ad_status adi_fitter_wrap(ad_backbone *backbone, const adi_method *method, void *state,
                          const adi_preprocess *preprocess, const int32_t *taps, int32_t tap_count,
                          ad_fitter **out_fitter);

#endif
