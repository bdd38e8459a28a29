/* What 'adfeat fit' asks of a method that trains a student, and shows of the training: on a
 * terminal one line that is rewritten, elsewhere a line an epoch. */
#ifndef ADFEAT_TRAINING_H
#define ADFEAT_TRAINING_H

#include "loss_csv.h"
#include "progress.h"

typedef struct training {
    /* Asked for. */
    const char *student, *save_student, *checkpoint_dir;
    int32_t resume;
    loss_csv csv;
    int quiet;
    /* Seen. */
    int begun, was_there;     /* a batch is done; there was a checkpoint before that */
    char phase[32];           /* the latest, and the epoch in it */
    int epoch, epochs;
    int best_epoch;
    double best_validation;
} training;

/* Whether what was asked for goes together, with this method, and can be written. CLI_OK, or says
 * why not.
 * @param trains whether the method has a student at all */
int training_check(const training *t, const char *method, int trains);
/* Whether every output has a file of its own, which is none of what is read; a student may replace
 * itself. */
int training_check_files(const training *t, const char *output, const char *weights);
/* Make the checkpoint folder; refuse to write over a checkpoint that is not gone on from. */
int training_prepare(training *t);
/* After every batch and epoch, and before the first. @param memory bytes that the fit may hold */
void training_show(training *t, progress *bar, const ad_train_progress *p, size_t memory);
/* Say that it was interrupted, and how it goes on. */
void training_interrupted(const training *t);

#endif /* ADFEAT_TRAINING_H */
