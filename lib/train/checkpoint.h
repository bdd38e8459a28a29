/* A training in a file: the arrays and counters of a trainee, best values beside current ones, and
 * where the loop is. Written atomically, so that whenever a process dies there is a whole one. */
#ifndef ADI_TRAIN_CHECKPOINT_H
#define ADI_TRAIN_CHECKPOINT_H

#include "core/safetensors.h"
#include "train/trainee.h"

/* Where a loop is. Doubles, so that the file holds them exactly. */
typedef struct adi_train_position {
    double phase, epoch, batch; /* complete epochs of this phase, batches of this epoch */
    double images;                           /* of this epoch, seen so far */
    double loss, similarity, reconstruction; /* sums over these, weighted by images */
    double validation,
        best_validation; /* NaN where there is none yet; a file has has_... instead */
    double best_epoch;
    double stale;                            /* epochs since the best */
} adi_train_position;

/* Take a folder for one training, until adi_checkpoint_leave(). AD_ERR_IO where no checkpoint can
 * be written, which is better said before a long training than behind its first epoch; AD_ERR_STATE
 * where another training, of this process or another, has it: each would overwrite what the other
 * resumes from. */
ad_status adi_checkpoint_enter(const char *dir, int *out_lock);
void adi_checkpoint_leave(int lock);
/* dir/checkpoint.safetensors. Arrays must be finite, which adi_checkpoint_load() asks for. */
ad_status adi_checkpoint_save(const adi_allocator *a, const char *dir, const adi_trainee *t,
                              const adi_train_position *position);
/* The trainee as it was, in the phase where it was. *out_found 0: there is no checkpoint.
 * AD_ERR_MISMATCH where it is of another training: the sentence says in what. On failure trainee
 * and position are as before. */
ad_status adi_checkpoint_load(const adi_allocator *a, const char *dir, const adi_trainee *t,
                              adi_train_position *position, int32_t *out_found);
/* The same from an open file. */
ad_status adi_checkpoint_read(const adi_safetensors *file, const adi_trainee *t,
                              adi_train_position *position);

#endif
