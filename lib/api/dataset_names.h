/* What names of folders and files say of the images in them: good, anomalous, a mask. */
#ifndef ADI_API_DATASET_NAMES_H
#define ADI_API_DATASET_NAMES_H

#include <stddef.h>

/* Length of a file name without its ending. */
size_t adi_stem_length(const char *name);
/* `name` is one of a list of words that commas part. Case is no difference, nor is one of
 * space, '-' and '_' for another. */
int adi_name_listed(const char *name, const char *list);
/* Good parts lie in a folder of this name. good: the caller's list of names, or NULL: the usual
 * ones. */
int adi_name_is_good(const char *name, const char *good);
/* Anomalous parts, of whatever type, usually lie in a folder of this name. */
int adi_name_is_bad(const char *name);
/* Masks, not parts, lie in a folder of this name. */
int adi_name_is_masks(const char *name);
/* Where what makes the name of a mask of its image's begins, "_mask" in 007_mask.png: an index into
 * name, or 0 where the name is none of a mask. */
size_t adi_mask_suffix(const char *name);

#endif
