/* Images of a dataset that cannot be used, counted and named: whoever meets one reads on, so that
 * all are known at once. */
#ifndef ADI_API_DAMAGE_H
#define ADI_API_DAMAGE_H

#include <stdbool.h>

#include "device/device.h"

typedef struct adi_damage {
    const ad_context *context;
    int64_t count;
    ad_status status; /* of the first */
    size_t used;      /* of sentences */
    int64_t named;    /* those in it */
    char sentences[ADI_MESSAGE_BYTES - 160];
} adi_damage;

/* Whether a failure is one file's, so that others may be well. Of a callback's images it is the
 * caller's. */
bool adi_is_damage(const ad_dataset *dataset, ad_status status);
/* The failure of image `index` that has just been met; it is logged. */
void adi_damage_add(adi_damage *damage, const ad_dataset *dataset, int64_t index, ad_status status);
/* How many of how many, and the first of them. skipped: they were to be skipped, and there is
 * nothing else. */
ad_status adi_damage_fail(const adi_damage *damage, int64_t total, bool skipped);

#endif
