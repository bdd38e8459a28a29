/* What a dataset is made of. */
#ifndef ADI_API_DATASET_H
#define ADI_API_DATASET_H

#include "device/device.h"
#include "vision/image_kinds.h"

typedef struct adi_dataset_item {
    char *path;
    char *group;
    char *mask;  /* NULL where there is none */
    char *depth; /* likewise */
    int32_t label;
} adi_dataset_item;

struct ad_dataset {
    ad_context *context;
    adi_dataset_item *items;
    size_t capacity;
    int64_t count;
    double depth_scale;         /* of depth files */
    int32_t with_depth;
    ad_image_callback callback; /* instead of items */
    void *user;
    int64_t callback_count;
};

ad_status adi_dataset_new(ad_context *context, ad_dataset **out_dataset);
/* path and group are copied, mask and depth are taken over, also on failure. */
ad_status adi_dataset_append(ad_dataset *d, const char *path, const char *group, int32_t label,
                             char *mask, char *depth);

/* As ad_dataset_read_image(), on any thread; what was noted is logged on the caller's. */
ad_status adi_dataset_read_image(const ad_dataset *dataset, int64_t index, adi_notes *notes, ad_image *out_image);
void adi_dataset_log(const ad_dataset *dataset, int64_t index, const adi_notes *notes);

/* dataset_folder.c: all images of one folder. truth: where their masks are, ground_truth/<group>, or NULL. */
ad_status adi_dataset_add_folder(ad_dataset *d, const char *folder, const char *group, int32_t label, const char *truth);
/* dataset_classes.c: a folder of class folders, or what holds such folders train and test. */
ad_status adi_dataset_add_classes(ad_dataset *d, const char *root, int32_t split, const char *good);

#endif
