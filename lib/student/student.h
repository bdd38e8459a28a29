/* A student: the networks that a method trains. What they are is said by a table, the kind. */
#ifndef ADI_STUDENT_STUDENT_H
#define ADI_STUDENT_STUDENT_H

#include "core/use.h"
#include "model/backbone.h"
#include "model/method.h"
#include "model/model_networks.h"
#include "nn/module.h"
#include "train/fit_loop.h"
#include "train/workbench.h"

enum { ADI_STUDENT_MAX_LAYERS = 8, ADI_STUDENT_MAX_MODULES = 1 + ADI_STUDENT_MAX_LAYERS };

/* Names that another program's checkpoint gives to a network's tensors. */
typedef struct adi_checkpoint_dialect {
    const char *network;         /* whose: "student" */
    const char *probe;           /* behind a prefix, a tensor that tells: "conv1.weight" */
    const char *const *prefixes; /* that are tried, up to a NULL */
    adi_module_namer namer;      /* gets the prefix as `user`; NULL: names are the graph's */
} adi_checkpoint_dialect;

typedef struct adi_training adi_training;
typedef struct adi_student_fit adi_student_fit;

typedef struct adi_student_kind {
    /* Networks by name; per_layer: the first, and behind it one a layer. own_graph: the first has
     * another graph than the teacher. */
    const char *const *names;
    int32_t name_count, per_layer, own_graph;
    size_t training_size; /* of the method's training, which begins with an adi_training */

    /* Of the student: options that depend on the teacher become what they stand for. */
    ad_status (*settle)(adi_settings *settings, const ad_backbone *teacher);
    /* Graph text of network `index`, freed by the caller; NULL: the teacher's own. AD_ERR_MISMATCH
     * where it would have more than `values` parameters. */
    ad_status (*network)(const adi_settings *settings, const ad_backbone *teacher, int32_t index,
                         int64_t values, char **out_text);
    const adi_checkpoint_dialect *dialects;
    int32_t dialect_count;

    /* Of a fit: what its images are kept as. */
    ad_status (*store)(adi_student_fit *fit);
    ad_status (*add)(adi_student_fit *fit, const adi_extractor *x, adi_workspace *w);

    /* Of a training: list modules, arrays and phases in t->bench. batch: the largest. */
    ad_status (*prepare)(adi_training *t, int32_t batch);
    void (*begin_phase)(adi_training *t, int32_t phase); /* beyond the optimisers' reset; or NULL */
    ad_status (*gradients)(adi_training *t, int32_t phase, const int32_t *images, int32_t count,
                           const adi_cancel *cancel, adi_batch_loss *out_loss);
    double (*clip_norm)(const adi_training *t, int32_t phase); /* NULL: none */
    ad_status (*validate)(adi_training *t, int32_t phase, const int32_t *images, int32_t count,
                          const adi_cancel *cancel, double *out_error);
    /* Root mean square over images of the image score, and of the map's values. */
    ad_status (*scores)(adi_training *t, const int32_t *images, int32_t count, double *out_score,
                        double *out_map);

    /* A model around networks, which it owns from then on, also on failure. */
    ad_status (*model)(ad_context *context, const adi_graph *graph, const adi_settings *settings,
                       adi_networks *networks, adi_model **out_model);
} adi_student_kind;

struct ad_student {
    atomic_int refs;
    ad_backbone *teacher; /* owned reference */
    const adi_method *method;
    adi_settings *settings; /* of the method, of which those of the student are meant */
    char digest[17];        /* of the teacher up to these layers */
    struct {
        const char *name;
        adi_module *module;
    } modules[ADI_STUDENT_MAX_MODULES];
    int32_t module_count;
    int64_t epochs_trained;
    const adi_workbench *bench; /* of a training that runs, which has the values; else NULL */
    adi_use use;
    int64_t trainings; /* begun or gone on with: which values a fit has left is told by this */
};

/* Networks that such a student has. */
int32_t adi_student_network_count(const adi_student_kind *kind, const adi_settings *settings);

/* A student with zeros as parameters, of settings whose options are set. values: a file's; more are
 * AD_ERR_MISMATCH before networks are made. */
ad_status adi_student_make(ad_backbone *teacher, const adi_method *method,
                           const adi_settings *settings, int64_t values, ad_student **out_student);
/* The same with seeded random parameters. */
ad_status adi_student_create(ad_backbone *teacher, const adi_method *method,
                             const adi_settings *settings, ad_student **out_student);
ad_student *adi_student_retain(ad_student *student);
void adi_student_release(ad_student *student);

/* The seed of the random parameters. */
uint64_t adi_student_seed(const ad_student *student);

/* ---- student_file.c: from and to a safetensors file ---- */

/* The method that the file says its student is of; NULL where it does not. */
const char *adi_student_file_method(const adi_safetensors *file);
/* options: what the student is, where the file does not say or says otherwise. */
ad_status adi_student_read(ad_backbone *teacher, const adi_safetensors *file,
                           const adi_method *method, const adi_option_pairs *options,
                           ad_student **out_student);
ad_status adi_student_write(const ad_student *student, const char *path);
/* Brings the modules' values up to date while a training runs, in one of its callbacks. */
ad_status adi_student_fetch_values(const ad_student *student);

#endif
