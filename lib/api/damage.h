/* Damaged images of a dataset, counted and named: reading goes on after one, so that all are
 * reported at once. */
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

/* Whether a failure concerns one file only. A failure of a callback concerns the caller. */
bool adi_is_damage(const ad_dataset *dataset, ad_status status);
/* Count and log the current failure, of image `index`. */
void adi_damage_add(adi_damage *damage, const ad_dataset *dataset, int64_t index, ad_status status);
/* Fail with the number of damaged images and the first of them. skipped: damaged images were to be
 * skipped, and no other is left. */
ad_status adi_damage_fail(const adi_damage *damage, int64_t total, bool skipped);

#endif
