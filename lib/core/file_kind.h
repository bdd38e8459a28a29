/* What a safetensors file is, as its metadata says. */
#ifndef ADI_CORE_FILE_KIND_H
#define ADI_CORE_FILE_KIND_H

#include "core/safetensors.h"

/* "scorer", "fit", "student", "checkpoint" or "weights"; NULL if the file does not say. */
const char *adi_file_kind(const adi_safetensors *file);

/* Say that the file is no `wanted`, such as "scorer", and what it is instead. Returns `status`. */
ad_status adi_fail_other_kind(ad_status status, const adi_safetensors *file, const char *wanted);

#endif
