/* A method is one table of functions. They make a fit, which learns, and a model, which scores. */
#ifndef ADI_MODEL_METHOD_H
#define ADI_MODEL_METHOD_H

#include "core/safetensors.h"
#include "model/backbone.h"
#include "model/layer_maps.h"
#include "model/settings.h"

struct adi_fit_control; /* train/fit_loop.h */
typedef struct adi_method adi_method;

/* Being fitted: the first member of every method's own struct. */
typedef struct adi_fit {
    const adi_method *method;
    ad_backbone *backbone; /* the fitter keeps it */
    ad_student *student;   /* that the fit trains, or NULL */
    const adi_settings *settings;
    int64_t count; /* images added */
} adi_fit;

/* Fitted: the first member of every method's own struct. */
typedef struct adi_model {
    const adi_method *method;
    ad_context *context;    /* the backbone that the owner keeps holds it */
    const adi_graph *graph; /* the backbone's */
    const adi_settings *settings;
    int32_t has_map;
    adi_map_recipe recipe; /* from distances to the map */
    const struct adi_networks *networks; /* the fitted ones; NULL: none */
} adi_model;

/* Numbers that a fit finds and a scorer tells. */
typedef struct adi_facts {
    int64_t images;
    double normal_score, normal_map;
} adi_facts;

/* Capabilities of a method. */
enum {
    ADI_MAPS = 1,   /* its scorers say where */
    ADI_DEPTH = 2,  /* it may use depth */
    ADI_MERGES = 4, /* its fits can be merged */
    ADI_TRAINS = 8  /* it trains a student */
};

struct adi_method {
    const char *name, *source, *needs; /* for people: the paper, and what images it is for */
    uint32_t caps;
    size_t config_size; /* of the settings with what the method puts behind them */
    const adi_option_table *options;
    const struct adi_student_kind *student; /* what it trains; student/student.h */

    /* Defaults that depend on the backbone become what they stand for; settings->table and all
     * options are set. With a student its options are in already, settled. */
    ad_status (*settle)(adi_settings *settings, const adi_allocator *a, const adi_graph *graph);

    /* Fitting. `settings` is copied; backbone and student are kept alive by the caller. */
    ad_status (*create)(const adi_settings *settings, ad_backbone *backbone, ad_student *student,
                        adi_fit **out_fit);
    /* The extractor learns what a fit needs of an image beside features; or NULL. */
    void (*prepare)(const adi_settings *settings, adi_extractor *x);
    /* The workspace holds the image's features; on failure the fit is as before. */
    ad_status (*add)(adi_fit *fit, const adi_extractor *x, adi_workspace *w);
    ad_status (*merge)(adi_fit *fit, adi_fit *other); /* of equal options; `other` means the same */
    /* Makes a model of the images that were added, and facts about their scores. Methods with a
     * student train it first, from where the last call stopped. */
    ad_status (*finish)(adi_fit *fit, adi_extractor *x, const struct adi_fit_control *control,
                        adi_model **out_model, adi_facts *out_facts);
    /* Write the state of a fit to a file, and read it into a new one: for methods that merge. After
     * a failed load_fit() only destroy_fit() is possible. */
    ad_status (*save_fit)(adi_fit *fit, adi_st_writer *writer, adi_kept *keep);
    ad_status (*load_fit)(adi_fit *fit, const adi_extractor *x, const adi_safetensors *file);
    size_t (*memory)(const adi_fit *fit);
    void (*destroy_fit)(adi_fit *fit);

    /* The extractor learns what the model needs in a workspace. */
    void (*reserve)(const adi_model *model, adi_extractor *x);
    /* Computes the distances of the features in the workspace, and fetches these results: all that
     * is in out_maps is in the host's memory. wants_map: the caller wants the map beside the
     * score. */
    ad_status (*infer)(const adi_model *model, const adi_extractor *x, adi_workspace *w,
                       int32_t wants_map, adi_layer_maps *out_maps);
    /* Blocks that must live until the file is written are put in *keep. */
    ad_status (*save)(const adi_model *model, adi_st_writer *writer, adi_kept *keep);
    /* `settings` are settled; `graph` has the model's layers. */
    ad_status (*load)(ad_context *context, const adi_graph *graph, const adi_settings *settings,
                      const adi_safetensors *file, adi_model **out_model);
    void (*destroy_model)(adi_model *model);
};

/* The extractor learns what scoring by a model needs in a workspace. */
void adi_model_reserve(const adi_model *model, adi_extractor *x);
/* Score, from the features in the workspace, and where wants_map the map in w->map. */
ad_status adi_model_score(const adi_model *model, const adi_extractor *x, adi_workspace *w,
                          int32_t wants_map, double *out_score);

#endif
