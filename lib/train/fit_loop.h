/* The training loop: phases of epochs of batches in a seeded order, validation after each epoch,
 * restoring the best epoch, early stopping, progress, cancelling, checkpoints. An interrupted and
 * resumed training gives the same bits as one that was not. */
#ifndef ADI_TRAIN_FIT_LOOP_H
#define ADI_TRAIN_FIT_LOOP_H

#include "core/mt19937.h"
#include "train/checkpoint.h"

typedef struct adi_fit_loop {
    const adi_allocator *allocator;
    adi_trainee *trainee;   /* borrowed */
    int32_t *held_out;      /* indices of validation images; one block with the next two */
    float *fetched; /* room for values of a device that the host looks at; else NULL */
    int32_t *train, *order; /* indices of training images, by number and in this epoch's order */
    int32_t train_count, held_out_count;
    int32_t batch, patience;
    uint64_t seed; /* of the order */
    adi_mt19937 mt;
    int32_t drawn;    /* epochs whose order was drawn from mt */
    int32_t finished; /* the best values are restored */
    int32_t unsaved;  /* the last checkpoint could not be written */
    adi_train_position position;
} adi_fit_loop;

/* Settings of one call. */
typedef struct adi_fit_control {
    const ad_fit_options *options; /* a struct of this version's size */
    double from;                   /* progress before the first batch, 0 .. 1 */
} adi_fit_control;

/* Split the images as scikit-learn's train_test_split does; AD_ERR_STATE if there are too few. The
 * trainee's current values are the starting point, and the best ones until an epoch is better. */
ad_status adi_fit_loop_init(adi_fit_loop *loop, const adi_allocator *a, adi_trainee *trainee,
                            int32_t images, double validation_share, uint64_t split_seed);
void adi_fit_loop_free(adi_fit_loop *loop);

/* Train to the end and restore the best values. After AD_ERR_CANCELLED another call goes on from
 * there. AD_ERR_NUMERIC (a loss, a validation error or a parameter is not finite) restores the best
 * values and moves the loop back to its start. */
ad_status adi_fit_loop_run(adi_fit_loop *loop, const adi_fit_control *control);

#endif
