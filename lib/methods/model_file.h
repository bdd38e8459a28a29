/* What the scorer files of all methods have in common beside tensors: options and numbers in the
 * metadata. */
#ifndef ADI_METHODS_MODEL_FILE_H
#define ADI_METHODS_MODEL_FILE_H

#include "core/options.h"
#include "core/safetensors.h"

/* adfeat.images, adfeat.normal_score and adfeat.normal_map. */
ad_status adi_model_save_info(adi_st_writer *writer, int64_t images, double normal_score,
                              double normal_map);
/* Finite and not negative, or AD_ERR_FORMAT. */
ad_status adi_model_load_info(const adi_safetensors *file, int64_t *out_images,
                              double *out_normal_score, double *out_normal_map);

/* Every key's "adfeat.option.<key>" through `set`, the same door as a user's; all must be there.
 * Values live as long as the file. */
ad_status adi_model_load_options(const adi_safetensors *file, const char *const *keys, size_t count,
                                 adi_option_setter set, void *options);

#endif
