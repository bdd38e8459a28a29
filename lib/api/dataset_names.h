/* Names of folders and files that mean good, anomalous or mask. */
#ifndef ADI_API_DATASET_NAMES_H
#define ADI_API_DATASET_NAMES_H

#include <stddef.h>

/* The length of a file name without its ending. */
size_t adi_stem_length(const char *name);
/* Whether `name` is in a comma-separated list. Case is ignored, and space, '-' and '_' are
 * equal. */
int adi_name_listed(const char *name, const char *list);
/* Whether a folder of this name holds good parts. good: the caller's list of names; NULL: the usual
 * ones. */
int adi_name_is_good(const char *name, const char *good);
/* Whether a folder of this name usually holds anomalous parts, of any type. */
int adi_name_is_bad(const char *name);
/* Whether a folder of this name holds masks. */
int adi_name_is_masks(const char *name);
/* The index at which a mask's suffix begins, that of "_mask" in 007_mask.png; 0 if the name is not
 * a mask's. */
size_t adi_mask_suffix(const char *name);

#endif
