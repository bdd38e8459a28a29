/* A file of text that takes its name only when all of it is written. */
#ifndef ADFEAT_WHOLE_FILE_H
#define ADFEAT_WHOLE_FILE_H

#include <stdio.h>

typedef struct whole_file {
    const char *path;     /* as the caller gave it */
    FILE *out;            /* to write to, after whole_file_begin() */
    char target[4096];    /* where a symbolic link leads */
    char temporary[4096]; /* in the folder of target; empty where it is written in place */
} whole_file;

/* Whether `path` can be written, before the work: CLI_OK, or says why not. */
int whole_file_check(const char *path);
/* Begin in a temporary file of the same folder. What is there and is no regular file, a device or
 * a pipe, is written in place. CLI_OK, or says why not. */
int whole_file_begin(whole_file *f, const char *path);
/* Where `code` is CLI_OK the new file takes the place of the old one; otherwise, or where it could
 * not be written, the old one stays. Returns `code`, or says why not. */
int whole_file_end(whole_file *f, int code);

#endif /* ADFEAT_WHOLE_FILE_H */
