/* The training loop: phases of epochs of batches in a seeded order, validation after every epoch,
 * the best epoch kept, early stopping, progress, cancelling, checkpoints. The same bits whenever it
 * is interrupted. */
#ifndef ADI_TRAIN_FIT_LOOP_H
#define ADI_TRAIN_FIT_LOOP_H

#include "core/mt19937.h"
#include "train/checkpoint.h"

typedef struct adi_fit_loop {
    const adi_allocator *allocator;
    adi_trainee *trainee;         /* the owner's */
    int32_t *held_out;            /* images; owned, and behind it: */
    int32_t *train, *order;       /* the others, and they again in the order of this epoch */
    int32_t train_count, held_out_count;
    int32_t batch, patience;
    uint64_t seed;                /* of the order */
    adi_mt19937 mt;
    int32_t drawn;                /* epochs whose order mt has given */
    int32_t finished;             /* the best values are in place */
    adi_train_position position;
} adi_fit_loop;

/* How one call runs, beside the trainee. */
typedef struct adi_fit_control {
    const ad_fit_options *options; /* all of it, in full */
    double from;                   /* progress before the first batch, 0 .. 1 */
} adi_fit_control;

/* Held-out images are chosen as scikit-learn's train_test_split does. AD_ERR_STATE where there are
 * too few images for that. The values of the trainee are where it begins, and what is best until an
 * epoch is. */
ad_status adi_fit_loop_init(adi_fit_loop *loop, const adi_allocator *a, adi_trainee *trainee,
                            int32_t images, double validation_share, uint64_t split_seed);
void adi_fit_loop_free(adi_fit_loop *loop);

/* Go on from where the loop is to its end, where the best values are put in place. AD_ERR_CANCELLED
 * leaves it where it was; AD_ERR_NUMERIC, of a loss, a validation error or a value that is not
 * finite, puts the best values in place, and the loop at its beginning. */
ad_status adi_fit_loop_run(adi_fit_loop *loop, const adi_fit_control *control);

#endif
