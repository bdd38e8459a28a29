/* What scorer files and fit files have in common: scorer_file.c. `kind` is "scorer" or "fit". */
#ifndef ADI_API_FITTED_FILE_H
#define ADI_API_FITTED_FILE_H

#include "api/objects.h"

/* Format, kind, version, method, and the backbone's graph and digest. */
ad_status adi_fitted_write(const char *kind, const adi_method *method, const ad_backbone *backbone,
                           const char *digest, adi_st_writer *w);
/* That the file is undamaged and of this kind, and its method. */
ad_status adi_fitted_check_kind(adi_safetensors *file, const char *kind,
                                const adi_method **out_method);
/* How the images' files were read. */
ad_status adi_fitted_load_reading(const adi_safetensors *file, const char *kind,
                                  adi_scorer_reading *out_reading);
/* The options in the metadata, through the same door as a user's, settled for the backbone. */
ad_status adi_fitted_load_settings(const adi_safetensors *file, const char *kind,
                                   const adi_method *method, const ad_backbone *backbone,
                                   adi_settings *settings);
/* AD_ERR_MISMATCH where the backbone, as far as the layers go, is another than the file's, whose
 * digest is `wanted`. */
ad_status adi_fitted_check_backbone(const ad_backbone *backbone, const adi_safetensors *file,
                                    const char *wanted, const int32_t *taps, int32_t count);

#endif
