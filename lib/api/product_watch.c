/* The rule, from three sets of images (screws, tiles, cookies; ResNet-18). gaussian: good images of
 * the same product score 1.1 to 2 times normal_score (4.5 times after a fit to 16 images), those of
 * another product 8 to 15 times. The limit is 5 (1 + 16/n) normal_score; below 8 images there is
 * none. padim has no normal_score. The maximum of its map is 2.6 times the fit's root mean square
 * for the same product and 4.6 to 7 times for others. By normal theory distances of new images are
 * larger by sqrt((n + 1)/(n - d - 2)). The limit is 4 times both, if n >= 2 d. */
#include "api/product_watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double option_of(const ad_scorer *s, const char *key)
{
    for (int32_t i = 0; i < s->option_count; i++)
        if (strcmp(s->options[i].key, key) == 0)
            return strtod(s->options[i].value, NULL);
    return 0.0;
}

void adi_product_watch_begin(ad_scorer *s)
{
    const adi_facts info = s->facts;
    const double n = (double)info.images, d = option_of(s, "dimensions");
    if (info.normal_score > 0.0 && n >= 8.0) {
        const double times = 5.0 * (1.0 + 16.0 / n);
        s->watch.limit =
            info.normal_score * (option_of(s, "squared") > 0.0 ? times * times : times);
    } else if (info.normal_map > 0.0 && d >= 1.0 && n >= 2.0 * d && n > d + 2.0) {
        s->watch.limit = 4.0 * info.normal_map * sqrt((n + 1.0) / (n - d - 2.0));
    }
}

double adi_product_ratio(const ad_scorer *s, double median)
{
    return s->watch.limit > 0.0 ? median / s->watch.limit : NAN;
}

void adi_product_say(ad_scorer *s, double ratio, char *out, size_t size)
{
    out[0] = '\0';
    if (!(ratio > 1.0))
        return;
    snprintf(out, size,
             "the median score of good images is %.3g, and %.3g at most was expected: are they of "
             "the product that this scorer "
             "was fitted on, and taken alike?",
             ratio * s->watch.limit, s->watch.limit);
    if (!atomic_exchange(&s->watch.said, 1))
        adi_log(s->backbone->context, AD_LOG_WARNING, "%s", out);
}

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Runs on the thread of the last score that counts. */
static void look(ad_scorer *s)
{
    float scores[ADI_WATCHED];
    for (int i = 0; i < ADI_WATCHED; i++)
        scores[i] = s->watch.first[i];
    qsort(scores, ADI_WATCHED, sizeof *scores, by_size);
    const double median =
        0.5 * ((double)scores[ADI_WATCHED / 2 - 1] + (double)scores[ADI_WATCHED / 2]);
    if (median > s->watch.limit && !atomic_exchange(&s->watch.said, 1))
        adi_log(s->backbone->context, AD_LOG_WARNING,
                "the median score of the first %d images is %.3g, and %.3g at most was expected of "
                "good ones: are they of the "
                "product that this scorer was fitted on, and taken alike?",
                ADI_WATCHED, median, s->watch.limit);
}

void adi_product_watch_see(ad_scorer *s, float score)
{
    adi_product_watch *w = &s->watch;
    if (w->limit <= 0.0 || atomic_load_explicit(&w->taken, memory_order_relaxed) >= ADI_WATCHED)
        return;
    const int i = atomic_fetch_add(&w->taken, 1);
    if (i >= ADI_WATCHED)
        return;
    w->first[i] = score;
    if (atomic_fetch_add(&w->kept, 1) == ADI_WATCHED - 1)
        look(s);
}
