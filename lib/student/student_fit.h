/* The fit of every method that trains a student: images are kept as they come, and the student is
 * trained when the fit is finished. */
#ifndef ADI_STUDENT_STUDENT_FIT_H
#define ADI_STUDENT_STUDENT_FIT_H

#include "student/feature_store.h"
#include "student/student.h"

struct adi_student_fit {
    adi_fit head;           /* its student is an owned reference */
    adi_any_config config;  /* the method's own */
    adi_feature_store store;
    float *record;          /* of a method that makes records of its own; freed with the fit */
    size_t training_bytes;  /* of batches of the size that the options say */
    adi_training *training; /* NULL until one begins, and when it is done */
    adi_fit_loop loop;
    int32_t trained_images; /* of the training that is there or was done */
    int32_t done;
    int64_t training_number; /* the student's when this fit last trained it */
    adi_facts facts;         /* scores of the held-out images, or else of those learned */
};

/* A training: the first member of every method's own struct. */
struct adi_training {
    const adi_student_fit *fit;
    const ad_context *context;
    ad_student *student;
    adi_extractor *extractor; /* the teacher's, for features that no memory is left for */
    adi_workspace *workspace;
    adi_workbench bench;
};

/* Entries of a method's table. */
ad_status adi_student_fit_create(const adi_settings *settings, ad_backbone *backbone,
                                 ad_student *student, adi_fit **out_fit);
ad_status adi_student_fit_add(adi_fit *fit, const adi_extractor *x, adi_workspace *w);
ad_status adi_student_fit_finish(adi_fit *fit, adi_extractor *x,
                                 const struct adi_fit_control *control, adi_model **out_model,
                                 adi_facts *out_facts);
size_t adi_student_fit_memory(const adi_fit *fit);
void adi_student_fit_destroy(adi_fit *fit);
ad_status adi_student_model_load(ad_context *context, const adi_graph *graph,
                                 const adi_settings *settings, const adi_safetensors *file,
                                 adi_model **out_model);
/* An extractor that leaves the resized pixels. */
void adi_student_keep_rgb(const adi_settings *settings, adi_extractor *x);

/* A kind's store() and add() where the student reads what the teacher sees: pixels, and features of
 * the layers. */
ad_status adi_student_store_pixels(adi_student_fit *fit);
ad_status adi_student_add_pixels(adi_student_fit *fit, const adi_extractor *x, adi_workspace *w);

/* Creates a training of the images that are there, in batches of at most so many. A training that
 * was begun is dropped. The loop is not told of it. */
ad_status adi_training_create(adi_student_fit *fit, int32_t batch);
void adi_training_destroy(adi_student_fit *fit);
/* A failure of a kernel: "WHAT failed in the backend". */
ad_status adi_training_check(ad_status status, const char *what);

#endif
