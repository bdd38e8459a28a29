/* All methods, a line each: a scorer file names one of them. */
#include "methods/method.h"

#include <string.h>

static const adi_method *const methods[] = {
    &adi_method_gaussian,
    &adi_method_padim,
    &adi_method_stfpm,
    &adi_method_stfpm_unet,
    &adi_method_ast,
    &adi_method_masked_rd,
};

const adi_method *adi_method_find(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i]->name, name) == 0)
            return methods[i];
    return NULL;
}
