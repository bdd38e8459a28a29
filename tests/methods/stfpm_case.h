/* STFPM fitters, trainings and scorers on the tiny ResNet, for the tests of the method. */
#ifndef ADFEAT_TESTS_STFPM_CASE_H
#define ADFEAT_TESTS_STFPM_CASE_H

#include "methods/stfpm.h"
#include "student_training.h"

/* Two epochs (with U-Nets one before them) of three steps: eight images, two held out, batches of
 * two. */
static inline option_text mini_training(const ad_student *s, const char *settings)
{
    const int unets = student_module(s, 1) != NULL;
    return options_over(unets
                            ? "size=32, epochs=2, pretrain_epochs=1, batch=2, validation_share=0.25"
                            : "size=32, epochs=2, batch=2, validation_share=0.25",
                        settings);
}

static inline ad_fitter *mini_fitter(ad_student *s, const char *settings)
{
    ad_fitter *out = NULL;
    if (ad_fitter_create_with(s, mini_training(s, settings).text, &out) != AD_OK)
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
