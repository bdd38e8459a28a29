/* Detects that a scorer is used for another product than it was fitted to. */
#ifndef ADI_API_PRODUCT_WATCH_H
#define ADI_API_PRODUCT_WATCH_H

#include "api/objects.h"

/* Compute the limit when the scorer is made. */
void adi_product_watch_begin(ad_scorer *scorer);
/* Add a score. After ADI_WATCHED scores a warning is logged if their median is above the limit.
 * Allocates nothing; any thread. */
void adi_product_watch_see(ad_scorer *scorer, float score);
/* The ratio of a median score of good images to the limit; NaN if there is no limit. */
double adi_product_ratio(const ad_scorer *scorer, double median);
/* Write a warning for a ratio above 1, else "". Logs it unless this scorer has logged one. */
void adi_product_say(ad_scorer *scorer, double ratio, char *out, size_t size);

#endif
