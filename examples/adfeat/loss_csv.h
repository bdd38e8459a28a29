/* Losses of a training as lines of a CSV file, one an epoch, written as they come. */
#ifndef ADFEAT_LOSS_CSV_H
#define ADFEAT_LOSS_CSV_H

#include <adfeat.h>
#include <stdio.h>

typedef struct loss_csv {
    const char *path; /* NULL: not wanted */
    FILE *file;       /* from the first epoch on */
    double before;    /* seconds of the runs that this one goes on from */
    int error;        /* errno of the first line that could not be written: it is the last */
    int foreign;      /* 1: the file has other columns than this training */
} loss_csv;

/* Whether it can be written and, with `resume`, gone on with. CLI_OK, or says why not. */
int loss_csv_check(const loss_csv *csv, int resume);
/* The line of a complete epoch. In a resumed training the first one takes the place of a line of
 * that epoch and of all behind it: a run that was killed may have written more than its checkpoint
 * holds. CLI_FAILED once, where nothing more can be written; loss_csv_end() says why. */
int loss_csv_add(loss_csv *csv, const ad_train_progress *p);
/* Close. CLI_OK where all lines were written, otherwise says so. */
int loss_csv_end(loss_csv *csv);

#endif /* ADFEAT_LOSS_CSV_H */
