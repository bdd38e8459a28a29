/* What lies in a folder of images. */
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
    int64_t skipped;       /* files of another kind */
    char refused[256];     /* an image of a kind that is not read, or "" */
} adi_folder_scan;

/* The folder's entries, without those that begin with a dot and what systems and tools leave
 * behind. On failure nothing is held. */
ad_status adi_folder_read(const adi_allocator *a, const char *path, adi_folder_scan *out);
/* Leaves an empty scan, which may be freed again. */
void adi_folder_free(adi_folder_scan *scan);
/* AD_ERR_FORMAT unless the folder holds images and this build reads all of them. Files that are no
 * images are logged. */
ad_status adi_folder_check_images(const ad_context *context, const char *folder,
                                  const adi_folder_scan *scan);
int adi_folder_has(const adi_folder_scan *scan, const char *name);
/* The folder of that name as it is written there, which may differ in case; or NULL. */
const char *adi_folder_find(const adi_folder_scan *scan, const char *name);
/* The names of its folders, for sentences: as many as `out` holds. */
void adi_folder_list(const adi_folder_scan *scan, char *out, size_t size);
/* A path in the allocator's memory, or NULL. */
char *adi_folder_join(const adi_allocator *a, const char *folder, const char *name);
/* folder/part/stem + ending, with the stem of an image's name; or NULL. */
char *adi_folder_sibling(const adi_allocator *a, const char *folder, const char *part,
                         const char *image, const char *ending);

#endif
