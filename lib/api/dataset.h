/* Datasets. Opening a folder has three levels: dataset_folder.c chooses; dataset_layouts.c (with
 * dataset_split.c and dataset_pool.c), dataset_classes.c, dataset_pairs.c and dataset_csv.c know
 * which folders hold which images; dataset_images.c and dataset_truth.c add the images of one
 * folder with their masks. */
#ifndef ADI_API_DATASET_H
#define ADI_API_DATASET_H

#include "api/folder_scan.h"
#include "api/read_options.h"
#include "core/use.h"
#include "vision/image_kinds.h"

typedef struct adi_dataset_item {
    char *path;
    char *group;
    char *mask;  /* a file, or a folder of files that are joined; NULL: none */
    char *depth; /* a file, or NULL */
    int32_t label;
    int32_t other_split; /* 1, while a pool is split: belongs to the other split */
} adi_dataset_item;

struct ad_dataset {
    atomic_int refs;
    ad_context *context;
    adi_dataset_item *items;
    size_t capacity;
    int64_t count;
    double depth_scale; /* of depth files */
    int32_t with_depth;
    int32_t mask_good;          /* ad_dataset_options.mask_good */
    ad_read_options read;       /* of images and masks; the caller fills in open defaults */
    ad_image_callback callback; /* NULL: the dataset has items */
    void *user;
    int64_t callback_count;
    adi_use use; /* of the callback, which gives one image at a time */
};

ad_status adi_dataset_new(ad_context *context, ad_dataset **out_dataset);
/* Add a reference, dropped by ad_dataset_destroy(): a callback may destroy the dataset that the
 * running call reads. */
ad_dataset *adi_dataset_retain(const ad_dataset *dataset);
/* Lock a callback's dataset around adi_dataset_read_image(), until adi_dataset_let_go(): the next
 * image would overwrite this one. Datasets of files need no lock. `call` is for the message of
 * AD_ERR_STATE. */
ad_status adi_dataset_hold(const ad_dataset *dataset, const char *call);
void adi_dataset_let_go(const ad_dataset *dataset);
/* path and group are copied; ownership of mask and depth is taken, also on failure. */
ad_status adi_dataset_append(ad_dataset *d, const char *path, const char *group, int32_t label,
                             char *mask, char *depth);
void adi_dataset_item_free(const ad_dataset *d, adi_dataset_item *item);

/* ad_dataset_read_image() with checked options, on any thread; the caller's thread logs the
 * notes. */
ad_status adi_dataset_read_image(const ad_dataset *dataset, int64_t index,
                                 const ad_read_options *options, adi_notes *notes,
                                 ad_image *out_image);
ad_status adi_dataset_read_mask(const ad_dataset *dataset, int64_t index,
                                const ad_read_options *options, ad_image *out_mask);
void adi_dataset_log(const ad_dataset *dataset, int64_t index, const adi_notes *notes);

/* dataset_mask.c: ad_image_read_mask() with an orientation; and the number of pixels that a mask
 * marks, of a file or of a mask that was read. */
ad_status adi_mask_read(ad_context *context, const char *path, int32_t good, int32_t orientation,
                        ad_image *out_mask);
ad_status adi_mask_count(const ad_dataset *d, const char *path, int64_t *out_marked);
int64_t adi_mask_marked(const ad_image *mask);

/* dataset_truth.c: a folder of masks. */
typedef struct adi_truth {
    char *folder; /* NULL: no masks */
    adi_folder_scan scan;
} adi_truth;

/* Ownership of folder is taken, also on failure; NULL: no masks. */
ad_status adi_truth_open(const adi_allocator *a, char *folder, adi_truth *out);
/* Find the mask of an image: STEM with any ending and any suffix of masks, or the folder STEM.
 * *out_mask is the caller's to free. AD_ERR_FORMAT if there is more than one, or none: unless
 * `required` *out_mask is NULL then. */
ad_status adi_truth_find(const adi_truth *truth, const char *image_folder, const char *image,
                         int required, char **out_mask);
void adi_truth_close(adi_truth *truth);

/* The images of a folder that are masks of other images in it. */
typedef struct adi_beside {
    const adi_allocator *allocator;
    int32_t *mask; /* the index of image i's mask, or -1 */
    uint8_t *is_mask;
    int64_t masks;
} adi_beside;

ad_status adi_beside_find(const ad_dataset *d, const char *folder, const adi_folder_scan *s,
                          adi_beside *out);
void adi_beside_free(adi_beside *b);

/* dataset_images.c: images of one folder, all with one group and label. */
typedef struct adi_group {
    const char *name;
    int32_t label;
    const adi_truth *truth; /* their masks, or NULL */
    int64_t *beside; /* counts masks beside images, for the caller to log; NULL: logged here */
    int32_t any_name;       /* 1: accept a folder of files that are all named like masks */
} adi_group;

/* Add the images of a folder, also of MVTec 3D-AD's form: rgb, gt, xyz and depth. */
ad_status adi_dataset_add_folder(ad_dataset *d, const char *folder, const adi_group *group);
/* The same for nested folders, up to 4 levels. */
ad_status adi_dataset_add_tree(ad_dataset *d, const char *folder, const adi_group *group);

/* dataset_pool.c: about a fifth of a pool of good images is held out for the test split. */
enum { ADI_HELD_OUT = 5 };

typedef struct adi_pool {
    int64_t images, folders, held_out; /* good images, their folders, and the held-out images */
} adi_pool;

/* Remove the good images of the other split from the items from `first` on. */
void adi_pool_split(ad_dataset *d, int64_t first, int32_t split, adi_pool *out);
/* Log the rule that was used. folder: inside root, or "". */
void adi_pool_log(const ad_context *context, const char *root, const char *folder,
                  const adi_pool *pool);

/* dataset_classes.c: class folders, in root or in its folders train and test. */
ad_status adi_dataset_add_classes(ad_dataset *d, const char *root, int32_t split, const char *good);
/* dataset_pairs.c: images with masks beside them; an empty mask means good. *out_pairs is 1 for
 * such a folder. */
ad_status adi_dataset_are_pairs(const ad_dataset *d, const char *root, const adi_folder_scan *top,
                                int *out_pairs);
ad_status adi_dataset_add_pairs(ad_dataset *d, const char *root, const adi_folder_scan *top,
                                int32_t split);
/* dataset_csv.c: the rows of a CSV file. */
ad_status adi_dataset_add_csv(ad_dataset *d, const char *root, const ad_dataset_options *o);
/* The same for a table in memory, which is modified; text[size] must be writable too. */
ad_status adi_dataset_add_table(ad_dataset *d, const char *root, const ad_dataset_options *o,
                                char *text, size_t size);
/* dataset_layouts.c: a layout of its table, by its name in the options or by the folders. */
ad_status adi_dataset_add_layout(ad_dataset *d, const char *root, const ad_dataset_options *o);

#endif
