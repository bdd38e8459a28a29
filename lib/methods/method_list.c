/* All methods, a line each: a scorer file names one of them. */
#include "methods/method_list.h"

#include <stdio.h>
#include <string.h>

#include "model/option_text.h"

static const adi_method *const methods[] = {
    &adi_method_gaussian,
    &adi_method_padim,
    &adi_method_stfpm,
    &adi_method_stfpm_unet,
    &adi_method_ast,
    &adi_method_masked_rd,
};
enum { METHODS = sizeof methods / sizeof *methods };

int32_t adi_method_count(void)
{
    return METHODS;
}

const adi_method *adi_method_at(int32_t index)
{
    return index >= 0 && index < METHODS ? methods[index] : NULL;
}

const adi_method *adi_method_find(const char *name)
{
    for (int32_t i = 0; i < METHODS; i++)
        if (strcmp(methods[i]->name, name) == 0)
            return methods[i];
    return NULL;
}

ad_status adi_method_unknown(const char *name)
{
    char all[256] = "";
    const char *nearest = NULL;
    int32_t least = 3;
    for (int32_t i = 0, n = 0; i < METHODS && n < (int32_t)sizeof all; i++) {
        const int32_t distance = adi_text_distance(name, methods[i]->name);
        n += snprintf(all + n, sizeof all - (size_t)n, "%s%s", i ? ", " : "", methods[i]->name);
        if (distance < least) {
            least = distance;
            nearest = methods[i]->name;
        }
    }
    if (nearest)
        return adi_fail(AD_ERR_INVALID_ARGUMENT, "no method '%.40s', did you mean %s? There are %s",
                        name, nearest, all);
    return adi_fail(AD_ERR_INVALID_ARGUMENT, "no method '%.40s': there are %s", name, all);
}
