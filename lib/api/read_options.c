/* Options of reading an image file: defaults, text, checks. */
#include "api/read_options.h"

#include <string.h>

#include "core/options.h"
#include "methods/option_text.h"

enum { MAX_MIN_SIDE = 32768 };

void ad_read_options_init(ad_read_options *options, size_t struct_size)
{
    const ad_read_options defaults = {.struct_size = sizeof defaults};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

static ad_status set_option(void *full, const char *key, const char *value)
{
    ad_read_options *options = full;
    if (strcmp(key, "min_side") == 0)
        return adi_text_int(key, value, 0, MAX_MIN_SIDE, &options->min_side);
    return adi_fail(AD_ERR_INVALID_ARGUMENT, "reading has no option '%s': there is min_side", key);
}

ad_status ad_read_options_set(ad_read_options *options, const char *key, const char *value)
{
    ad_read_options full;
    ad_read_options_init(&full, sizeof full);
    return adi_options_set(options, &full, sizeof full, "ad_read_options", set_option, key, value);
}

ad_status adi_read_options_take(const ad_read_options *caller, ad_read_options *out)
{
    ad_read_options_init(out, sizeof *out);
    ADI_TRY(adi_options_take(out, sizeof *out, caller, "ad_read_options"));
    ADI_CHECK_ARG(out->min_side >= 0 && out->min_side <= MAX_MIN_SIDE, "min_side is %d, 0 to %d is possible",
                  out->min_side, MAX_MIN_SIDE);
    return AD_OK;
}
