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

static inline ad_student *rd_student_of(ad_backbone *net, const char *settings, uint64_t seed)
{
    ad_student *s = NULL;
    const option_text all = options("seed=%" PRIu64 "%s%s", seed, *settings ? ", " : "", settings);
    if (ad_student_create(net, "masked_rd", all.text, &s) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    return s;
}

/* What tests ask for by a number. */
enum { RD_KINDS = 4 };
static const char *const rd_kinds[RD_KINDS] = {
    "", "preset=rd4ad", "preset=mrkd_flm, mask_rate=0.5",
    "gate=soft, cru_softmax=joint, levels=23, eval_mask=seeded"};

static inline ad_student *rd_student(ad_backbone *net, int32_t kind, uint64_t seed)
{
    return rd_student_of(net, rd_kinds[kind], seed);
}

/* Two epochs of three steps: eight images, two held out, batches of two. */
static const char rd_training[] =
    "size=64, epochs=2, batch=2, validation_share=0.25, blur_sigma=1.5";

static inline ad_fitter *rd_fitter(ad_student *s, const char *settings)
{
    ad_fitter *out = NULL;
    if (ad_fitter_create_with(s, options_over(rd_training, settings).text, &out) != AD_OK)
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
