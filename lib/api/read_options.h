/* How files become pixels: the caller's options, whole and checked. */
#ifndef ADI_API_READ_OPTIONS_H
#define ADI_API_READ_OPTIONS_H

#include "core/error.h"

/* A caller's struct of any size; NULL: the defaults. */
ad_status adi_read_options_take(const ad_read_options *caller, ad_read_options *out);

#endif
