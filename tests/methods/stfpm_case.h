/* STFPM fitters, trainings and scorers on the tiny ResNet, for the tests of the method. */
#ifndef ADFEAT_TESTS_STFPM_CASE_H
#define ADFEAT_TESTS_STFPM_CASE_H

#include "methods/stfpm.h"
#include "student_training.h"

static inline void set(ad_stfpm_options *o, const char *key, const char *value)
{
    if (ad_stfpm_options_set(o, key, value) != AD_OK)
        fail_msg("%s=%s: %s", key, value, ad_last_error_message());
}

/* Two epochs (with U-Nets one before them) of three steps: eight images, two held out, batches of two.
 * `settings`: "key=value key=value". */
static inline ad_stfpm_options mini_options(const char *settings)
{
    static char texts[8][256]; /* strings are not copied */
    static int next;
    ad_stfpm_options o;
    ad_stfpm_options_init(&o, sizeof o);
    o.preprocess.size = INPUT;
    o.epochs = 2;
    o.pretrain_epochs = 1;
    o.batch = 2;
    o.validation_share = 0.25;
    char *text = texts[next++ % 8];
    snprintf(text, sizeof texts[0], "%s", settings);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        *value = '\0';
        set(&o, word, value + 1);
    }
    return o;
}

static inline ad_fitter *mini_fitter(ad_student *s, const char *settings)
{
    const ad_stfpm_options o = mini_options(settings);
    ad_fitter *out = NULL;
    if (ad_stfpm_fitter_create(s, &o, &out) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    return out;
}

/* Images 0 .. count - 1, trained to the end. */
static inline ad_scorer *train_few(ad_student *s, const char *settings, int64_t count)
{
    ad_fitter *fit = mini_fitter(s, settings);
    ad_scorer *scorer = NULL;
    add_range(fit, 0, count);
    if (ad_fitter_finish(fit, &scorer) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    ad_fitter_destroy(fit);
    return scorer;
}

#endif
