/* Masked reverse distillation on a tiny ResNet of four stages: fitters, trainings and scorers for the tests of the method. */
#ifndef ADFEAT_TESTS_RD_CASE_H
#define ADFEAT_TESTS_RD_CASE_H

#include "harness/rd_network.h"
#include "methods/masked_rd.h"
#include "student_training.h"

enum { RD_INPUT = 64 };

static inline int set_up_rd(void **state)
{
    return set_up_network(state, rd_resnet);
}

static inline int set_up_rd_folder(void **state)
{
    return make_folder() || set_up_rd(state);
}

/* `settings`: "key=value key=value". */
static inline ad_student *rd_student_of(ad_backbone *net, const char *settings, uint64_t seed)
{
    ad_student_options o;
    ad_student *s = NULL;
    char text[256];
    ad_student_options_init(&o, sizeof o);
    o.kind = AD_STUDENT_MASKED_RD;
    o.seed = seed;
    snprintf(text, sizeof text, "%s", settings);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        *value = '\0';
        if (ad_student_options_set(&o, word, value + 1) != AD_OK)
            fail_msg("%s=%s: %s", word, value + 1, ad_last_error_message());
    }
    if (ad_student_create_old(net, &o, &s) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    return s;
}

/* What tests ask for by a number. */
enum { RD_KINDS = 4 };
static const char *const rd_kinds[RD_KINDS] = {"", "preset=rd4ad", "preset=mrkd_flm mask_rate=0.5",
                                               "gate=soft cru_softmax=joint levels=23 eval_mask=seeded"};

static inline ad_student *rd_student(ad_backbone *net, int32_t kind, uint64_t seed)
{
    return rd_student_of(net, rd_kinds[kind], seed);
}

/* Two epochs of three steps: eight images, two held out, batches of two. */
static inline ad_masked_rd_options rd_options(const char *settings)
{
    ad_masked_rd_options o;
    char text[256];
    ad_masked_rd_options_init(&o, sizeof o);
    o.preprocess.size = RD_INPUT;
    o.epochs = 2;
    o.batch = 2;
    o.validation_share = 0.25;
    o.blur_sigma = 1.5;
    snprintf(text, sizeof text, "%s", settings);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        *value = '\0';
        if (ad_masked_rd_options_set(&o, word, value + 1) != AD_OK)
            fail_msg("%s=%s: %s", word, value + 1, ad_last_error_message());
    }
    return o;
}

static inline ad_fitter *rd_fitter(ad_student *s, const char *settings)
{
    const ad_masked_rd_options o = rd_options(settings);
    ad_fitter *out = NULL;
    if (ad_masked_rd_fitter_create(s, &o, &out) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    return out;
}

/* Images 0 .. count - 1, trained to the end. */
static inline ad_scorer *rd_few(ad_student *s, const char *settings, int64_t count)
{
    ad_fitter *fit = rd_fitter(s, settings);
    ad_scorer *scorer = NULL;
    add_range(fit, 0, count);
    if (ad_fitter_finish(fit, &scorer) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    ad_fitter_destroy(fit);
    return scorer;
}

/* The same of a student that is not asked for any more. */
static inline ad_scorer *rd_scorer(ad_backbone *net, int32_t kind, const char *settings)
{
    ad_student *s = rd_student(net, kind, 3);
    ad_scorer *scorer = rd_few(s, settings, FEW);
    ad_student_destroy(s);
    return scorer;
}

#endif
