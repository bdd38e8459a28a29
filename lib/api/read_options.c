/* Options of reading an image file: defaults, text, checks. */
#include "api/read_options.h"

#include <string.h>

#include "core/options.h"
#include "model/option_text.h"

enum { MAX_MIN_SIDE = 1 << 20, FEWEST_BITS = 8, MOST_BITS = 16 };

#define ORIENTATION_WORDS "auto|upright|raw"
static const char *const orientation_words[] = {"auto", "upright", "raw"};

void ad_read_options_init(ad_read_options *options, size_t struct_size)
{
    const ad_read_options defaults = {.struct_size = sizeof defaults};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

static ad_status set_option(void *full, const char *key, const char *value)
{
    ad_read_options *options = full;
    if (strcmp(key, "min_side") == 0)
        return adi_text_integer(key, value, 0, MAX_MIN_SIDE, NULL, &options->min_side);
    if (strcmp(key, "orientation") == 0)
        return adi_text_choice(key, value, ORIENTATION_WORDS, &options->orientation);
    if (strcmp(key, "significant_bits") == 0)
        return strcmp(value, "0") == 0 ? (options->significant_bits = 0, AD_OK)
                                       : adi_text_integer(key, value, FEWEST_BITS, MOST_BITS, NULL,
                                                          &options->significant_bits);
    return adi_fail(AD_ERR_INVALID_ARGUMENT,
                    "reading has no option '%s': there are min_side, orientation, significant_bits",
                    key);
}

ad_status ad_read_options_set(ad_read_options *options, const char *key, const char *value)
{
    ad_read_options full;
    ad_read_options_init(&full, sizeof full);
    return adi_struct_set(options, &full, sizeof full, "ad_read_options", set_option, key, value);
}

ad_status adi_read_options_check(const ad_read_options *o)
{
    ADI_CHECK_ARG(o->min_side >= 0 && o->min_side <= MAX_MIN_SIDE,
                  "min_side is %d, 0 to %d is possible", o->min_side, MAX_MIN_SIDE);
    ADI_CHECK_ARG(o->orientation >= AD_ORIENTATION_AUTO && o->orientation <= AD_ORIENTATION_RAW,
                  "orientation is %d, no such ad_orientation", o->orientation);
    const int32_t bits = o->significant_bits;
    ADI_CHECK_ARG(!bits || (bits >= FEWEST_BITS && bits <= MOST_BITS),
                  "significant_bits is %d, 0 (as the file says) and %d to %d are possible", bits,
                  FEWEST_BITS, MOST_BITS);
    return AD_OK;
}

ad_status adi_read_options_take(const ad_read_options *caller, ad_read_options *out)
{
    ad_read_options_init(out, sizeof *out);
    ADI_TRY(adi_options_take(out, sizeof *out, caller, "ad_read_options"));
    return adi_read_options_check(out);
}

void adi_read_options_fill(ad_read_options *options, const ad_read_options *others)
{
    if (!options->min_side)
        options->min_side = others->min_side;
    if (options->orientation == AD_ORIENTATION_AUTO)
        options->orientation = others->orientation;
    if (!options->significant_bits)
        options->significant_bits = others->significant_bits;
}

const char *adi_orientation_word(int32_t orientation)
{
    return orientation_words[orientation];
}
