/* Listing a folder of images. */
#ifndef ADI_API_FOLDER_SCAN_H
#define ADI_API_FOLDER_SCAN_H

#include "device/device.h"

typedef struct adi_names {
    char **list;
    size_t capacity, count;
} adi_names;

typedef struct adi_folder_scan {
    const adi_allocator *allocator;
    adi_names images, folders; /* sorted */
    int64_t skipped;       /* files that are no images */
    char refused[256];     /* an image of an unsupported kind, or "" */
} adi_folder_scan;

/* List the folder without hidden files and files of systems and tools. On failure nothing is
 * held. */
ad_status adi_folder_read(const adi_allocator *a, const char *path, adi_folder_scan *out);
/* Leaves an empty scan; freeing it again is harmless. */
void adi_folder_free(adi_folder_scan *scan);
/* AD_ERR_FORMAT unless the folder holds images and this build reads all of them. Files that are no
 * images are logged. */
ad_status adi_folder_check_images(const ad_context *context, const char *folder,
                                  const adi_folder_scan *scan);
int adi_folder_has(const adi_folder_scan *scan, const char *name);
/* The name of that folder as it is written, which may differ in case; NULL if there is none. */
const char *adi_folder_find(const adi_folder_scan *scan, const char *name);
/* Write the names of its folders for messages, as many as fit. */
void adi_folder_list(const adi_folder_scan *scan, char *out, size_t size);
/* Allocate folder/name; NULL on failure. */
char *adi_folder_join(const adi_allocator *a, const char *folder, const char *name);
/* Allocate folder/part/STEM + ending, with the stem of an image's name; NULL on failure. */
char *adi_folder_sibling(const adi_allocator *a, const char *folder, const char *part,
                         const char *image, const char *ending);

#endif
