/* What a fit found, in the metadata of a scorer file. */
#ifndef ADI_MODEL_MODEL_FILE_H
#define ADI_MODEL_MODEL_FILE_H

#include "model/method.h"

/* adfeat.images, adfeat.normal_score and adfeat.normal_map. */
ad_status adi_model_save_facts(const adi_facts *facts, adi_st_writer *writer);
/* Finite and not negative, or AD_ERR_FORMAT. */
ad_status adi_model_load_facts(const adi_safetensors *file, adi_facts *out_facts);

#endif
