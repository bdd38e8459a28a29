/* A scorer of tiny parts for tests of evaluation. */
#ifndef ADFEAT_TESTS_EVALUATE_CASE_H
#define ADFEAT_TESTS_EVALUATE_CASE_H

#include "harness/tiny.h"

typedef struct fixture {
    char *weights;
    ad_context *context;
    ad_backbone *net;
    ad_scorer *scorer;
    uint8_t pixels[TINY_PIXELS];
} fixture;

static inline ad_scorer *fit(fixture *f, const char *options)
{
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    if (ad_dataset_from_callback(f->context, tiny_callback, f->pixels, 30, &good) ||
        ad_fitter_create(f->net, "gaussian", options, &fitter) ||
        ad_fit(fitter, good, NULL, &scorer))
        fail_msg("%s", ad_last_error_message());
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    return scorer;
}

static inline int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->weights = tiny_path("weights");
    *state = f;
    if (tiny_weights(f->weights, "") || ad_context_create(NULL, &f->context) ||
        tiny_open(f->context, f->weights, &f->net))
        return 1;
    f->scorer = fit(f, NULL);
    return 0;
}

static inline int tear_down(void **state)
{
    fixture *f = *state;
    ad_scorer_destroy(f->scorer);
    ad_backbone_destroy(f->net);
    ad_context_destroy(f->context);
    unlink(f->weights);
    free(f->weights);
    free(f);
    return 0;
}

#endif
