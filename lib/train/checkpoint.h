/* Checkpoints: a file holds the arrays and counters of a trainee, its best values and the position
 * of the loop. It is written atomically, so that a whole one is left whenever a process dies. */
#ifndef ADI_TRAIN_CHECKPOINT_H
#define ADI_TRAIN_CHECKPOINT_H

#include "core/safetensors.h"
#include "train/trainee.h"

/* The position of a training loop. All are doubles, since a checkpoint stores it as one tensor. */
typedef struct adi_train_position {
    double phase;
    double epoch;  /* finished epochs of this phase */
    double batch;  /* finished batches of this epoch */
    double images; /* seen in this epoch */
    double loss, parts[ADI_LOSS_PARTS];      /* summed over those images */
    double validation, best_validation;      /* NaN before the first; -1 in a file */
    double best_epoch;
    double stale; /* epochs since the best */
} adi_train_position;

/* Lock a folder for one training, until adi_checkpoint_leave(). AD_ERR_IO if no checkpoint can be
 * written there, so that it is known before a long training and not after its first epoch.
 * AD_ERR_STATE if another training uses the folder: each would overwrite the other's checkpoint. */
ad_status adi_checkpoint_enter(const char *dir, int *out_lock);
void adi_checkpoint_leave(int lock);
/* Write dir/checkpoint.safetensors. Arrays must be finite: adi_checkpoint_load() refuses others. */
ad_status adi_checkpoint_save(const adi_allocator *a, const char *dir, const adi_trainee *t,
                              const adi_train_position *position);
/* Restore trainee and position. *out_found is 0 if there is no checkpoint. AD_ERR_MISMATCH if it
 * belongs to another training; the message names the difference. On failure trainee and position
 * are unchanged. */
ad_status adi_checkpoint_load(const adi_allocator *a, const char *dir, const adi_trainee *t,
                              adi_train_position *position, int32_t *out_found);
/* The same from an open file. */
ad_status adi_checkpoint_read(const adi_safetensors *file, const adi_trainee *t,
                              adi_train_position *position);

#endif
