/* All methods. */
#ifndef ADI_METHODS_METHOD_LIST_H
#define ADI_METHODS_METHOD_LIST_H

#include "model/method.h"

extern const adi_method adi_method_gaussian;
extern const adi_method adi_method_padim;
extern const adi_method adi_method_stfpm;
extern const adi_method adi_method_stfpm_unet;
extern const adi_method adi_method_ast;
extern const adi_method adi_method_masked_rd;

int32_t adi_method_count(void);
/* By its place in the list; by its name, NULL where there is none. */
const adi_method *adi_method_at(int32_t index);
const adi_method *adi_method_find(const char *name);
/* AD_ERR_INVALID_ARGUMENT with all names, and the nearest. */
ad_status adi_method_unknown(const char *name);

#endif
