/* What a dataset is made of, and the floors of opening a folder: dataset_folder.c chooses,
 * dataset_layouts.c, dataset_classes.c, dataset_pairs.c and dataset_csv.c say which folders hold
 * what, dataset_images.c and dataset_truth.c add images with their masks. */
#ifndef ADI_API_DATASET_H
#define ADI_API_DATASET_H

#include "api/folder_scan.h"
#include "api/read_options.h"
#include "core/use.h"
#include "vision/image_kinds.h"

typedef struct adi_dataset_item {
    char *path;
    char *group;
    char *mask;  /* a file, or a folder whose files together are it; NULL where there is none */
    char *depth; /* a file, or NULL */
    int32_t label;
    int32_t other_split; /* while a pool is parted: not for this one */
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
    ad_read_options read;       /* of images and masks; what is left open is the reader's */
    ad_image_callback callback; /* instead of items */
    void *user;
    int64_t callback_count;
    adi_use use; /* of the one image that a callback gives at a time */
};

ad_status adi_dataset_new(ad_context *context, ad_dataset **out_dataset);
/* One more owner, who calls ad_dataset_destroy(): a callback may destroy what the call that runs
 * reads. */
ad_dataset *adi_dataset_retain(const ad_dataset *dataset);
/* Before an image is read with adi_dataset_read_image(): no other is until adi_dataset_let_go(),
 * since a callback would overwrite it. Files are not held. `call` is for the sentence of
 * AD_ERR_STATE. */
ad_status adi_dataset_hold(const ad_dataset *dataset, const char *call);
void adi_dataset_let_go(const ad_dataset *dataset);
/* path and group are copied, mask and depth are taken over, also on failure. */
ad_status adi_dataset_append(ad_dataset *d, const char *path, const char *group, int32_t label,
                             char *mask, char *depth);
void adi_dataset_item_free(const ad_dataset *d, adi_dataset_item *item);

/* As ad_dataset_read_image(), by options that are whole, on any thread; what was noted is logged on
 * the caller's. */
ad_status adi_dataset_read_image(const ad_dataset *dataset, int64_t index,
                                 const ad_read_options *options, adi_notes *notes,
                                 ad_image *out_image);
ad_status adi_dataset_read_mask(const ad_dataset *dataset, int64_t index,
                                const ad_read_options *options, ad_image *out_mask);
void adi_dataset_log(const ad_dataset *dataset, int64_t index, const adi_notes *notes);

/* dataset_mask.c: ad_image_read_mask() of any orientation; the pixels that a mask marks: of a file,
 * of what that gave. */
ad_status adi_mask_read(ad_context *context, const char *path, int32_t good, int32_t orientation,
                        ad_image *out_mask);
ad_status adi_mask_count(const ad_dataset *d, const char *path, int64_t *out_marked);
int64_t adi_mask_marked(const ad_image *mask);

/* dataset_truth.c: a folder of masks. */
typedef struct adi_truth {
    char *folder; /* NULL: there is none */
    adi_folder_scan scan;
} adi_truth;

/* folder is taken over, also on failure; NULL: no masks. */
ad_status adi_truth_open(const adi_allocator *a, char *folder, adi_truth *out);
/* The mask of an image of that name, in the allocator's memory: STEM with any of the endings and
 * suffixes of masks, or the folder STEM. AD_ERR_FORMAT where there is none, or more than one. */
ad_status adi_truth_find(const adi_truth *truth, const char *image_folder, const char *image,
                         char **out_mask);
void adi_truth_close(adi_truth *truth);

/* Which of a folder's images are masks of others in it. */
typedef struct adi_beside {
    const adi_allocator *allocator;
    int32_t *mask; /* of image i the index of its mask, or -1 */
    uint8_t *is_mask;
    int64_t masks;
} adi_beside;

ad_status adi_beside_find(const ad_dataset *d, const char *folder, const adi_folder_scan *s,
                          adi_beside *out);
void adi_beside_free(adi_beside *b);

/* dataset_images.c: the images of one folder, all of one group and label. */
typedef struct adi_group {
    const char *name;
    int32_t label;
    const adi_truth *truth; /* where their masks are, or NULL */
    int64_t *beside; /* counts masks beside images, which the caller says; NULL: said here */
    int32_t any_name;       /* 1: also where all files are called as masks are */
} adi_group;

/* Also a folder that holds rgb, gt, xyz and depth. */
ad_status adi_dataset_add_folder(ad_dataset *d, const char *folder, const adi_group *group);
/* The same of a folder of folders, of any depth up to 4. */
ad_status adi_dataset_add_tree(ad_dataset *d, const char *folder, const adi_group *group);

/* dataset_pool.c: of a pool about a fifth of the good images is for the test split. */
enum { ADI_HELD_OUT = 5 };

typedef struct adi_pool {
    int64_t images, folders, held_out; /* good ones, the folders that they lie in */
} adi_pool;

/* Of the items from `first` on leaves the good ones of a split, and all others. */
void adi_pool_split(ad_dataset *d, int64_t first, int32_t split, adi_pool *out);
/* Says which rule it was. folder: in root, or "". */
void adi_pool_log(const ad_context *context, const char *root, const char *folder,
                  const adi_pool *pool);

/* dataset_classes.c: a folder of class folders, or what holds such folders train and test. */
ad_status adi_dataset_add_classes(ad_dataset *d, const char *root, int32_t split, const char *good);
/* dataset_pairs.c: masks beside the images, which say which are good. 1 in *out_pairs: the folder
 * is such. */
ad_status adi_dataset_are_pairs(const ad_dataset *d, const char *root, const adi_folder_scan *top,
                                int *out_pairs);
ad_status adi_dataset_add_pairs(ad_dataset *d, const char *root, const adi_folder_scan *top,
                                int32_t split);
/* dataset_csv.c: rows of a table. */
ad_status adi_dataset_add_csv(ad_dataset *d, const char *root, const ad_dataset_options *o);
/* The same of `size` bytes, which are written to; text[size] is writable, too. */
ad_status adi_dataset_add_table(ad_dataset *d, const char *root, const ad_dataset_options *o,
                                char *text, size_t size);
/* dataset_layouts.c: one of the layouts in its table, the one that options name or the one that
 * fits. */
ad_status adi_dataset_add_layout(ad_dataset *d, const char *root, const ad_dataset_options *o);

#endif
