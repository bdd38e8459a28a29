/* A fixture with a folder for checkpoints. */
#ifndef ADFEAT_TESTS_STFPM_FOLDER_H
#define ADFEAT_TESTS_STFPM_FOLDER_H

#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "stfpm_case.h"

static char folder[560], checkpoint[600];

static inline void forget(void)
{
    unlink(checkpoint);
}

static inline int set_up_folder(void **state)
{
    char *path = tiny_fast_path("stfpm");
    snprintf(folder, sizeof folder, "%s", path);
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.safetensors", folder);
    free(path);
    return mkdir(folder, 0700) || set_up_resnet(state);
}

static inline int tear_down_folder(void **state)
{
    forget();
    return rmdir(folder) || tear_down(state);
}

#endif
