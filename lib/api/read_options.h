/* Options for reading images: checks of the caller's struct, and defaults from a fit or a
 * scorer. */
#ifndef ADI_API_READ_OPTIONS_H
#define ADI_API_READ_OPTIONS_H

#include "device/device.h"
#include "vision/reading.h"

/* Copy and check a caller's struct of any size; NULL: the defaults. */
ad_status adi_read_options_take(const ad_read_options *caller, ad_read_options *out);
ad_status adi_read_options_check(const ad_read_options *options);
/* Fill in what `options` leaves open from `others`. */
void adi_read_options_fill(ad_read_options *options, const ad_read_options *others);

/* "upright", "raw", or "auto". */
const char *adi_orientation_word(int32_t orientation);

/* The warnings that the facts of a file call for, as a set of flags. */
uint32_t adi_read_facts_kinds(const ad_read_options *options, const adi_read_facts *facts);
/* Log a warning for each flag. */
void adi_read_facts_say(const ad_context *context, uint32_t kinds, const adi_read_facts *facts,
                        const char *name);
/* Log those that this context has not logged yet. */
void adi_read_facts_say_once(ad_context *context, const ad_read_options *options,
                             const adi_read_facts *facts, const char *name);

#endif
