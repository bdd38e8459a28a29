/* How files become pixels: the caller's options whole and checked, and which hold where a fit or a
 * scorer has its own. */
#ifndef ADI_API_READ_OPTIONS_H
#define ADI_API_READ_OPTIONS_H

#include "device/device.h"
#include "vision/reading.h"

/* A caller's struct of any size; NULL: the defaults. */
ad_status adi_read_options_take(const ad_read_options *caller, ad_read_options *out);
ad_status adi_read_options_check(const ad_read_options *options);
/* What `options` leaves open is filled from `others`. */
void adi_read_options_fill(ad_read_options *options, const ad_read_options *others);

/* "upright", "raw", or "auto". */
const char *adi_orientation_word(int32_t orientation);

/* What a file was read like that its reader should know, as a set of flags; 0: nothing. */
uint32_t adi_read_facts_kinds(const ad_read_options *options, const adi_read_facts *facts);
/* A warning in the log for each of them. */
void adi_read_facts_say(const ad_context *context, uint32_t kinds, const adi_read_facts *facts,
                        const char *name);
/* Those that the context has not said yet. */
void adi_read_facts_say_once(ad_context *context, const ad_read_options *options,
                             const adi_read_facts *facts, const char *name);

#endif
