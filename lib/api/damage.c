/* Damaged images: see damage.h. */
#include "api/damage.h"

#include <stdio.h>

#include "api/dataset.h"

bool adi_is_damage(const ad_dataset *dataset, ad_status status)
{
    return !dataset->callback && (status == AD_ERR_FORMAT || status == AD_ERR_UNSUPPORTED ||
                                  status == AD_ERR_IO || status == AD_ERR_SHAPE);
}

void adi_damage_add(adi_damage *d, const ad_dataset *dataset, int64_t index, ad_status status)
{
    const ad_status unused = adi_fail_in_file(status, "image", dataset->items[index].path);
    (void)unused;
    const char *sentence = ad_last_error_message();
    adi_log(d->context, AD_LOG_WARNING, "%s", sentence);
    d->status = d->count++ ? d->status : status;
    const size_t room = sizeof d->sentences - d->used;
    const int n = snprintf(d->sentences + d->used, room, "%s%s", d->used ? "; " : "", sentence);
    if (d->named == d->count - 1 && n > 0 &&
        (size_t)n < room) { /* the first messages, none cut */
        d->used += (size_t)n;
        d->named++;
    } else {
        d->sentences[d->used] = '\0';
    }
}

ad_status adi_damage_fail(const adi_damage *d, int64_t total, bool skipped)
{
    char rest[64] = "";
    if (d->count > d->named)
        snprintf(rest, sizeof rest, "; and %lld more, all in the log",
                 (long long)(d->count - d->named));
    return adi_fail(d->status, "%lld of %lld images cannot be used%s: %s%s", (long long)d->count,
                    (long long)total, skipped ? "" : " (skip_damaged leaves them out)",
                    d->sentences, rest);
}
