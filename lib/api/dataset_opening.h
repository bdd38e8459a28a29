/* A folder that is being opened as a dataset, and the two forms that its layout may have. */
#ifndef ADI_API_DATASET_OPENING_H
#define ADI_API_DATASET_OPENING_H

#include "api/dataset.h"

typedef struct adi_opening {
    ad_dataset *dataset;
    const char *root;
    const ad_dataset_options *options;
    adi_folder_scan top; /* of root */
} adi_opening;

const adi_allocator *adi_opening_allocator(const adi_opening *o);
/* Allocate folder/name. */
ad_status adi_opening_join(const adi_opening *o, const char *folder, const char *name, char **out);
/* List folder/name. *out can be freed on failure too. */
ad_status adi_opening_scan(const adi_opening *o, const char *folder, const char *name,
                           adi_folder_scan *out);
/* Whether a folder of this name holds good parts, by the options. */
int adi_opening_is_good(const adi_opening *o, const char *name);
/* The last part of a path, which names the group of its images. */
const char *adi_last_part(const char *path);

/* A layout: a split has folders train and test; a pool has folders of good and anomalous images. */
typedef struct adi_layout {
    const char *name;
    const char *train, *test;      /* NULL: a pool */
    const char *good, *bad, *mask; /* of a pool; mask NULL: beside the images, or none */
    const char *looks;             /* for messages */
} adi_layout;

/* dataset_split.c: add the images of the train or the test folder. */
ad_status adi_dataset_add_split(const adi_opening *o, const adi_layout *l);

/* Folders of a pool, inside root. */
typedef struct adi_pool_folders {
    const char *good;
    const char *test_good; /* NULL: some of the good images are held out */
    const char *bad, *mask;
} adi_pool_folders;

/* dataset_pool.c: add the images of a pool that belong to the split. */
ad_status adi_dataset_add_pool(const adi_opening *o, const adi_pool_folders *p);

#endif
