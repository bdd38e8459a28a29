/* Warnings on how files were read, each logged once: thousands of files of a folder are alike. */
#include "api/read_options.h"

enum { NOTE_RAW = 1, NOTE_DARK = 2, NOTE_UNDECIDED = 4, NOTE_FAR = 8 };

uint32_t adi_read_facts_kinds(const ad_read_options *options, const adi_read_facts *facts)
{
    uint32_t kinds = 0;
    if (options->orientation == AD_ORIENTATION_RAW && facts->orientation > 1)
        kinds |= NOTE_RAW;
    if (facts->bits_note == ADI_BITS_DARK)
        kinds |= NOTE_DARK;
    if (facts->bits_note == ADI_BITS_UNDECIDED)
        kinds |= NOTE_UNDECIDED;
    if (facts->far_depth)
        kinds |= NOTE_FAR;
    return kinds;
}

void adi_read_facts_say(const ad_context *context, uint32_t kinds, const adi_read_facts *facts,
                        const char *name)
{
    if (kinds & NOTE_RAW)
        adi_log(context, AD_LOG_WARNING,
                "'%s' has EXIF orientation %d, which is not applied: rows come as they are stored "
                "(not said again of others)",
                name, facts->orientation);
    if (kinds & NOTE_DARK)
        adi_log(context, AD_LOG_WARNING,
                "no sample of '%s' is above %d of 65535, so it is nearly black: significant_bits "
                "says how many bits its camera has (not said again of others)",
                name, facts->largest);
    if (kinds & NOTE_UNDECIDED)
        adi_log(context, AD_LOG_WARNING,
                "'%s' says that %d bits are significant, and its samples do not tell which: they "
                "are taken as they are unless significant_bits says it (not said again of others)",
                name, facts->stated_bits);
    if (kinds & NOTE_FAR)
        adi_log(context, AD_LOG_WARNING,
                "half of the depth of '%s' is above 50 metres: where a value of 1 means a "
                "millimetre, depth_scale is 0.001 (not said again of others)",
                name);
}

void adi_read_facts_say_once(ad_context *context, const ad_read_options *options,
                             const adi_read_facts *facts, const char *name)
{
    const uint32_t kinds = adi_read_facts_kinds(options, facts);
    if (kinds)
        adi_read_facts_say(context, kinds & ~atomic_fetch_or(&context->facts_said, kinds), facts,
                           name);
}
