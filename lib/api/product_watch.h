/* Whether a scorer sees images of the product that it was fitted on. */
#ifndef ADI_API_PRODUCT_WATCH_H
#define ADI_API_PRODUCT_WATCH_H

#include "methods/method.h"

/* When the scorer is made: what is expected of it. */
void adi_product_watch_begin(ad_scorer *scorer);
/* A score; of the first ADI_WATCHED the median is looked at, and said if it is too high. Allocates
 * nothing; any thread. */
void adi_product_watch_see(ad_scorer *scorer, float score);
/* A median score of good images over the limit; NaN where there is none. */
double adi_product_ratio(const ad_scorer *scorer, double median);
/* Writes "", or for a ratio above 1 what it means; logs it if nothing was logged of this scorer. */
void adi_product_say(ad_scorer *scorer, double ratio, char *out, size_t size);

#endif
